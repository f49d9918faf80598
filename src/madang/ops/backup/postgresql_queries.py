"""Queries to PostgreSQL for backup and verification."""

from __future__ import annotations

import json
import time
from typing import Final

from madang.ops.backup.cluster import PostgresServer
from madang.ops.backup.database import MARKER_TABLE, MARKERS_KEPT
from madang.ops.backup.errors import BackupError
from madang.ops.backup.model import DatabaseContent

ARCHIVED_SECONDS: Final = 120.0
"""Longest time until a WAL segment is archived, before it is an error."""

_TABLES: Final = """
SELECT coalesce(json_agg(quote_ident(schemaname) || '.' || quote_ident(tablename)), '[]')
FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
AND tablename <> '%s' AND schemaname NOT LIKE 'pg_temp%%'
"""
_TABLE: Final = """SELECT '{name}' AS name, count(*) AS rows,
coalesce(sum(('x' || substr(md5(x::text), 1, 15))::bit(60)::bigint), 0)::text AS sums
FROM {table} x"""


def write_marker(server: PostgresServer, identifier: str) -> str:
    """Write the marker row and the restore point; return the WAL segment with both."""
    server.query(
        f"CREATE TABLE IF NOT EXISTS {MARKER_TABLE}"
        " (number bigserial PRIMARY KEY, id text NOT NULL);"
        f"INSERT INTO {MARKER_TABLE} (id) VALUES ('{identifier}');"
        f"DELETE FROM {MARKER_TABLE} WHERE number <="
        f" (SELECT max(number) FROM {MARKER_TABLE}) - {MARKERS_KEPT}"
    )
    segment = server.query(f"SELECT pg_walfile_name(pg_create_restore_point('{identifier}'))")
    server.query("SELECT pg_switch_wal()")
    return segment


def wait_until_archived(server: PostgresServer, segment: str) -> None:
    """Wait until the write-ahead log up to `segment` is archived. Raises BackupError."""
    deadline = time.monotonic() + ARCHIVED_SECONDS
    archived = f"SELECT coalesce(last_archived_wal >= '{segment}', false) FROM pg_stat_archiver"
    while server.query(archived) != "t":
        if time.monotonic() > deadline:
            raise BackupError(
                "PostgreSQL's changes do not arrive in the archive.",
                mend="Its log says why; is the disk of backup.local full?",
            )
        time.sleep(0.1)


def table_names(server: PostgresServer) -> list[str]:
    """Return the station's tables, quoted for SQL."""
    found: list[str] = json.loads(server.query(_TABLES % MARKER_TABLE))
    return found


def read_content(server: PostgresServer) -> DatabaseContent:
    """Return rows and checksum of every table, and the newest marker."""
    marker = f"SELECT id FROM {MARKER_TABLE} ORDER BY number DESC LIMIT 1"
    if server.query(f"SELECT to_regclass('{MARKER_TABLE}') IS NOT NULL") != "t":
        marker = "SELECT ''"
    queries = " UNION ALL ".join(
        _TABLE.format(name=name.replace("'", "''"), table=name) for name in table_names(server)
    )
    # One statement, so that all counts are of the same moment.
    found = server.query(
        f"SELECT json_build_object('marker', ({marker}), 'tables', "
        f"(SELECT json_object_agg(name, json_build_array(rows, sums)) FROM ({queries}) t))"
    )
    answer = json.loads(found)
    counts = answer["tables"] or {}
    return DatabaseContent(
        {name: int(rows) for name, (rows, _) in counts.items()},
        {name: str(sums) for name, (_, sums) in counts.items()},
        answer["marker"] or "",
    )
