"""Records of shows in the database, written off the data path and in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final

from django.db import Error, close_old_connections

from madang.apps.broadcasts import services
from madang.apps.broadcasts.models import EndReason
from madang.apps.broadcasts.services import Progress
from madang.base.errors import MadangError
from madang.infra.clock import SYSTEM_CLOCK, Clock

log = logging.getLogger(__name__)

AWAY_SECONDS: Final = 5.0
"""Seconds for which a database that failed is not written to: with many shows, reports that each
wait for it would pile up behind one another."""


class ShowRecord:
    """The record of one show. While the database is away nothing is lost but time: totals are
    written whole, and a record that could not be opened is opened with the next report."""

    def __init__(self, show_log: ShowLog, channel_id: int, began_at: datetime) -> None:
        self._show_log = show_log
        self._channel_id = channel_id
        self._began_at = began_at
        self._id: int | None = None  # touched on the log's thread only
        show_log.submit(self._open)

    def report(self, progress: Progress) -> None:
        """Keep the totals so far."""
        self._show_log.submit(lambda: services.record_progress(self._open(), progress))

    def close(self, progress: Progress, reason: EndReason, ended_at: datetime) -> None:
        """Keep the last totals, and how and when the show ended."""
        self._show_log.submit(
            lambda: services.finish(self._open(), progress, reason, ended_at=ended_at), keep=True
        )

    def _open(self) -> int:
        if self._id is None:
            self._id = services.begin(self._channel_id, self._began_at)
        return self._id


class ShowLog:
    """One thread that writes, so that reports of a show never overtake one another."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._now = clock.monotonic
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="show-log")
        # These are touched on the thread only.
        self._kept: list[Callable[[], object]] = []
        self._away_until = 0.0

    def open(self, channel_id: int, began_at: datetime) -> ShowRecord:
        """Begin the record of a show."""
        return ShowRecord(self, channel_id, began_at)

    def submit(self, work: Callable[[], object], *, keep: bool = False) -> None:
        """Do `work` on the thread; what it raises goes to the log, the show goes on.

        Where the database was away, work to `keep` is tried again with `retry`.
        """
        self._thread.submit(self._guarded, work, keep)

    def retry(self) -> None:
        """Do the work that was kept; call now and then."""
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
        if self._now() < self._away_until:
            if keep:
                self._kept.append(work)
            return
        close_old_connections()
        try:
            work()
        except Error as error:
            self._away_until = self._now() + AWAY_SECONDS
            log.error(
                "the database did not take the record of a show; it is tried again: %s", error
            )
            if keep:
                self._kept.append(work)
        except MadangError as error:
            log.warning("the record of a show is not kept: %s", error)
        except Exception:  # nobody looks at the future
            log.exception("the record of a show is not kept")
        finally:
            close_old_connections()
