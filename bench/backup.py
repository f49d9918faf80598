"""`backup`: what a backup, its proof and its return cost, and what a lost machine loses.

A station with a database of `--megabytes` is backed up to a folder and to an SFTP server on
loopback, changed by one part in a hundred, backed up again, proven at both places, destroyed, and
restored from the SFTP server by one command. Programs and settings are the product's own. Figures
of `sqlite` and `postgresql`, per GB (10^9 bytes) of database:

- `first`, `again`: seconds of `madang backup now`, to both places.
- `sent_first`, `sent_again`: what of it arrived at the SFTP server.
- `verify`, `restore`: seconds. `restore` ends when the station can be started.

`loss`, PostgreSQL only: a client commits a row twenty times a second; the machine is lost (SIGKILL,
then every file but those at the SFTP server) at the worst moment, just before the next segment
would have arrived there. `lost` is from the last acknowledged row to the newest that came back.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import psycopg

from bench.figures import Report, say
from bench.processes import BenchFailed
from madang.ops.backup.pgbackrest_config import ARCHIVE_SECONDS, SHIP_SECONDS
from tests.support.backup_stations import (
    BackupStation,
    PostgresqlStation,
    SqliteStation,
    prepared_station,
)
from tests.support.backups import ask, backup, backup_json
from tests.support.sshd import Sftp, sftp_server
from tests.support.station import MADANG, ROOT, Station

ROW: Final = 1_000
"""Bytes of a row of incompressible data: the worst case."""

KINDS: Final = ("sqlite", "postgresql", "loss")
MARGIN: Final = 2.0
"""Seconds before the next segment is due, when the machine is lost."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    parser.add_argument("--megabytes", type=int, default=500, help="of database, from 50")
    parser.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS))


def main(options: argparse.Namespace) -> None:
    """Measure with `options` and print the figures. Raises BenchFailed."""
    if options.megabytes < 50:
        raise BenchFailed("Less than 50 MB measures the start of programs.")
    conditions = {
        "megabytes": options.megabytes,
        "archive_seconds": ARCHIVE_SECONDS,
        "ship_seconds": SHIP_SECONDS,
    }
    report = Report("backup", conditions)
    with (
        tempfile.TemporaryDirectory(prefix="madang-bench-") as folder,
        sftp_server(Path(folder) / "sftp") as server,
    ):
        for kind in options.only:
            say(f"backup: {kind}")
            with _ground(kind, Path(folder)) as backup_station:
                away = {
                    **backup_station.settings,
                    "BACKUP__OFFSITE": server.url(kind),
                    "BACKUP__SFTP_KEY": str(server.key),
                }
                if isinstance(backup_station, PostgresqlStation) and kind == "loss":
                    report.add(kind, "lost", _lose(backup_station, server, away), "s")
                else:
                    figures = _costs(backup_station, server, away, options.megabytes)
                    for name, value, unit in figures:
                        report.add(kind, name, value, unit)
    report.print({})


@contextlib.contextmanager
def _ground(kind: str, folder: Path) -> Iterator[BackupStation]:
    if kind == "sqlite":
        station = Station(folder / "data")
        station.open_channels("yard")
        yield SqliteStation(station.data)
        return
    with prepared_station() as backup_station:
        backup_station.configure(archive_timeout=f"{ARCHIVE_SECONDS}s", fsync="on")
        backup_station.server.start()
        try:
            yield backup_station
        finally:
            backup_station.server.stop(mode="immediate")


