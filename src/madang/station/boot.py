"""Start of the control plane in this process: settings, data folder, Django, migrations."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import django

from madang.base.errors import MadangError
from madang.base.text import set_translator
from madang.station.config import active_settings, data_folder
from madang.station.config.settings import Settings
from madang.station.stores import databases

DJANGO_SETTINGS: Final = "madang.station.django.settings"
LOCK_FILE: Final = "migrate.lock"
MIGRATE_LOCK: Final = 0x6D6164616E67
"""Number of PostgreSQL's advisory lock for changes of tables: "madang" in ASCII."""


class DatabaseError(MadangError):
    """The database cannot be opened or brought up to date."""


def start_django(
    settings: Settings, connections: int = active_settings.COMMAND_CONNECTIONS
) -> None:
    """Set Django up for `settings`, once in a process, with at most `connections` to PostgreSQL.

    Raises DataFolderError.
    """
    data_folder.prepare(settings)
    active_settings.activate(settings, connections)
    os.environ["DJANGO_SETTINGS_MODULE"] = DJANGO_SETTINGS
    django.setup()

    from django.utils import translation

    set_translator(translation.gettext)
    # What a process says by itself, in its log and on the command line, is English on every
    # station. Whoever asks it something is answered in the language of that request.
    translation.activate("en")


def migrate(settings: Settings) -> None:
    """Run the migrations that the database lacks. Two at once are safe.

    Raises DatabaseError.
    """
    from django.core.management import call_command
    from django.db import Error

    try:
        if not pending_migrations():
            return
        with _migration_lock(settings):
            call_command("migrate", interactive=False, verbosity=0)
    except Error as error:
        raise DatabaseError(
            f"The database {databases.name(settings)} cannot be used: {error}.",
            mend="Check that the file is a database and that its folder is writable."
            if settings.database_file
            else "Check that this user may make and change tables.",
        ) from None


@contextlib.contextmanager
def _migration_lock(settings: Settings) -> Iterator[None]:
    """Hold the migration lock, on this machine or in the database that machines share."""
    if settings.database_file is None:
        from madang.station.stores import postgresql

        with postgresql.alone(settings.database.url, MIGRATE_LOCK):
            yield
    else:
        with (settings.data / data_folder.RUN_FOLDER / LOCK_FILE).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def pending_migrations() -> list[str]:
    """Return the names of the migrations that the database lacks."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def control_plane(
    settings: Settings, connections: int = active_settings.COMMAND_CONNECTIONS
) -> None:
    """Set Django up and run migrations.

    Raises DataFolderError, DatabaseError, NoPostgresql, NoRedis.
    """
    databases.require(settings)
    start_django(settings, connections)
    migrate(settings)


def web_folder() -> Path:
    """Return the folder of templates, built front end and translations."""
    return Path(__file__).resolve().parent.parent / "web"


def ask_database() -> None:
    """Run a small query. Raises django.db.Error where the database does not answer."""
    from django.db import close_old_connections, connection

    try:
        with connection.cursor() as cursor:
            # A table, not a constant: SQLite would answer that without its file.
            cursor.execute("SELECT 1 FROM channels_channel LIMIT 1")
    finally:
        close_old_connections()  # back to the pool: this thread may not ask again
