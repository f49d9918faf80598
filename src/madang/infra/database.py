"""Database access for an event loop, on threads of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from django.db import Error, close_old_connections

from madang.base.errors import MadangError

T = TypeVar("T")

THREADS: Final = 4
"""Queries are rare and short; more threads would only wait for the same database."""

ANSWER_SECONDS: Final = 12.0
"""Maximum seconds of a query. A busy database takes up to ten (SQLite's lock, or PostgreSQL's pool
and query together); callers must not wait for ever behind queries that hang."""


class DatabaseAway(MadangError):
    """The database does not answer. The message is public and has no details."""


@contextlib.contextmanager
def database() -> Iterator[None]:
    """Replace broken connections before, and return pooled ones after, the work of a thread."""
    close_old_connections()
    try:
        yield
    finally:
        close_old_connections()


class DatabaseThreads:
    """Runs functions that use the database, on threads that keep their connections."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="database")

    async def run(self, function: Callable[[], T]) -> T:
        """Run `function` on a thread and return its result.

        Raises what it raises, and DatabaseAway for database errors and after ANSWER_SECONDS.
        """

        def work() -> T:
            with database():
                try:
                    return function()
                except Error as error:
                    raise _away() from error

        result = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await result
        except TimeoutError:
            raise _away() from None

    def close(self) -> None:
        """Accept no more work, without waiting for running functions."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _away() -> DatabaseAway:
    return DatabaseAway(
        "The station's database does not answer now.", mend="Try again in a minute."
    )
