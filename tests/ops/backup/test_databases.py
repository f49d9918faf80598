"""Backup, verification and restore on SQLite and PostgreSQL."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import httpx
import pytest

from madang.ops.backup import state
from madang.ops.backup.create import list_backups
from tests.support.backups import backup, backup_creator, backup_json, backup_refused
from tests.support.grounds import Ground, SqliteGround
from tests.support.sshd import Sftp
from tests.support.station import Station

pytestmark = pytest.mark.slow

CHANNELS = "SELECT slug, title, owner_id FROM channels_channel ORDER BY slug"
USERS = "SELECT name, password, admin FROM accounts_user ORDER BY name"
RENAME = "UPDATE channels_channel SET title = 'After' WHERE slug = 'yard'"
TITLE = "SELECT title FROM channels_channel WHERE slug = 'yard'"


@pytest.fixture(params=["sqlite", "postgresql"])
def ground(request: pytest.FixtureRequest) -> Ground:
    if request.param == "sqlite":
        return SqliteGround(request.getfixturevalue("data"))
    found: Ground = request.getfixturevalue("postgresql")
    return found


def test_verify_records_success_and_finds_a_flipped_bit(ground: Ground) -> None:
    creator = backup_creator(ground.data, **ground.settings)
    taken = creator.create()
    (verdict,) = backup_json(ground.data, "verify", **ground.settings)
    assert verdict["id"] == taken.id
    assert verdict["tables"] > 10
    assert verdict["rows"] > 10
    (entry,) = list_backups(creator.plan)
    assert (entry.id, entry.bytes) == (taken.id, taken.bytes)
    assert entry.verified_at is not None
    copy = max((each for each in ground.copies() if each.is_file()), key=lambda e: e.stat().st_size)
    body = bytearray(copy.read_bytes())
    body[len(body) // 2] ^= 1
    copy.chmod(0o600)
    copy.write_bytes(body)
    backup_refused(ground.data, "verify", **ground.settings)
    assert state.read(creator.plan.folder).check_error


def test_a_lost_station_is_restored_from_the_off_site_copy(
    ground: Ground, sftp: Sftp, tmp_path: Path
) -> None:
    media = ground.data / "media" / "vod"
    media.mkdir(parents=True)
    (media / "show.m4s").write_bytes(os.urandom(100_000))
    users, channels = ground.ask(USERS), ground.ask(CHANNELS)
    show = (media / "show.m4s").read_bytes()
    secret = (ground.data / "secret.key").read_text()
    url = sftp.url(f"drill-{type(ground).__name__}")
    offsite = {
        **ground.settings,
        "BACKUP__OFFSITE": url,
        "BACKUP__SFTP_KEY": str(sftp.key),
    }
    creator = backup_creator(ground.data, **offsite)
    creator.create()
    password = tmp_path / "kept elsewhere"
    shutil.copy(creator.plan.password_file, password)
    ground.lose()

    restored = backup(
        ground.data,
        *("restore", "--from", url, "--sftp-key", str(sftp.key)),
        *("--password-file", str(password)),
        **ground.settings,
    )
    assert restored.returncode == 0, restored.stderr
    output = restored.stderr.splitlines()
    assert [n for n, line in enumerate(output) if "can be started" in line] < [
        n for n, line in enumerate(output) if "media" in line
    ], "the station can start before its recordings are back"

    assert (ground.ask(USERS), ground.ask(CHANNELS)) == (users, channels)
    assert (ground.data / "media/vod/show.m4s").read_bytes() == show
    assert (ground.data / "secret.key").read_text() == secret
    # The next backup uses the same repository, so it needs the same password.
    assert creator.plan.password_file.read_text() == password.read_text()
    assert creator.plan.password_file.stat().st_mode & 0o777 == 0o600
    with Station(ground.data, **ground.settings).running() as station:
        page = httpx.get(f"{station.http}/@yard")
        assert page.status_code == 200
        assert "Courtyard TV" in page.text


def test_a_running_station_is_backed_up_but_not_overwritten(ground: Ground) -> None:
    with Station(ground.data, **ground.settings).running():
        taken = backup_creator(ground.data, **ground.settings).create()
        assert "Stop it" in backup_refused(ground.data, "restore", "--replace", **ground.settings)
    ground.ask(RENAME)
    assert "add --replace" in backup_refused(ground.data, "restore", **ground.settings)
    assert ground.ask(TITLE) == [("After",)]
    back = backup_json(ground.data, "restore", taken.id, "--replace", **ground.settings)
    assert ground.ask(TITLE) == [("yard",)]
    asides = [Path(note.rpartition(" ")[2].rstrip(".")) for note in back["notes"]]
    assert asides
    assert all(aside.is_dir() for aside in asides)
