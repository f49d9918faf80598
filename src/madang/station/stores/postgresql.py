"""PostgreSQL: connections and their limits. Loads the driver.

A database that is stopped in the middle (a frozen machine, a full disk) keeps its connections
open and silent: every wait here has a limit, so that no thread of the station hangs for ever.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

import psycopg
from psycopg import errors
from psycopg.abc import RV, PQGen
from psycopg.conninfo import conninfo_to_dict

from madang.base.errors import MadangError
from madang.station.config.fields import masked_url

OLDEST: Final = 14
"""PostgreSQL 13 gets no more fixes; every distribution that the station supports has 14 or newer.
"""

CONNECT_SECONDS: Final = 3
"""Seconds for a new connection: the database stands on this machine or in its network."""

ANSWER_SECONDS: Final = 5.0
"""Seconds for one query. The slowest of a page takes milliseconds; 5 is what a person waits."""

WAIT_SECONDS: Final = 2.0
"""Seconds that a thread waits for a connection of the pool, which has one for each: only where the
database cannot be reached, and then whoever asked is told so before they give up."""

IDLE_SECONDS: Final = 300.0
"""Seconds after which a connection beyond the first of a pool is given back to the server."""

_KEEPALIVES: Final = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""Seconds, but the last in milliseconds: a machine that vanished is noticed within half a minute,
where the kernel's own settings take two hours."""


class NoPostgresql(MadangError):
    """PostgreSQL cannot be reached, or is not one that the station can use."""


class PatientConnection(psycopg.Connection[Any]):
    """A connection that waits for an answer no longer than ANSWER_SECONDS."""

    patience: float | None = ANSWER_SECONDS

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Run a conversation with the server. Raises OperationalError where it falls silent."""
        limit = timeout if timeout is not None else PatientConnection.patience
        try:
            return super().wait(gen, interval, limit)
        except errors._WaitTimeout:
            if timeout is not None:
                raise
            # The answer may still come and would be taken for that of the next query.
            self.pgconn.finish()
            raise psycopg.OperationalError(
                f"the database did not answer within {limit:g} s"
            ) from None


@contextlib.contextmanager
def unhurried() -> Iterator[None]:
    """Let queries take as long as they need, in all threads: for changes of tables."""
    before, PatientConnection.patience = PatientConnection.patience, None
    try:
        yield
    finally:
        PatientConnection.patience = before


def django_database(url: str, connections: int) -> dict[str, Any]:
    """Return the entry of Django's DATABASES for `url`, with at most `connections`."""
    given = conninfo_to_dict(url)
    own = {name: given.pop(name, "") for name in ("dbname", "user", "password", "host", "port")}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": own["dbname"],
        "USER": own["user"],
        "PASSWORD": own["password"],
        "HOST": own["host"],
        "PORT": str(own["port"] or ""),
        "CONN_MAX_AGE": 0,  # back to the pool after each request
        "CONN_HEALTH_CHECKS": True,  # a connection from before an outage is replaced unseen
        "OPTIONS": {
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "madang",
            **_KEEPALIVES,
            **given,
            "pool": {
                "connection_class": PatientConnection,
                "min_size": 1,
                "max_size": connections,
                "timeout": WAIT_SECONDS,
                "max_idle": IDLE_SECONDS,
                # Try again soon: an outage ends when the database is back, not minutes later.
                "reconnect_timeout": 60.0,
            },
        },
    }


def probe(url: str) -> str:
    """Connect once and return the server's version. Raises NoPostgresql with the reason.

    The pool would only say that it waited in vain.
    """
    try:
        with _connect(url) as connection:
            version = connection.info.server_version
    except psycopg.Error as error:
        raise NoPostgresql(
            f"The database {masked_url(url)} cannot be reached: {_in_a_line(error)}.",
            mend="Check database.url, that PostgreSQL runs, and that this user may open it.",
        ) from None
    if version < OLDEST * 10_000:
        raise NoPostgresql(
            f"PostgreSQL {version // 10_000} is too old.",
            mend=f"Version {OLDEST} or newer is needed; pg_upgrade moves the data.",
        )
    return f"{version // 10_000}.{version % 10_000}"


class Unsound(MadangError):
    """PostgreSQL answers, and something about it must be mended."""


def require_sound(url: str, *, archived: bool) -> None:
    """Check encoding, order of texts and, where changes are `archived`, their archive.

    Raises NoPostgresql, Unsound.
    """
    try:
        with _connect(url) as connection:
            values = connection.execute(_SOUND).fetchone()
            outdated = (
                connection.execute(_OUTDATED).fetchone()
                if connection.info.server_version >= DATABASE_COLLATIONS
                else None
            )
    except psycopg.Error as error:
        raise NoPostgresql(
            f"The database {masked_url(url)} cannot be reached: {_in_a_line(error)}.",
            mend="Check database.url, that PostgreSQL runs, and that this user may open it.",
        ) from None
    assert values is not None
    name, encoding, archive_mode, failed = values
    if encoding != "UTF8":
        raise Unsound(
            f"The database {name} is in {encoding}, not in UTF-8.",
            mend="See the guide, From an empty server, A database that is not UTF-8.",
        )
    if outdated is not None and outdated[0]:
        raise Unsound(
            "The system sorts texts otherwise than when the database's indexes were made.",
            mend="madang deploy apply; elsewhere, as its owner: "
            f"REINDEX DATABASE {name}; ALTER DATABASE {name} REFRESH COLLATION VERSION;",
        )
    if archived and (archive_mode == "off" or failed):
        raise Unsound(
            "PostgreSQL does not archive its changes: archive_mode is off."
            if archive_mode == "off"
            else f"PostgreSQL's changes have not arrived in the archive since {failed:%F %R}.",
            mend="madang deploy apply, as after an upgrade of PostgreSQL; its log says more.",
        )


DATABASE_COLLATIONS: Final = 150_000
"""First version that records the version of a database's collation."""

_SOUND: Final = """
SELECT current_database(), current_setting('server_encoding'), current_setting('archive_mode'),
CASE WHEN last_failed_time > coalesce(last_archived_time, '-infinity') THEN last_failed_time END
FROM pg_stat_archiver
"""

_OUTDATED: Final = """
SELECT datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid)
FROM pg_database WHERE datname = current_database()
"""


@contextlib.contextmanager
def alone(url: str, lock: int) -> Iterator[None]:
    """Hold the database's advisory lock number `lock`, on whichever machine this runs."""
    with _connect(url) as connection, unhurried():
        connection.execute("SELECT pg_advisory_lock(%s)", [lock])
        yield


def _connect(url: str) -> psycopg.Connection[Any]:
    given: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "client_encoding": "utf8",
    } | conninfo_to_dict(url)
    return PatientConnection.connect(**given, autocommit=True)


def _in_a_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__
