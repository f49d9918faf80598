"""The database and the backups of the version before, in this version."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.station.upgrade.make_fixtures import SECRET_KEY
from tests.support import backups
from tests.support.backup_stations import PostgresqlStation, own_folder
from tests.support.receiver import Receiver
from tests.support.station import ROOT, Station
from tests.support.stores import Server, create_database

HERE = Path(__file__).parent
IDENTIFIER = "20261125T120000Z-0a1b"
MARKERS = "madang_backup_marker"

Rows = dict[str, list[tuple[Any, ...]]]

CHANGED = {"django_migrations", "django_content_type", "auth_permission", MARKERS}
"""Tables that an upgrade writes to; the rows of all others must stay as they are."""


def rows_of(ask: Callable[[str], list[tuple[Any, ...]]], tables: list[str]) -> Rows:
    return {name: sorted(ask(f'SELECT * FROM "{name}"'), key=repr) for name in sorted(tables)}


def sqlite_rows(file: Path) -> Rows:
    with closing(sqlite3.connect(file)) as database:
        schema = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        tables = [name for (name,) in database.execute(schema)]
        return rows_of(lambda query: database.execute(query).fetchall(), tables)


def postgresql_rows(url: str) -> Rows:
    with psycopg.connect(url) as database:
        schema = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        tables = [name for (name,) in database.execute(schema)]
        return rows_of(lambda query: database.execute(query.encode()).fetchall(), tables)


def old_sqlite(file: Path) -> Rows:
    """Make the SQLite database of the version before; return its rows."""
    with closing(sqlite3.connect(file)) as database:
        database.executescript((HERE / "sqlite.sql").read_text())
    return sqlite_rows(file)


def old_postgresql(url: str) -> Rows:
    """Fill an empty PostgreSQL database as the version before left it; return its rows."""
    with psycopg.connect(url, autocommit=True) as database:
        database.execute((HERE / "postgresql.sql").read_bytes())
    return postgresql_rows(url)


def upgrade(data: Path, **settings: str) -> None:
    """Do what every start does first."""
    script = (
        "import sys, pathlib\n"
        "from madang.station import boot\n"
        "from madang.station.config import settings\n"
        "boot.control_plane(settings.load(pathlib.Path(sys.argv[1])))\n"
    )
    run(data, ["-c", script, str(data)], settings)


def check(data: Path, before: Rows, receiver: Receiver, **settings: str) -> None:
    """Run the checks of `today` on an upgraded station."""
    said = run(data, ["-m", "tests.station.upgrade.today", str(data), receiver.url], settings)
    read = json.loads(said)
    missing = {name for name in before if name not in read} - {"django_migrations", MARKERS}
    assert not missing, "no model reads these tables"
    for name, rows in before.items():
        if name not in CHANGED:
            assert read[name] == len(rows) > 0, name
    assert sorted(each["event"] for each in receiver.told()) == ["live.begins", "live.ends"]


def run(data: Path, arguments: list[str], settings: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=Station(data, **settings).environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def unchanged(rows: Rows, before: Rows) -> None:
    """Check that rows are as they were; an upgrade may add columns, which come last."""
    for name in before.keys() - CHANGED:
        width = len(before[name][0])
        assert sorted((row[:width] for row in rows[name]), key=repr) == before[name], name
    kept = [row for row in before["django_migrations"] if row not in rows["django_migrations"]]
    assert not kept


def data_folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    (path / "secret.key").write_text(SECRET_KEY)
    return path


def test_a_sqlite_database_is_upgraded(tmp_path: Path, receiver: Receiver) -> None:
    data = data_folder(tmp_path / "data")
    before = old_sqlite(data / "madang.db")
    assert all(before.values()), "a table of the fixture is empty"
    upgrade(data)
    unchanged(sqlite_rows(data / "madang.db"), before)
    check(data, before, receiver)


def test_a_postgresql_database_is_upgraded(
    tmp_path: Path, postgresql: Server, receiver: Receiver
) -> None:
    url = create_database(postgresql, "upgraded")
    data = data_folder(tmp_path / "data")
    before = old_postgresql(url)
    assert all(before.values()), "a table of the fixture is empty"
    upgrade(data, DATABASE__URL=url)
    unchanged(postgresql_rows(url), before)
    check(data, before, receiver, DATABASE__URL=url)


def old_stage(folder: Path) -> Rows:
    """Lay out a backup of a SQLite station as the version before did; return the rows in it."""
    (folder / "files").mkdir(parents=True)
    (folder / "files/secret.key").write_text(SECRET_KEY)
    (folder / "files/madang.toml").write_text('[station]\nname = "Courtyard TV"\n')
    database = folder / "database.sqlite3"
    old_sqlite(database)
    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute(f"CREATE TABLE {MARKERS} (number INTEGER PRIMARY KEY, id TEXT NOT NULL)")
        opened.execute(f"INSERT INTO {MARKERS} (id) VALUES (?)", (IDENTIFIER,))
    rows = sqlite_rows(database)
    content = {
        "rows": {name: len(found) for name, found in rows.items()},
        "checksums": {},
        "marker": IDENTIFIER,
    }
    manifest = {
        "format": 1,
        "id": IDENTIFIER,
        "taken_at": "2026-11-25T12:00:00Z",
        "version": "0.1.0",
        "database": {
            "engine": "sqlite",
            "before": content,
            "after": content,
            "bytes": database.stat().st_size,
            "label": "",
            "offsite_label": "",
            "server": 0,
            "cluster": "",
            "failed": {},
        },
        "files": {
            str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        },
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1))
    return rows


def old_repository(place: Path, stage: Path, password: Path) -> None:
    """Store a stage with restic, as the version before called it."""
    repository = ["restic", "--repo", str(place / "station"), "--password-file", str(password)]
    store = ["backup", ".", "--host", "madang", f"--tag=id-{IDENTIFIER}", "--tag=bytes-1000"]
    for arguments in (["init"], store):
        command = [*repository, "--no-cache", *arguments]
        subprocess.run(command, cwd=stage, check=True, capture_output=True)


def test_a_sqlite_backup_of_the_version_before_is_restored(
    tmp_path: Path, receiver: Receiver
) -> None:
    if shutil.which("restic") is None:
        pytest.skip("no restic on this machine: apt install restic")
    password = tmp_path / "password"
    password.write_text("kept elsewhere\n")
    before = old_stage(tmp_path / "stage")
    old_repository(tmp_path / "place", tmp_path / "stage", password)
    data = tmp_path / "data"
    source = ["--from", f"file://{tmp_path}/place", "--password-file", str(password)]
    assert backups.backup_json(data, "restore", *source)["id"] == IDENTIFIER
    assert sqlite_rows(data / "madang.db") == before
    assert "Courtyard TV" in (data / "madang.toml").read_text()
    upgrade(data)
    unchanged(sqlite_rows(data / "madang.db"), before)
    check(data, before, receiver)
    assert backups.backup_json(data, "verify", BACKUP__LOCAL=f"file://{tmp_path}/place")


@pytest.fixture
def cluster() -> Iterator[PostgresqlStation]:
    """A PostgreSQL cluster with an empty database, its server running."""
    if shutil.which("pgbackrest") is None or shutil.which("restic") is None:
        pytest.skip("no pgbackrest or restic on this machine: apt install pgbackrest restic")
    with own_folder() as folder:
        backup_station = PostgresqlStation(folder)
        backup_station.initialise()
        try:
            yield backup_station
        finally:
            backup_station.server.stop(mode="immediate")


def test_a_postgresql_backup_with_the_tables_of_the_version_before_is_restored(
    cluster: PostgresqlStation, tmp_path: Path, receiver: Receiver
) -> None:
    """The cluster is copied byte by byte by pgBackRest, whatever version of the station asks."""
    data = data_folder(cluster.data)
    before = old_postgresql(cluster.url)
    creator = backups.backup_creator(data, **cluster.settings)
    creator.create()
    password = shutil.copy(creator.plan.password_file, tmp_path / "password")
    cluster.kill()
    near = (cluster.folder / "near").rename(tmp_path / "near")
    cluster.lose()
    near.rename(cluster.folder / "near")
    backups.backup_json(data, "restore", "--password-file", str(password), **cluster.settings)
    assert {**postgresql_rows(cluster.url), MARKERS: []} == {**before, MARKERS: []}
    upgrade(data, **cluster.settings)
    unchanged(postgresql_rows(cluster.url), before)
    check(data, before, receiver, **cluster.settings)
