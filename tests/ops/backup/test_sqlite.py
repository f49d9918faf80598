"""Backups of a station on SQLite, with the real restic."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from madang.ops.backup import state, subprocesses
from madang.ops.backup.create import list_backups
from madang.ops.backup.destinations import RepositoryPart
from madang.ops.backup.restic import explain_failure
from madang.ops.backup.subprocesses import ProgramFailed
from madang.ops.backup.verify import verify
from tests.support.backups import (
    ask,
    backup,
    backup_creator,
    backup_json,
    backup_refused,
    error_message,
)
from tests.support.sshd import Sftp
from tests.support.station import MADANG, ROOT, Station, until

pytestmark = pytest.mark.slow


def packs(data: Path) -> list[Path]:
    return [p for p in (data / "backup/local/station/data").rglob("*") if p.is_file()]


def add_ballast(data: Path, megabytes: int) -> None:
    ask(data, "CREATE TABLE ballast (body BLOB)")
    for _ in range(megabytes):
        ask(data, "INSERT INTO ballast VALUES (?)", os.urandom(1 << 20))


def test_a_second_backup_adds_what_changed_and_rules_prune_the_rest(data: Path) -> None:
    add_ballast(data, 12)
    first = backup_json(data, "now")
    assert first["bytes"] > 12 << 20
    added = first["places"]["local"]["station"]["added_bytes"]
    assert added > 12 << 20
    ask(data, "UPDATE channels_channel SET title = 'Renamed' WHERE slug = 'yard'")
    ask(data, "DROP TABLE ballast")
    ask(data, "VACUUM")
    second = backup_creator(data).create()
    assert second.added["local"][RepositoryPart.STATION] < added / 8
    # Retention keeps the newest of a day, and pruning frees the rest.
    (entry,) = backup_json(data, "list")
    assert entry["id"] == second.id
    assert (entry["kind"], entry["verified_at"], entry["bytes"]) == ("station", None, second.bytes)
    assert sum(pack.stat().st_size for pack in packs(data)) < 1 << 20


def test_verify_finds_a_flipped_bit_that_a_check_of_the_structure_misses(backed_up: Path) -> None:
    pack = max(packs(backed_up), key=lambda each: each.stat().st_size)
    body = bytearray(pack.read_bytes())
    body[len(body) // 2] ^= 1
    pack.chmod(0o600)
    pack.write_bytes(body)
    alone = subprocess.run(
        ["restic", "--repo", str(backed_up / "backup/local/station"), "check", "--no-cache"],
        env={**os.environ, "RESTIC_PASSWORD_FILE": str(backed_up / "backup/password")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert alone.returncode == 0, alone.stderr
    assert "is damaged" in error_message(lambda: verify(backup_creator(backed_up)))


def is_locked(locks: Path) -> bool:
    """Return whether a restic has locked the repository; a lock has its own name once it is
    whole."""
    return any("-tmp" not in each.name for each in locks.iterdir())


@contextmanager
def at_work(data: Path) -> Iterator[None]:
    """Run a backup until restic writes; kill its process group at the end."""
    process = subprocess.Popen(
        [*MADANG, "backup", "now", "--data", str(data)],
        cwd=ROOT,
        env=Station(data).environment,
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    locks = data / "backup/local/station/locks"
    before = len(packs(data))
    try:
        until(lambda: is_locked(locks) and len(packs(data)) > before, "it writes", within=30)
        assert process.poll() is None
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_the_backup_after_a_killed_one_succeeds(
    backed_up: Path,
) -> None:
    add_ballast(backed_up, 80)
    with at_work(backed_up):
        assert "A backup, check or restore is at work." in error_message(
            backup_creator(backed_up).create
        )
    ask(backed_up, "DROP TABLE ballast")
    ask(backed_up, "VACUUM")
    after = backup_creator(backed_up)
    taken = after.create()
    assert [verdict.id for verdict in verify(after)] == [taken.id]
    assert not list((backed_up / "backup/local/station/locks").iterdir())


def test_the_lock_of_a_zombie_delays_the_next_backup_only(
    backed_up: Path,
) -> None:
    repository = backed_up / "backup/local/station"
    endless = subprocess.Popen(
        ["restic", "--repo", repository, "backup", "--stdin", "--no-cache"],
        env={**os.environ, "RESTIC_PASSWORD_FILE": str(backed_up / "backup/password")},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    until(lambda: is_locked(repository / "locks"), "it has locked", within=30)
    endless.kill()  # a zombie: restic still takes it for running
    cleared = threading.Timer(4.0, endless.wait)
    cleared.start()
    try:
        backup_creator(backed_up).create()
    finally:
        cleared.join()
    assert not list((repository / "locks").iterdir())


def test_an_unreachable_destination_does_not_stop_the_other(backed_up: Path, sftp: Sftp) -> None:
    (before,) = list_backups(backup_creator(backed_up).plan)
    nowhere = {"BACKUP__OFFSITE": "sftp://nobody@127.0.0.1:1/srv/x"}
    message = backup_refused(backed_up, "now", **nowhere)
    assert "place offsite (nobody@127.0.0.1:/srv/x) cannot be reached" in message
    known = state.read(backed_up / "backup")
    assert known.error in message
    (after,) = list_backups(backup_creator(backed_up).plan)
    assert after.id != before.id
    assert list(after.verified) == ["local"]

    stranger = {"BACKUP__OFFSITE": sftp.url("x"), "BACKUP__SFTP_KEY": "/nowhere/key"}
    stranger |= {"BACKUP__LOCAL": "off"}
    shut_out = backup_creator(backed_up, **stranger)
    assert "lets nobody in" in error_message(shut_out.create)
    # Also if restic exits before it has passed on ssh's message.
    hasty = ProgramFailed("restic", 1, "Fatal: unable to start the sftp session, error: EOF")
    assert "lets nobody in" in str(explain_failure(hasty, shut_out.plan.destinations[0]))


def test_a_wrong_password_and_a_missing_program_have_one_line_messages(
    backed_up: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("something else\n")
    message = error_message(backup_creator(backed_up, BACKUP__PASSWORD_FILE=str(wrong)).create)
    assert "The password does not open" in message
    assert "something else" not in message
    (backed_up / "backup/password").unlink()
    assert "There is no password file" in backup_refused(backed_up, "restore", "--replace")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(subprocesses, "SYSTEM_PATH", "/nowhere")
    assert "apt install restic" in error_message(backup_creator(backed_up).create)


def test_a_full_disk_is_reported_and_older_backups_stay_valid(data: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "madang-test", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this user may not mount a small disk to fill")
    try:
        creator = backup_creator(data, BACKUP__LOCAL=f"file://{small}/repository")
        first = creator.create()
        add_ballast(data, 16)
        assert "is full" in error_message(creator.create)
        assert [verdict.id for verdict in verify(creator)] == [first.id]
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_the_password_is_generated_with_a_warning_and_never_printed(data: Path) -> None:
    result = backup(data, "now")
    password = (data / "backup/password").read_text().strip()
    assert len(password) > 40
    assert "Copy it to another place now" in result.stderr
    assert password not in result.stdout + result.stderr
    assert (data / "backup/password").stat().st_mode & 0o777 == 0o600
    assert (data / "backup").stat().st_mode & 0o077 == 0
