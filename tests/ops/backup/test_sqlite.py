"""Backups of a station on SQLite, with the real programs."""

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
from madang.ops.backup.restic import explain
from madang.ops.backup.subprocesses import ProgramFailed
from madang.ops.backup.verify import verify
from tests.support.backups import ask, backup, done, keeper, refused, trouble
from tests.support.sshd import Sftp
from tests.support.station import MADANG, ROOT, Station, until


def packs(data: Path) -> list[Path]:
    return [p for p in (data / "backup/local/station/data").rglob("*") if p.is_file()]


def add_ballast(data: Path, megabytes: int) -> None:
    ask(data, "CREATE TABLE ballast (body BLOB)")
    for _ in range(megabytes):
        ask(data, "INSERT INTO ballast VALUES (?)", os.urandom(1 << 20))


def test_a_second_backup_adds_what_changed_and_rules_prune_the_rest(data: Path) -> None:
    add_ballast(data, 12)
    first = done(data, "now")
    assert first["bytes"] > 12 << 20
    added = first["places"]["local"]["station"]["added_bytes"]
    assert added > 12 << 20
    ask(data, "UPDATE channels_channel SET title = 'Renamed' WHERE slug = 'yard'")
    ask(data, "DROP TABLE ballast")
    ask(data, "VACUUM")
    second = keeper(data).now()
    assert second.stored["local"][RepositoryPart.STATION].added < added / 8
    # Both are of one day, of which the rule keeps the newest, and of the disk what it needs.
    (entry,) = done(data, "list")
    assert entry["id"] == second.id
    assert (entry["kind"], entry["verified_at"], entry["bytes"]) == ("station", None, second.bytes)
    assert sum(pack.stat().st_size for pack in packs(data)) < 1 << 20


def test_a_check_of_the_structure_alone_passes_a_flipped_bit(backed_up: Path) -> None:
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
    assert "is damaged" in trouble(lambda: verify(keeper(backed_up)))


@contextmanager
def at_work(data: Path) -> Iterator[None]:
    """A backup while restic writes; in the end its whole process group is killed."""
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
        until(lambda: any(locks.iterdir()) and len(packs(data)) > before, "it writes", within=30)
        assert process.poll() is None
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_backup_that_was_killed_leaves_a_repository_with_which_the_next_goes_on(
    backed_up: Path,
) -> None:
    add_ballast(backed_up, 80)
    with at_work(backed_up):
        assert "A backup, check or restore is at work." in trouble(keeper(backed_up).now)
    ask(backed_up, "DROP TABLE ballast")
    ask(backed_up, "VACUUM")
    after = keeper(backed_up)
    taken = after.now()
    assert [verdict.id for verdict in verify(after)] == [taken.id]
    assert not list((backed_up / "backup/local/station/locks").iterdir())


def test_one_that_was_killed_and_not_yet_cleared_away_does_not_stop_the_next(
    backed_up: Path,
) -> None:
    repository = backed_up / "backup/local/station"
    endless = subprocess.Popen(
        ["restic", "--repo", repository, "backup", "--stdin", "--no-cache"],
        env={**os.environ, "RESTIC_PASSWORD_FILE": str(backed_up / "backup/password")},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    until(lambda: any((repository / "locks").iterdir()), "it has locked", within=30)
    endless.kill()  # a zombie: to restic it is still there
    cleared = threading.Timer(4.0, endless.wait)
    cleared.start()
    try:
        keeper(backed_up).now()
    finally:
        cleared.join()
    assert not list((repository / "locks").iterdir())


def test_one_place_that_cannot_be_reached_does_not_keep_the_other_from_its_backup(
    backed_up: Path, sftp: Sftp
) -> None:
    (before,) = list_backups(keeper(backed_up).plan)
    nowhere = {"BACKUP__OFFSITE": "sftp://nobody@127.0.0.1:1/srv/x"}
    words = refused(backed_up, "now", **nowhere)
    assert "place offsite (nobody@127.0.0.1:/srv/x) cannot be reached" in words
    known = state.read(backed_up / "backup")
    assert known.error in words
    (after,) = list_backups(keeper(backed_up).plan)
    assert after.id != before.id
    assert list(after.verified) == ["local"]

    stranger = {"BACKUP__OFFSITE": sftp.url("x"), "BACKUP__SFTP_KEY": "/nowhere/key"}
    stranger |= {"BACKUP__LOCAL": "off"}
    shut_out = keeper(backed_up, **stranger)
    assert "lets nobody in" in trouble(shut_out.now)
    # Also where restic ended before it could pass on what ssh said.
    hasty = ProgramFailed("restic", 1, "Fatal: unable to start the sftp session, error: EOF")
    assert "lets nobody in" in str(explain(hasty, shut_out.plan.places[0]))


def test_a_wrong_password_and_a_missing_program_are_told_in_one_line(
    backed_up: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("something else\n")
    words = trouble(keeper(backed_up, BACKUP__PASSWORD_FILE=str(wrong)).now)
    assert "The password does not open" in words
    assert "something else" not in words
    (backed_up / "backup/password").unlink()
    assert "There is no password file" in refused(backed_up, "restore", "--replace")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(subprocesses, "SYSTEM_PATH", "/nowhere")
    assert "apt install restic" in trouble(keeper(backed_up).now)


def test_a_full_disk_is_told_and_nothing_that_was_there_is_lost(data: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "madang-test", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this user may not mount a small disk to fill")
    try:
        keeping = keeper(data, BACKUP__LOCAL=f"file://{small}/repository")
        first = keeping.now()
        add_ballast(data, 16)
        assert "is full" in trouble(keeping.now)
        assert [verdict.id for verdict in verify(keeping)] == [first.id]
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_the_password_is_made_once_told_about_and_shown_to_nobody(data: Path) -> None:
    result = backup(data, "now")
    password = (data / "backup/password").read_text().strip()
    assert len(password) > 40
    assert "Copy it to another place now" in result.stderr
    assert password not in result.stdout + result.stderr
    assert (data / "backup/password").stat().st_mode & 0o777 == 0o600
    assert (data / "backup").stat().st_mode & 0o077 == 0
