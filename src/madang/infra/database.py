"""Threads that use the database for an event loop, which must never wait for it."""

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
"""Arrivals are rare and short; more threads would only wait for the same database."""

ANSWER_SECONDS: Final = 12.0
"""Seconds for an answer. A busy database takes up to ten (SQLite's lock, or PostgreSQL's pool and
answer together); nobody waits for ever behind queries that hang."""


class DatabaseAway(MadangError):
    """The database does not answer. The message is for strangers and has no detail."""


@contextlib.contextmanager
def database() -> Iterator[None]:
    """Wrap database work of a thread: replace broken connections, return pooled ones."""
    close_old_connections()
    try:
        yield
    finally:
        close_old_connections()


class DatabaseThreads:
    """Runs database functions for an event loop, on threads that keep their connections."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="database")

    async def run(self, function: Callable[[], T]) -> T:
        """Return what `function` returns on a thread.

        Raises what it raises; DatabaseAway for errors of the database and after ANSWER_SECONDS.
        """

        def work() -> T:
            with database():
                try:
                    return function()
                except Error as error:
                    raise _away() from error

        result = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.wait_for(result, ANSWER_SECONDS)
        except TimeoutError:
            raise _away() from None

    def close(self) -> None:
        """Accept no more work. Nothing waits for what is running."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _away() -> DatabaseAway:
    return DatabaseAway(
        "The station's database does not answer now.", mend="Try again in a minute."
    )
