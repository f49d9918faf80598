"""Backups by the station itself: taken and verified when due, by a child that ends with it."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from madang.infra.clock import Clock
from madang.ops.backup import state
from madang.ops.backup.errors import Busy
from madang.ops.backup.model import BackupState, format_rfc3339
from madang.station import backups
from madang.station.config.settings import Settings, load
from madang.station.jobs.backups import BackupJob
from madang.work.schedule import Periodic
from madang.work.worker import Worker
from tests.support.station import Station, until


@pytest.fixture(autouse=True)
def restic() -> None:
    if shutil.which("restic") is None:
        pytest.skip("no restic on this machine: apt install restic")


def furnished(folder: Path) -> Settings:
    station = Station(folder / "data")
    station.open_channels("yard")
    return load(station.data, environ={})


def lock_is_free(folder: Path) -> bool:
    try:
        with state.exclusive_lock(folder):
            return True
    except Busy:
        return False


def test_a_night_passes_and_a_sunday(tmp_path: Path) -> None:
    settings = furnished(tmp_path)
    folder = settings.backup.folder
    now = datetime(2026, 11, 25, 12, 0, tzinfo=UTC).timestamp()
    job = BackupJob(settings, Clock(time.monotonic, lambda: now))
    job.run()
    assert state.read(folder).since == "2026-11-25T12:00:00Z"
    assert not state.read(folder).tried
    state.write(folder, BackupState(since=format_rfc3339(datetime.now(UTC) - timedelta(days=8))))
    job = BackupJob(settings)
    job.run()
    assert state.read(folder).taken
    assert not state.read(folder).verified
    job.run()
    assert state.read(folder).verified
    before = state.read(folder)
    job.run()
    assert state.read(folder) == before, "nothing is due"
    known = state.read(folder)
    assert known.taken
    assert not known.error
    health = backups.health(settings)
    assert health.ok
    assert "no copy elsewhere" in health.detail
    assert backups.summary(settings) == {
        "taken_at": known.taken,
        "verified_at": known.verified,
        "error": None,
    }
    taken, verified = backups.last_times(folder)
    assert datetime.now(UTC).timestamp() - 120 < taken <= verified


@pytest.mark.usefixtures("station")  # the worker returns database connections
def test_a_station_that_ends_takes_its_backup_with_it(tmp_path: Path) -> None:
    settings = furnished(tmp_path)
    folder = settings.backup.folder
    folder.mkdir()
    state.write(folder, BackupState(since="2026-01-01T00:00:00Z"))
    job = BackupJob(settings)
    worker = Worker([Periodic("backups", 60.0, job.run, stop=job.stop)])
    worker.start()
    until(lambda: state.read(folder).tried, "a backup is at work")
    began = time.monotonic()
    worker.stop()
    assert time.monotonic() - began < 3.0
    # A grandchild that was killed may hold the lock a moment longer.
    until(lambda: lock_is_free(folder), "nobody works any more")
    job.run()
    assert not state.read(folder).taken, "no other begins"


def test_what_keeps_backups_from_being_taken_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load(tmp_path, environ={"MADANG_BACKUP__RUN_BY": "nobody"})
    assert backups.health(settings).ok
    settings = load(tmp_path, environ={"MADANG_BACKUP__LOCAL": "off"})
    assert not backups.health(settings).ok
    settings = load(tmp_path, environ={})
    assert backups.health(settings).ok
    settings.backup.folder.mkdir()
    failed = replace(BackupState(), error="The disk is full.")
    state.write(settings.backup.folder, failed)
    assert not backups.health(settings).ok
    assert (settings.backup.folder / state.STATE_FILE).stat().st_mode & 0o777 == 0o644
    with monkeypatch.context() as closed:
        closed.setattr("os.access", lambda path, mode: False)
        closed.setattr("shutil.which", lambda program, path=None: f"/usr/bin/{program}")
        assert "chmod 0750" in backups.health(settings).mend
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(backups, "SYSTEM_PATH", "/nowhere")
    assert "apt install restic" in backups.health(settings).mend
