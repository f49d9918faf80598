"""The stores that the settings name: Django's settings for them, and checks at the start."""

from __future__ import annotations

from typing import Any

from madang.station.config.fields import masked_url
from madang.station.config.settings import Settings


def django_database(settings: Settings, connections: int) -> dict[str, Any]:
    """Return the entry of Django's DATABASES, with at most `connections` to PostgreSQL."""
    if settings.database_file is None:
        from madang.station.stores import postgresql

        return postgresql.django_database(settings.database.url, connections)
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": settings.database_file,
        # Connections outlive a request: the data plane's threads have no requests.
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            # A transaction that reads and then writes takes its lock at the start: two of them
            # wait for each other instead of failing (SQLite documentation, "SQLITE_BUSY").
            "transaction_mode": "IMMEDIATE",
            "timeout": 10,
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-16000;"
            ),
        },
    }


def django_caches(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return Django's CACHES; with Redis there is one named `sessions` beside `default`."""
    if settings.redis.url is not None:
        from madang.station.stores import redis

        return redis.django_caches(settings.redis.url)
    return {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            # Sign-in attempts are counted here: a flood of addresses must not push them out.
            "OPTIONS": {"MAX_ENTRIES": 100_000},
        }
    }


def require(settings: Settings) -> None:
    """Raise NoPostgresql or NoRedis where a server that the settings name cannot be used.

    SQLite is tried when it is opened.
    """
    if settings.database_file is None:
        from madang.station.stores import postgresql

        postgresql.probe(settings.database.url)
    if settings.redis.url is not None:
        from madang.station.stores import redis

        redis.probe(settings.redis.url)


def name(settings: Settings) -> str:
    """Return the database's file, or its URL without the password, for messages."""
    return str(settings.database_file or masked_url(settings.database.url))
