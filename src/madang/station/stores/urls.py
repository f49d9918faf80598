"""The addresses of the stores: SQLite or PostgreSQL for what lasts, memory or Redis for the rest.

Reading an address needs no driver, so that `madang --help` and SQLite stations load none.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

SQLITE: Final = "sqlite:///"
POSTGRESQL: Final = ("postgresql", "postgres")
REDIS: Final = ("redis", "rediss", "unix")

_DATABASE_EXAMPLES: Final = (
    "expected sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME, such as "
    "sqlite:////var/lib/madang/madang.db or postgresql:///madang?host=/run/postgresql"
)
_REDIS_EXAMPLES: Final = (
    "expected redis://HOST, rediss://HOST (TLS) or unix://PATH, such as redis://127.0.0.1:6379/0"
)


def database_url(url: str) -> str:
    """Return `url` if it is the address of a database. Raises ValueError."""
    if url.startswith(SQLITE) and url != SQLITE:
        return url
    parts = _split(url)
    if parts is None or parts.scheme not in POSTGRESQL or not parts.path.strip("/"):
        raise ValueError(_DATABASE_EXAMPLES)
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        conninfo_to_dict(url)
    except ProgrammingError as error:
        # Other complaints of libpq repeat the part that they are about, perhaps the password.
        why = str(error).strip()
        known = f" ({why})" if why.startswith("invalid URI query parameter") else ""
        raise ValueError(f"{_DATABASE_EXAMPLES}{known}") from None
    return url


def redis_url(url: str | None) -> str | None:
    """Return `url` if it is the address of a Redis server, or None. Raises ValueError."""
    if url is None:
        return None
    parts = _split(url)
    if parts is None or parts.scheme not in REDIS:
        raise ValueError(_REDIS_EXAMPLES)
    if parts.scheme == "unix":
        if not parts.path.startswith("/"):
            raise ValueError(_REDIS_EXAMPLES)
    elif not parts.hostname or not (parts.path.strip("/") or "0").isdecimal():
        raise ValueError(_REDIS_EXAMPLES)
    return url


def sqlite_file(url: str) -> Path | None:
    """Return the file of an SQLite database, None for PostgreSQL."""
    return Path(url.removeprefix(SQLITE)) if url.startswith(SQLITE) else None


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is no number
    except ValueError:
        return None
    return parts
