"""Data folders with and without a backup, and servers for copies."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.backup_stations import PostgresqlStation, prepared_station, running_copy
from tests.support.backups import backup_creator
from tests.support.sshd import Sftp, sftp_server
from tests.support.station import Station


@pytest.fixture(scope="session", autouse=True)
def restic() -> None:
    """Skip without restic."""
    if shutil.which("restic") is None:
        pytest.skip("no restic on this machine: apt install restic")


@pytest.fixture(scope="session")
def sftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sftp]:
    """An SFTP server for all tests."""
    with sftp_server(tmp_path_factory.mktemp("sftp")) as server:
        yield server


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with an account and channels, to be copied."""
    station = Station(tmp_path_factory.mktemp("furnished") / "data")
    station.open_channels("yard", "attic")
    (station.data / "madang.toml").write_text('[station]\nname = "Courtyard TV"\n')
    return station.data


@pytest.fixture(scope="session")
def furnished_postgresql() -> Iterator[PostgresqlStation]:
    """A PostgreSQL cluster with an account and channels, to be copied."""
    if shutil.which("pgbackrest") is None:
        pytest.skip("no pgbackrest on this machine: apt install pgbackrest")
    with prepared_station() as backup_station:
        yield backup_station


@pytest.fixture
def postgresql(furnished_postgresql: PostgresqlStation) -> Iterator[PostgresqlStation]:
    """A copy of the furnished cluster with a running server."""
    with running_copy(furnished_postgresql) as backup_station:
        yield backup_station


@pytest.fixture(scope="session")
def saved(furnished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A furnished folder with one backup, to be copied."""
    copy = tmp_path_factory.mktemp("saved") / "data"
    shutil.copytree(furnished, copy)
    backup_creator(copy).create()
    return copy


@pytest.fixture
def backed_up(saved: Path, tmp_path: Path) -> Path:
    """A copy of the folder with a backup."""
    copy = tmp_path / "data"
    shutil.copytree(saved, copy)
    return copy


@pytest.fixture
def data(furnished: Path, tmp_path: Path) -> Path:
    """A copy of the furnished folder."""
    copy = tmp_path / "data"
    shutil.copytree(furnished, copy)
    return copy
