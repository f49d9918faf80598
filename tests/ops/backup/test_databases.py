"""Backup, verification and restore on SQLite and PostgreSQL."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import httpx
import pytest

from madang.ops.backup import state
from madang.ops.backup.create import list_backups
from tests.support.backup_stations import BackupStation, SqliteStation
from tests.support.backups import backup, backup_creator, backup_json, backup_refused
from tests.support.sshd import Sftp
from tests.support.station import Station

pytestmark = pytest.mark.slow

CHANNELS = "SELECT slug, title, owner_id FROM channels_channel ORDER BY slug"
USERS = "SELECT name, password, admin FROM accounts_user ORDER BY name"
RENAME = "UPDATE channels_channel SET title = 'After' WHERE slug = 'yard'"
TITLE = "SELECT title FROM channels_channel WHERE slug = 'yard'"


@pytest.fixture(params=["sqlite", "postgresql"])
def backup_station(request: pytest.FixtureRequest) -> BackupStation:
    if request.param == "sqlite":
        return SqliteStation(request.getfixturevalue("data"))
    found: BackupStation = request.getfixturevalue("postgresql")
    return found


def test_verify_records_success_and_finds_a_flipped_bit(backup_station: BackupStation) -> None:
    creator = backup_creator(backup_station.data, **backup_station.settings)
    taken = creator.create()
    (verdict,) = backup_json(backup_station.data, "verify", **backup_station.settings)
    assert verdict["id"] == taken.id
    assert verdict["tables"] > 10
    assert verdict["rows"] > 10
    (entry,) = list_backups(creator.plan)
    assert (entry.id, entry.bytes) == (taken.id, taken.bytes)
    assert entry.verified_at is not None
    copy = max(
        (each for each in backup_station.database_files() if each.is_file()),
        key=lambda e: e.stat().st_size,
    )
    body = bytearray(copy.read_bytes())
    body[len(body) // 2] ^= 1
    copy.chmod(0o600)
    copy.write_bytes(body)
    backup_refused(backup_station.data, "verify", **backup_station.settings)
    assert state.read(creator.plan.folder).check_error


def test_a_lost_station_is_restored_from_the_off_site_copy(
    backup_station: BackupStation, sftp: Sftp, tmp_path: Path
) -> None:
    media = backup_station.data / "media" / "vod"
    media.mkdir(parents=True)
    (media / "show.m4s").write_bytes(os.urandom(100_000))
    users, channels = backup_station.ask(USERS), backup_station.ask(CHANNELS)
    show = (media / "show.m4s").read_bytes()
    secret = (backup_station.data / "secret.key").read_text()
    url = sftp.url(f"drill-{type(backup_station).__name__}")
    offsite = {
        **backup_station.settings,
        "BACKUP__OFFSITE": url,
        "BACKUP__SFTP_KEY": str(sftp.key),
    }
    creator = backup_creator(backup_station.data, **offsite)
    creator.create()
    password = tmp_path / "kept elsewhere"
    shutil.copy(creator.plan.password_file, password)
    backup_station.lose()

    restored = backup(
        backup_station.data,
        *("restore", "--from", url, "--sftp-key", str(sftp.key)),
        *("--password-file", str(password)),
        **backup_station.settings,
    )
    assert restored.returncode == 0, restored.stderr
    output = restored.stderr.splitlines()
    assert [n for n, line in enumerate(output) if "can be started" in line] < [
        n for n, line in enumerate(output) if "media" in line
    ], "the station can start before its recordings are back"

    assert (backup_station.ask(USERS), backup_station.ask(CHANNELS)) == (users, channels)
    assert (backup_station.data / "media/vod/show.m4s").read_bytes() == show
    assert (backup_station.data / "secret.key").read_text() == secret
    # The next backup uses the same repository, so it needs the same password.
    assert creator.plan.password_file.read_text() == password.read_text()
    assert creator.plan.password_file.stat().st_mode & 0o777 == 0o600
    with Station(backup_station.data, **backup_station.settings).running() as station:
        page = httpx.get(f"{station.http}/@yard")
        assert page.status_code == 200
        assert "Courtyard TV" in page.text


def test_a_running_station_is_backed_up_but_not_overwritten(backup_station: BackupStation) -> None:
    with Station(backup_station.data, **backup_station.settings).running():
        taken = backup_creator(backup_station.data, **backup_station.settings).create()
        assert "Stop it" in backup_refused(
            backup_station.data, "restore", "--replace", **backup_station.settings
        )
    backup_station.ask(RENAME)
    assert "add --replace" in backup_refused(
        backup_station.data, "restore", **backup_station.settings
    )
    assert backup_station.ask(TITLE) == [("After",)]
    back = backup_json(
        backup_station.data, "restore", taken.id, "--replace", **backup_station.settings
    )
    assert backup_station.ask(TITLE) == [("yard",)]
    asides = [Path(note.rpartition(" ")[2].rstrip(".")) for note in back["notes"]]
    assert asides
    assert all(aside.is_dir() for aside in asides)
