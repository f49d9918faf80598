"""The threads that run periodic jobs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Final

from django.db import Error, connections

from madang.base.errors import MadangError
from madang.infra.clock import SYSTEM_CLOCK, Clock
from madang.infra.database import database
from madang.work.schedule import Periodic, Schedule

THREADS: Final = 4
"""Jobs at a time: backups and their shipping may take hours, the others must find room."""

STOP_SECONDS: Final = 2.0
"""Time for the jobs at work to end, at most."""

log = logging.getLogger(__name__)


class Worker:
    """Runs each job when it is due, on at most `threads` threads."""

    def __init__(
        self, jobs: Sequence[Periodic], *, threads: int = THREADS, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._schedule = Schedule(jobs, clock.monotonic())
        self._clock = clock
        self._changed = threading.Condition()
        self._running: set[Periodic] = set()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._work, name=f"worker-{number}", daemon=True)
            for number in range(min(threads, len(jobs)))
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self, patience: float = STOP_SECONDS) -> None:
        """Begin no other run, and make those at work end. Returns after `patience` or
        STOP_SECONDS, whichever is shorter."""
        deadline = self._clock.monotonic() + min(patience, STOP_SECONDS)
        with self._changed:
            self._stopping = True
            running = list(self._running)
            self._changed.notify_all()
        for job in running:
            job.stop()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - self._clock.monotonic()))

    def _work(self) -> None:
        while (job := self._next()) is not None:
            failed = not _run(job)
            with self._changed:
                self._running.discard(job)
                self._schedule.done(job, self._clock.monotonic(), failed=failed)
                self._changed.notify()
        connections.close_all()

    def _next(self) -> Periodic | None:
        """Wait for a job that is due. Returns None once the worker stops."""
        with self._changed:
            while not self._stopping:
                now = self._clock.monotonic()
                if (job := self._schedule.take(now)) is not None:
                    self._running.add(job)
                    return job
                self._changed.wait(self._schedule.wait(now))
        return None


def _run(job: Periodic) -> bool:
    """Run a job; return False where it failed, which is logged."""
    try:
        with database():
            job.run()
    except (Error, MadangError) as error:
        log.warning("%s: %s; tried again", job.name, error)
    except Exception:
        log.exception("%s failed; tried again", job.name)
    else:
        return True
    return False
