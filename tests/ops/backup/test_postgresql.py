"""PostgreSQL's archive: point-in-time recovery and configuration."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import psycopg
import pytest

from madang.ops.backup import postgresql as postgresql_database
from madang.ops.backup.create import BackupCreator, ship_wal
from madang.ops.backup.destinations import (
    Credentials,
    Destination,
    DestinationKind,
    parse_destination,
)
from madang.ops.backup.model import Retention
from madang.ops.backup.pgbackrest_config import (
    ARCHIVE_SECONDS,
    SHIP_SECONDS,
    PgBackRestConfig,
    pgbackrest_conf,
    postgresql_conf,
)
from madang.ops.backup.restore import RestoreRequest
from madang.station.backups import bring_back
from madang.station.config.settings import load
from tests.support.backup_stations import PostgresqlStation, user
from tests.support.backups import backup_creator, backup_json, error_message
from tests.support.sshd import Sftp
from tests.support.station import until
from tests.support.stores import postgresql_programs as programs

pytestmark = pytest.mark.slow

SHIP_EVERY = 0.5
SLACK = 8.0
"""Seconds for two forced segments and two uploads on a busy machine."""


class Writer(threading.Thread):
    """Commits a row twenty times a second and records the last acknowledged one."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self.last: datetime | None = None
        self.ended = threading.Event()

    def run(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self.ended.wait(0.05):
                try:
                    row = connection.execute(
                        "INSERT INTO loss VALUES (clock_timestamp()) RETURNING at"
                    ).fetchone()
                except psycopg.OperationalError:
                    return  # the server is gone
                assert row is not None
                self.last = row[0]


@contextmanager
def shipping(creator: BackupCreator) -> Iterator[None]:
    """Ship WAL like the station, but more often."""
    ended = threading.Event()

    def ship_repeatedly() -> None:
        while not ended.wait(SHIP_EVERY):
            ship_wal(creator.plan)

    thread = threading.Thread(target=ship_repeatedly)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_a_lost_server_loses_a_bounded_time_of_commits(
    postgresql: PostgresqlStation, sftp: Sftp, tmp_path: Path
) -> None:
    backup_station, url = postgresql, sftp.url("loss")
    offsite = {
        **backup_station.settings,
        "BACKUP__OFFSITE": url,
        "BACKUP__SFTP_KEY": str(sftp.key),
    }
    creator = backup_creator(backup_station.data, **offsite)
    backup_station.ask("CREATE TABLE loss (at timestamptz)")
    creator.create()
    password = tmp_path / "password"
    shutil.copy(creator.plan.password_file, password)
    writer = Writer(backup_station.url)
    writer.start()
    first = until(lambda: writer.last, "the first row")
    archived = sftp.home / "loss/postgresql/archive/madang"
    known = len(list(archived.rglob("*-*.zst")))
    with shipping(creator):
        until(
            lambda: len(list(archived.rglob("*-*.zst"))) >= known + 3, "three segments", within=30
        )
        backup_station.kill()
    writer.join(10)
    acknowledged = writer.last
    backup_station.lose()

    restored = backup_json(
        backup_station.data,
        *("restore", "--from", url, "--sftp-key", str(sftp.key)),
        *("--password-file", str(password)),
        **backup_station.settings,
    )
    assert restored["place"] == "offsite"
    ((newest,),) = backup_station.ask("SELECT max(at) FROM loss")
    assert acknowledged is not None
    assert newest > first, "only what the archive brought can be newer than the backup"
    lost = (acknowledged - newest).total_seconds()
    assert 0 <= lost <= 1 + SHIP_EVERY + SLACK


def test_the_default_intervals_lose_less_than_a_minute() -> None:
    assert ARCHIVE_SECONDS + SHIP_SECONDS <= 60 - 10, "ten seconds are left for the transfer"
    assert f"archive_timeout = '{ARCHIVE_SECONDS}s'" in postgresql_conf(Path("/etc/x.conf"))


def test_missing_archiving_is_reported_with_the_settings_to_change(
    postgresql: PostgresqlStation,
) -> None:
    backup_station = postgresql
    backup_station.configure(archive_mode="off")
    backup_station.server.stop()
    backup_station.server.start()
    message = error_message(backup_creator(backup_station.data, **backup_station.settings).create)
    assert "does not archive" in message
    assert "archive_mode = 'on'" in message
    assert str(backup_station.configuration) in message
    backup_station.server.stop()
    assert "PostgreSQL does not answer" in error_message(
        backup_creator(backup_station.data, **backup_station.settings).create
    )
    alone = {**backup_station.settings, "BACKUP__LOCAL": "off", "BACKUP__OFFSITE": "file:///srv/x"}
    backup_station.server.start()
    assert "needs a near copy" in error_message(backup_creator(backup_station.data, **alone).create)


def test_backups_go_on_with_another_cluster_as_after_an_upgrade(
    postgresql: PostgresqlStation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = postgresql
    before = backup_creator(station.data, **station.settings)
    before.create()
    # What pg_upgradecluster does: the same content in a cluster of its own.
    content = tmp_path / "content.sql"
    with content.open("w") as file:
        command = [programs() / "pg_dump", "-h", station.folder, "-p", str(station.port), "madang"]
        subprocess.run([*command, "-U", user()], check=True, stdout=file)
    station.server.stop()
    older, station.cluster = station.cluster, station.folder / "newer"
    station.initialise()
    restore = [programs() / "psql", "-h", station.folder, "-p", str(station.port), "madang"]
    with content.open() as file:
        subprocess.run([*restore, "-U", user()], check=True, stdin=file, stdout=subprocess.DEVNULL)
    creator = backup_creator(station.data, **station.settings)
    message = error_message(creator.create)
    assert f"runs the cluster {station.cluster}, and the backups are of {older}" in message
    assert "madang deploy apply" in message

    station.configuration.unlink()
    creator.create()
    folders = sorted((station.folder / "near/postgresql/backup/madang").glob("20*"))
    assert [each.name[-1] for each in folders] == ["F", "F"], "both are full"

    # A restore says which version it needs before anything is moved.
    monkeypatch.setattr(postgresql_database, "installed_versions", lambda: [99])
    settings = {f"MADANG_{name}": value for name, value in station.settings.items()}
    loaded, request = load(station.data, environ=settings), RestoreRequest(replace=True)
    message = error_message(lambda: bring_back(loaded, request, lambda progress: None))
    version = station.server.version
    assert f"The backup is of PostgreSQL {version}, and here is 99." in message
    assert f"postgresql-{version}" in message
    assert station.ask("SELECT count(*) FROM channels_channel") == [(2,)]
    assert not list(station.folder.glob("*before-restore*"))


# --- configuration ---


def config(offsite: Destination | None) -> PgBackRestConfig:
    local = Destination("local", DestinationKind.FOLDER, "/srv/near")
    cluster = Path("/var/lib/postgresql/15/main")
    return PgBackRestConfig(
        cluster, "/run/postgresql", 5432, local, offsite, Retention(), Path("/srv/spool")
    )


def test_the_configuration_has_repository_and_cluster() -> None:
    output = pgbackrest_conf(config(None), "hush")
    assert "repo1-path=/srv/near/postgresql\n" in output
    assert "repo1-cipher-pass=hush\n" in output
    assert "repo1-retention-full=4\n" in output
    assert "[madang]\npg1-path=/var/lib/postgresql/15/main\n" in output
    assert "repo2" not in output
    assert "block" not in output
    assert "repo1-block=y\n" in pgbackrest_conf(replace(config(None), block=True), "hush")


def test_a_bucket_is_a_second_repository_and_an_sftp_server_is_not() -> None:
    credentials = Credentials(s3_key="id", s3_secret="hush", s3_region="eu-1")
    bucket = parse_destination("offsite", "s3://s3.example.org/bucket/tv", credentials)
    output = pgbackrest_conf(config(bucket), "x")
    for line in (
        "repo2-type=s3",
        "repo2-s3-bucket=bucket",
        "repo2-path=/tv/postgresql",
        "repo2-s3-endpoint=s3.example.org",
        "repo2-s3-key-secret=hush",
        "repo2-s3-region=eu-1",
    ):
        assert f"{line}\n" in output
    sftp = parse_destination("offsite", "sftp://me@host/srv", credentials)
    assert "repo2" not in pgbackrest_conf(config(sftp), "x")
