"""Resources of PostgreSQL on a server: which cluster, its database, and the order of texts."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from madang.ops.deploy.model.layout import machines
from madang.ops.deploy.model.resources import CustomCommand
from madang.ops.deploy.model.station_file import load_station
from madang.ops.deploy.setup import backups, postgresql
from madang.ops.deploy.setup.postgresql import COLLATIONS, PSQL
from madang.ops.deploy.texts.database import FIND_CLUSTER
from tests.support.backup_stations import PostgresqlStation, own_folder, user
from tests.support.stations import SINGLE, station_file


@pytest.mark.parametrize(
    ("listed", "start", "found"),
    [
        ({"15/main": 5432}, {}, "15/main"),
        # A new distribution brought an empty cluster of its own.
        ({"15/main": 5432, "17/main": 5433}, {}, "15/main"),
        # After pg_upgradecluster; the old one's conf.d still has the port.
        ({"15/main": 5432, "17/main": 5432}, {"15/main": "manual"}, "17/main"),
        ({"9.6/main": 5432, "15/main": 5432}, {}, "15/main"),
        ({"15/main": 5433, "17/main": 5434}, {}, "17/main"),
        ({}, {}, ""),
    ],
)
def test_the_cluster_is_the_one_with_the_stations_port(
    tmp_path: Path, listed: Mapping[str, int], start: Mapping[str, str], found: str
) -> None:
    lines = "".join(
        f"{name.replace('/', ' ')} {port} online postgres /var/lib/postgresql/{name} /var/log/x\n"
        for name, port in listed.items()
    )
    (tmp_path / "etc").mkdir()
    for name in listed:
        (tmp_path / "etc" / name).mkdir(parents=True)
        (tmp_path / "etc" / name / "start.conf").write_text(
            f"# automatic startup\n\n{start.get(name, 'auto')}\n"
        )
    (tmp_path / "pg_lsclusters").write_text(f"#!/bin/sh\ncat <<'END'\n{lines}END\n")
    (tmp_path / "pg_lsclusters").chmod(0o755)
    script = FIND_CLUSTER.replace("/etc/postgresql", f"{tmp_path}/etc")
    done = subprocess.run(
        ["sh", "-c", f"{script}printf %s $c"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == found


class Cluster(PostgresqlStation):
    """A server on which the commands of the deployment run."""

    def run(self, command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        psql = f"psql -h {self.folder} -p {self.port} -U {user()}"
        return subprocess.run(
            ["sh", "-c", command.replace("runuser -u postgres -- psql -p 5432", psql)],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    def ask_there(self, query: str, database: str = "postgres") -> str:
        done = self.run(f'{PSQL} -d {database} -c "{query}"')
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def satisfies(self, resource: CustomCommand) -> bool:
        return self.run(resource.check).returncode == 0


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A cluster that was made under LANG=C: without an encoding, and with the database `madang`."""
    with own_folder() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("LC_ALL", "C")
        made = Cluster(folder)
        made.initialise()
        assert made.ask_there("SHOW server_encoding") == "SQL_ASCII"
        try:
            yield made
        finally:
            made.server.stop(mode="immediate")


@pytest.fixture
def made(tmp_path: Path) -> CustomCommand:
    """The database of the station."""
    station = load_station(station_file(tmp_path, SINGLE))
    found = postgresql.resources(station, machines(station)[0], 4 << 30, "hush", "/x.conf")
    (command,) = (one for one in found if one.key == "database of the station")
    assert isinstance(command, CustomCommand)
    return command


def test_a_database_without_an_encoding_is_refused(cluster: Cluster, made: CustomCommand) -> None:
    done = cluster.run(made.run, made.stdin)
    assert done.returncode == 1
    assert "The database madang is not in UTF-8" in done.stderr


def test_the_database_is_in_utf_8_also_in_a_cluster_without_an_encoding(
    cluster: Cluster, made: CustomCommand
) -> None:
    cluster.ask_there("DROP DATABASE madang")
    done = cluster.run(made.run, made.stdin)
    assert done.returncode == 0, done.stderr
    assert cluster.ask_there("SELECT length('마당'), upper('é')", "madang") == "2|É"
    assert cluster.run(made.run, made.stdin).returncode == 0, "again"


def test_indexes_are_made_anew_where_the_order_of_texts_changed(cluster: Cluster) -> None:
    if cluster.server.version < 15:
        pytest.skip("PostgreSQL 14 does not record it")
    assert cluster.satisfies(COLLATIONS)
    cluster.ask_there(
        "CREATE DATABASE sorted TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8' "
        "LOCALE_PROVIDER icu ICU_LOCALE 'ko'"
    )
    cluster.ask_there("CREATE TABLE names (name text PRIMARY KEY)", "sorted")
    assert cluster.satisfies(COLLATIONS)
    cluster.ask_there("UPDATE pg_database SET datcollversion = '1' WHERE datname = 'sorted'")
    file = "SELECT pg_relation_filepath('names_pkey')"
    before = cluster.ask_there(file, "sorted")
    assert not cluster.satisfies(COLLATIONS)
    done = cluster.run(COLLATIONS.run)
    assert done.returncode == 0, done.stderr
    assert cluster.satisfies(COLLATIONS)
    assert cluster.ask_there(file, "sorted") != before


def test_the_archive_goes_on_only_where_the_cluster_is_another(tmp_path: Path) -> None:
    """With programs that answer as PostgreSQL and pgBackRest do."""
    info = tmp_path / "backup.info"
    info.touch()
    check = backups.CONTINUE_STANZA.check.replace("runuser -u postgres -- ", "").replace(
        f"{backups.LOCAL}/postgresql/backup/madang/backup.info", str(info)
    )

    def satisfied(archived: str) -> bool:
        for name, answer in (
            ("psql", "7577777777777777777"),
            ("pgbackrest", f'[{{"db": [{{"system-id": 1}}, {{"system-id": {archived}}}]}}]'),
        ):
            (tmp_path / name).write_text(f"#!/bin/sh\necho '{answer}'\n")
            (tmp_path / name).chmod(0o755)
        path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        return subprocess.run(["sh", "-c", check], env=path, check=False).returncode == 0

    assert satisfied("7577777777777777777")
    assert not satisfied("7588888888888888888")
    info.unlink()
    assert satisfied("7588888888888888888")
