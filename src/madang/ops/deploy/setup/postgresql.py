"""Resources of PostgreSQL: the cluster's files, the station's database, collations.

Commands, as the cluster's folder has the version in its name, which is known only after the
packages are installed; files are compared with cmp.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

from madang.ops.backup.pgbackrest_config import postgresql_conf
from madang.ops.deploy.model.layout import POSTGRESQL_PORT, USER, StationMachine
from madang.ops.deploy.model.resources import STATE, CustomCommand, ManagedFile, Resource
from madang.ops.deploy.model.station_file import Station
from madang.ops.deploy.texts import database

PSQL: Final = f"env -C / runuser -u postgres -- psql -p {POSTGRESQL_PORT} -qAtX -v ON_ERROR_STOP=1"

_OUTDATED: Final = (
    "FROM pg_database WHERE datallowconn AND datcollversion IS DISTINCT FROM "
    "pg_database_collation_actual_version(oid)"
)

COLLATIONS: Final = CustomCommand(
    "order of texts in PostgreSQL",
    # 14 does not record the version of a database's collation.
    f'[ "$({PSQL} -c "SHOW server_version_num")" -lt 150000 ] || '
    f'[ "$({PSQL} -c "SELECT count(*) {_OUTDATED}")" = 0 ]',
    f'set -e; for each in $({PSQL} -c "SELECT datname {_OUTDATED}"); do '
    f'{PSQL} -d "$each" -c "REINDEX DATABASE CONCURRENTLY \\"$each\\""; '
    f'{PSQL} -d "$each" -c "ALTER DATABASE \\"$each\\" REFRESH COLLATION VERSION"; done',
)
"""Indexes are made anew where the system's order of texts changed, as with a new distribution."""


def resources(
    station: Station, machine: StationMachine, memory: int, password: str, archive: str
) -> tuple[Resource, ...]:
    """The distribution's cluster of any version: tuned, closed to other machines, archived by
    pgBackRest with the configuration `archive`.
    """
    found: list[Resource] = []
    find = f"{database.FIND_CLUSTER}d=/etc/postgresql/$c"
    for name, text, path in (
        ("settings", database.postgresql(station, machine, memory), "conf.d/60-madang.conf"),
        ("access", database.access(station, machine), "pg_hba.conf"),
        ("archive", postgresql_conf(Path(archive)), "conf.d/70-madang-backup.conf"),
    ):
        body = shlex.quote(text)
        found.append(
            CustomCommand(
                f"PostgreSQL {name}",
                f'{find}; printf %s {body} | cmp -s - "$d/{path}"',
                f"set -e; {find}; touch {STATE}/postgresql-stale; "
                f'mkdir -p "$d/conf.d"; cat > "$d/{path}.new"; '
                f'chown postgres:postgres "$d/{path}.new"; chmod 640 "$d/{path}.new"; '
                f'mv -f "$d/{path}.new" "$d/{path}"',
                text,
            )
        )
    # In a file of root's, as command lines are readable by everybody.
    pgpass = ManagedFile(
        f"{STATE}/pgpass",
        f"127.0.0.1:{POSTGRESQL_PORT}:{USER}:{USER}:{password}\n",
        0o600,
        secret=True,
    )
    login = f"PGPASSFILE={pgpass.path} psql -w -qAtX -h 127.0.0.1 -U {USER} -d {USER} -c 'SELECT 1'"
    answers = f"pg_isready -q -p {POSTGRESQL_PORT}"
    found += [
        pgpass,
        CustomCommand(
            "PostgreSQL runs with them",
            f"systemctl is-active --quiet postgresql && [ ! -e {STATE}/postgresql-stale ]",
            "systemctl enable --quiet postgresql && systemctl restart postgresql "
            f"&& for i in $(seq 100); do {answers} && break; sleep 0.2; done "
            f"&& {answers} && rm -f {STATE}/postgresql-stale",
            after=tuple(resource.key for resource in found),
        ),
        CustomCommand("database of the station", f"{login} >/dev/null 2>&1", *_make(password)),
    ]
    return tuple(found)


def _make(password: str) -> tuple[str, str]:
    """Return the command that makes role and database, and its standard input.

    The encoding is UTF-8 also in a cluster that was made under LANG=C, and the locale one that
    every system has and never changes.
    """
    encoding = f"SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = '{USER}'"
    return (
        f"set -e; {PSQL} >/dev/null; "
        f'{PSQL} -c "{encoding}" | grep -q . '
        f"|| {PSQL} -c \"CREATE DATABASE {USER} OWNER {USER} ENCODING 'UTF8' "
        "LOCALE 'C.UTF-8' TEMPLATE template0\"; "
        f'{PSQL} -c "{encoding}" | grep -qx UTF8 || {{ echo "The database {USER} is not in UTF-8: '
        'see the guide, From an empty server, A database that is not UTF-8." >&2; exit 1; }',
        f"SELECT 'CREATE ROLE {USER} LOGIN' WHERE NOT EXISTS "
        f"(SELECT FROM pg_roles WHERE rolname = '{USER}') \\gexec\n"
        f"ALTER ROLE {USER} LOGIN PASSWORD '{password}';\n",
    )