def _costs(
    backup_station: BackupStation, server: Sftp, away: dict[str, str], megabytes: int
) -> Iterator[tuple[str, float, str]]:
    """Return name, value and unit of each figure."""
    _fill(backup_station, megabytes)
    gigabytes = megabytes / 1000
    sent = _stored(server.home)
    for name in ("first", "again"):
        took = _timed(lambda: backup_json(backup_station.data, "now", **away))
        arrived, sent = _stored(server.home) - sent, _stored(server.home)
        say(f"  {name}: {took:.1f} s, {arrived / 1e6:.1f} MB sent")
        yield name, took / gigabytes, "s/GB"
        yield f"sent_{name}", arrived / 1e6, "MB"
        _change(backup_station, megabytes // 100)
    took = _timed(lambda: backup_json(backup_station.data, "verify", **away))
    say(f"  verify: {took:.1f} s")
    yield "verify", took / gigabytes, "s/GB"
    took = _lost_and_restored(backup_station, server, away)
    say(f"  restore: {took:.1f} s")
    yield "restore", took / gigabytes, "s/GB"


def _stored(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _lost_and_restored(backup_station: BackupStation, server: Sftp, away: dict[str, str]) -> float:
    """Return the seconds of a full restore."""
    password = server.home.parent / "password"
    shutil.copy(backup_station.data / "backup/password", password)
    backup_station.lose()
    command = ("restore", "--from", away["BACKUP__OFFSITE"], "--sftp-key", str(server.key))

    def bring_back() -> None:
        came = backup(
            backup_station.data,
            *command,
            "--password-file",
            str(password),
            **backup_station.settings,
        )
        if came.returncode != 0:
            raise BenchFailed(came.stderr.strip())

    return _timed(bring_back)


def _lose(backup_station: PostgresqlStation, server: Sftp, away: dict[str, str]) -> float:
    """Return the seconds of acknowledged changes lost with a machine at the worst moment."""
    backup_station.ask("CREATE TABLE loss (at timestamptz)")
    backup_json(backup_station.data, "now", **away)
    archive = server.home / "loss/postgresql/archive"
    acknowledged: list[datetime] = []
    ended = threading.Event()

    def write() -> None:
        with (
            contextlib.suppress(psycopg.OperationalError),
            psycopg.connect(backup_station.url, autocommit=True) as connection,
        ):
            insert = "INSERT INTO loss VALUES (clock_timestamp()) RETURNING at"
            while not ended.wait(0.05):
                row = connection.execute(insert).fetchone()
                if row is not None:
                    acknowledged.append(row[0])

    writer = threading.Thread(target=write)
    writer.start()
    shipper = subprocess.Popen(
        [*MADANG, "backup", "ship", "--watch", "--data", str(backup_station.data)],
        cwd=ROOT,
        env=Station(backup_station.data, **away).environment,
    )
    try:
        _arrivals(archive, 2)
        # A segment leaves every ARCHIVE_SECONDS and waits up to SHIP_SECONDS for its transfer.
        time.sleep(ARCHIVE_SECONDS - MARGIN)
        backup_station.kill()
    finally:
        ended.set()
        shipper.terminate()
        shipper.wait()
    writer.join()
    _lost_and_restored(backup_station, server, away)
    ((newest,),) = backup_station.ask("SELECT max(at) FROM loss")
    lost: float = (acknowledged[-1] - newest).total_seconds()
    say(f"  lost: {lost:.1f} s of {(acknowledged[-1] - acknowledged[0]).total_seconds():.0f} s")
    return lost


def _arrivals(archive: Path, wanted: int) -> None:
    """Wait until that many further segments have arrived."""
    before = len(list(archive.rglob("*.zst")))
    deadline = time.monotonic() + (wanted + 1) * (ARCHIVE_SECONDS + SHIP_SECONDS)
    while len(list(archive.rglob("*.zst"))) < before + wanted:
        if time.monotonic() > deadline:
            raise BenchFailed("The archive does not arrive at the SFTP server.")
        time.sleep(0.05)


def _fill(backup_station: BackupStation, megabytes: int) -> None:
    if isinstance(backup_station, PostgresqlStation):
        with psycopg.connect(backup_station.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE ballast (number serial, body bytea)")
            with (
                connection.cursor() as cursor,
                cursor.copy("COPY ballast (body) FROM STDIN") as rows,
            ):
                for _ in range(megabytes * 1_000_000 // ROW):
                    rows.write_row((os.urandom(ROW),))
            connection.execute("CHECKPOINT")
    else:
        ask(backup_station.data, "CREATE TABLE ballast (number INTEGER PRIMARY KEY, body BLOB)")
        ask(
            backup_station.data,
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < ?)"
            " INSERT INTO ballast (body) SELECT randomblob(?) FROM n",
            megabytes * 1_000_000 // ROW,
            ROW,
        )


def _change(backup_station: BackupStation, megabytes: int) -> None:
    """Insert rows, like a running station."""
    rows = megabytes * 1_000_000 // ROW
    if isinstance(backup_station, PostgresqlStation):
        with psycopg.connect(backup_station.url, autocommit=True) as connection:
            for _ in range(rows):
                connection.execute("INSERT INTO ballast (body) VALUES (%s)", [os.urandom(ROW)])
    else:
        ask(
            backup_station.data,
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < ?)"
            " INSERT INTO ballast (body) SELECT randomblob(?) FROM n",
            rows,
            ROW,
        )


def _timed(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began
