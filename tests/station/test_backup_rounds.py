"""The station's own rounds: what is due is done, by another process, and ends with the station."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from madang.ops.backup import state
from madang.ops.backup.model import BackupState, format_rfc3339
from madang.station import backup_rounds
from madang.station.backup_rounds import Rounds
from madang.station.config.settings import Settings, load
from tests.support.station import Station

LIMIT = 60.0


@pytest.fixture(autouse=True)
def restic() -> None:
    if shutil.which("restic") is None:
        pytest.skip("no restic on this machine: apt install restic")


async def reached(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT):
        while not condition():  # noqa: ASYNC110  # a file that another process writes
            await asyncio.sleep(0.05)


def furnished(folder: Path) -> Settings:
    station = Station(folder / "data")
    station.open_channels("yard")
    return load(station.data, environ={})


def test_a_night_passes_and_a_sunday(tmp_path: Path) -> None:
    settings = furnished(tmp_path)
    folder = settings.backup.folder

    async def story() -> None:
        rounds = Rounds(settings, every=0.05)
        rounds.start()
        # The first round only notes when it all began.
        await reached(lambda: bool(state.read(folder).since))
        assert not state.read(folder).tried
        week = format_rfc3339(datetime.now(UTC) - timedelta(days=8))
        state.write(folder, BackupState(since=week))
        await reached(lambda: bool(state.read(folder).verified))
        await rounds.stop()

    asyncio.run(story())
    known = state.read(folder)
    assert known.taken
    assert not known.error
    health = backup_rounds.health(settings)
    assert health.ok
    assert "no copy elsewhere" in health.detail
    assert backup_rounds.told(settings) == {
        "taken_at": known.taken,
        "verified_at": known.verified,
        "error": None,
    }
    taken, verified = backup_rounds.last_times(folder)
    assert datetime.now(UTC).timestamp() - 120 < taken <= verified


def test_a_station_that_ends_takes_its_backup_with_it(tmp_path: Path) -> None:
    settings = furnished(tmp_path)
    folder = settings.backup.folder
    folder.mkdir()
    state.write(folder, BackupState(since="2026-01-01T00:00:00Z"))

    async def story() -> None:
        rounds = Rounds(settings, every=0.05)
        rounds.start()
        await reached(lambda: bool(state.read(folder).tried))
        await rounds.stop()

    asyncio.run(story())
    with state.exclusive_lock(folder):
        pass  # the lock is free: nobody works any more


def test_what_keeps_backups_from_being_taken_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load(tmp_path, environ={"MADANG_BACKUP__RUN_BY": "nobody"})
    assert backup_rounds.health(settings).ok
    settings = load(tmp_path, environ={"MADANG_BACKUP__LOCAL": "off"})
    assert not backup_rounds.health(settings).ok
    settings = load(tmp_path, environ={})
    assert backup_rounds.health(settings).ok
    settings.backup.folder.mkdir()
    failed = replace(BackupState(), error="The disk is full.")
    state.write(settings.backup.folder, failed)
    assert not backup_rounds.health(settings).ok
    assert (settings.backup.folder / state.STATE_FILE).stat().st_mode & 0o777 == 0o644
    with monkeypatch.context() as closed:
        closed.setattr("os.access", lambda path, mode: False)
        closed.setattr("shutil.which", lambda program, path=None: f"/usr/bin/{program}")
        assert "chmod 0750" in backup_rounds.health(settings).mend
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(backup_rounds, "SYSTEM_PATH", "/nowhere")
    assert "apt install restic" in backup_rounds.health(settings).mend
