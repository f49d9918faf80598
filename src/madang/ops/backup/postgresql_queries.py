"""What PostgreSQL is asked while it is backed up, and when a copy of it is proven."""

from __future__ import annotations

import json
import time
from typing import Final

from madang.ops.backup.cluster import PostgresServer
from madang.ops.backup.database import MARKERS, MARKERS_KEPT
from madang.ops.backup.errors import BackupError
from madang.ops.backup.model import Content

ARCHIVED_SECONDS: Final = 120.0
"""How long a change may take into the archive before something is wrong with it."""

_TABLES: Final = """
SELECT coalesce(json_agg(quote_ident(schemaname) || '.' || quote_ident(tablename)), '[]')
FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
AND tablename <> '%s' AND schemaname NOT LIKE 'pg_temp%%'
"""
_TABLE: Final = """SELECT '{name}' AS name, count(*) AS rows,
coalesce(sum(('x' || substr(md5(x::text), 1, 15))::bit(60)::bigint), 0)::text AS sums
FROM {table} x"""


def mark(server: PostgresServer, identifier: str) -> str:
    """Write the marker row and make the restore point; returns the segment that both are in."""
    server.ask(
        f"CREATE TABLE IF NOT EXISTS {MARKERS} (number bigserial PRIMARY KEY, id text NOT NULL);"
        f"INSERT INTO {MARKERS} (id) VALUES ('{identifier}');"
        f"DELETE FROM {MARKERS} WHERE number <="
        f" (SELECT max(number) FROM {MARKERS}) - {MARKERS_KEPT}"
    )
    point = server.ask(f"SELECT pg_walfile_name(pg_create_restore_point('{identifier}'))")
    server.ask("SELECT pg_switch_wal()")
    return point


def wait_until_archived(server: PostgresServer, segment: str) -> None:
    """Wait until the write-ahead log up to `segment` is in the archive. Raises BackupError."""
    deadline = time.monotonic() + ARCHIVED_SECONDS
    arrived = f"SELECT coalesce(last_archived_wal >= '{segment}', false) FROM pg_stat_archiver"
    while server.ask(arrived) != "t":
        if time.monotonic() > deadline:
            raise BackupError(
                "PostgreSQL's changes do not arrive in the archive.",
                mend="Its log says why; is the disk of backup.local full?",
            )
        time.sleep(0.1)


def tables(server: PostgresServer) -> list[str]:
    """The names of the station's tables, as SQL writes them."""
    found: list[str] = json.loads(server.ask(_TABLES % MARKERS))
    return found


def content(server: PostgresServer) -> Content:
    """What the database holds now."""
    marker = f"SELECT id FROM {MARKERS} ORDER BY number DESC LIMIT 1"
    if server.ask(f"SELECT to_regclass('{MARKERS}') IS NOT NULL") != "t":
        marker = "SELECT ''"
    counted = " UNION ALL ".join(
        _TABLE.format(name=name.replace("'", "''"), table=name) for name in tables(server)
    )
    # One statement: everything is counted in the same moment.
    found = server.ask(
        f"SELECT json_build_object('marker', ({marker}), 'tables', "
        f"(SELECT json_object_agg(name, json_build_array(rows, sums)) FROM ({counted}) t))"
    )
    answer = json.loads(found)
    told = answer["tables"] or {}
    return Content(
        {name: int(rows) for name, (rows, _) in told.items()},
        {name: str(sums) for name, (_, sums) in told.items()},
        answer["marker"] or "",
    )
