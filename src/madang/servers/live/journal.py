"""Keeps the record of shows in the database, off the data path and in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final, TypeVar

from django.db import Error, close_old_connections

from madang.apps.broadcasts import services
from madang.apps.broadcasts.models import EndReason
from madang.apps.broadcasts.services import Progress
from madang.base.errors import MadangError

log = logging.getLogger(__name__)

T = TypeVar("T")

THREADS: Final = 4
"""Arrivals are rare and short; more threads would only wait for the same database."""


ASK_SECONDS: Final = 12.0
"""Seconds for an answer. A database that is busy takes up to ten (SQLite's lock, PostgreSQL's pool
and answer together); behind questions that hang, nobody waits for ever."""

AWAY_SECONDS: Final = 5.0
"""Seconds for which a database that failed is not written to: with many shows, reports that each
wait for it would pile up behind one another."""


@contextlib.contextmanager
def database() -> Iterator[None]:
    """Around work of a thread of its own: a connection that broke is replaced, and one of a pool
    is given back afterwards, as there are fewer than threads."""
    close_old_connections()
    try:
        yield
    finally:
        close_old_connections()


class DatabaseAway(MadangError):
    """The database does not answer. The words are for strangers: no detail of the trouble."""


def _away() -> DatabaseAway:
    return DatabaseAway(
        "The station's database does not answer now.", mend="Try again in a minute."
    )


class ShowRecord:
    """The record of one show. A database that is away loses nothing but time: totals are
    written whole, and a record that could not be opened is opened with the next report."""

    def __init__(self, journal: Journal, channel_id: int, began_at: datetime) -> None:
        self._journal = journal
        self._channel_id = channel_id
        self._began_at = began_at
        self._id: int | None = None  # touched on the journal's thread only
        journal.submit(self._open)

    def report(self, progress: Progress) -> None:
        """Keep the totals so far."""
        self._journal.submit(lambda: services.record_progress(self._open(), progress))

    def close(self, progress: Progress, reason: EndReason, ended_at: datetime) -> None:
        """Keep the last totals, and how and when the show ended."""
        self._journal.submit(
            lambda: services.finish(self._open(), progress, reason, ended_at=ended_at), keep=True
        )

    def _open(self) -> int:
        if self._id is None:
            self._id = services.begin(self._channel_id, self._began_at)
        return self._id


class Journal:
    """One thread that writes, so that reports of a show never overtake one another."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        # These are touched on the thread only.
        self._kept: list[Callable[[], object]] = []
        self._away_until = 0.0

    def open(self, channel_id: int, began_at: datetime) -> ShowRecord:
        """Begin the record of a show."""
        return ShowRecord(self, channel_id, began_at)

    def submit(self, work: Callable[[], object], *, keep: bool = False) -> None:
        """Do `work` on the thread; what it raises goes to the log, the show goes on.

        What is worth to `keep` is tried again with `retry` where the database was away.
        """
        self._thread.submit(self._guarded, work, keep)

    def retry(self) -> None:
        """Do what was kept; call now and then."""
        self._thread.submit(self._retry)

    async def close(self, patience: float) -> None:
        """Write what is still waiting, in at most `patience` seconds.

        What a database that is away does not take then is left to the next start, which closes
        the records of shows that were cut off.
        """
        self._thread.submit(self._retry, now=True)
        written = asyncio.wrap_future(self._thread.submit(lambda: None))
        await asyncio.wait([written], timeout=patience)
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _retry(self, *, now: bool = False) -> None:
        if now:
            self._away_until = 0.0
        kept, self._kept = self._kept, []
        for work in kept:
            self._guarded(work, keep=True)

    def _guarded(self, work: Callable[[], object], keep: bool) -> None:
        if time.monotonic() < self._away_until:
            if keep:
                self._kept.append(work)
            return
        close_old_connections()
        try:
            work()
        except Error as error:
            self._away_until = time.monotonic() + AWAY_SECONDS
            log.error(
                "the database did not take the record of a show; it is tried again: %s", error
            )
            if keep:
                self._kept.append(work)
        except MadangError as error:
            log.warning("the record of a show is not kept: %s", error)
        finally:
            close_old_connections()


class ControlPlane:
    """Asks the database's side of the house, on threads that keep their connections."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="control")

    async def ask(self, question: Callable[[], T]) -> T:
        """Return what `question` returns; raises what it raises, DatabaseAway for its errors."""

        def run() -> T:
            close_old_connections()
            try:
                return question()
            except Error as error:
                raise _away() from error
            finally:
                close_old_connections()  # back to the pool, where there is one

        answer = asyncio.get_running_loop().run_in_executor(self._threads, run)
        try:
            return await asyncio.wait_for(answer, ASK_SECONDS)
        except TimeoutError:
            raise _away() from None

    def close(self) -> None:
        """Take no more questions. Nobody waits for those under way."""
        self._threads.shutdown(wait=False, cancel_futures=True)
