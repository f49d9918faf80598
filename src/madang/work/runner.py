"""The threads that run durable jobs."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from django.db import Error, connections
from django.utils.translation import gettext_noop

from madang.apps.jobs import leases
from madang.apps.jobs.errors import (
    AttemptEnded,
    AttemptInterrupted,
    AttemptStalled,
    JobFailed,
)
from madang.apps.jobs.models import OPEN, Job
from madang.base.errors import MadangError
from madang.infra.clock import SYSTEM_CLOCK, Clock
from madang.infra.database import database
from madang.infra.storage import storage_id
from madang.work.task import Handler, Task

JOBS: Final = "jobs"
"""Name of the folder of the jobs' files in the storage."""

STALLED: Final = gettext_noop("There was no progress for too long.")

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Lane:
    """Kinds of jobs that share `slots` threads, so that short ones need not wait for long ones.

    A job whose progress has not grown for `stall` seconds is ended.
    """

    name: str
    slots: int
    handlers: tuple[Handler, ...]
    stall: float = 600.0


@dataclass(frozen=True, slots=True)
class RunnerTiming:
    """Seconds."""

    poll: float = 1.0
    """Between two looks for jobs that are due."""

    heartbeat: float = 2.0
    """Between two renewals of leases, which also bring news of cancelled jobs."""

    lease: float = leases.LEASE.total_seconds()

    abandon: float = 10.0
    """From the end of an attempt by this process until a handler that does not return is left."""


@dataclass(slots=True, eq=False)
class _Attempt:
    task: Task
    lane: Lane
    thread: threading.Thread
    abandoned: bool = False
    ended_at: float | None = None


class Runner:
    """Claims and runs jobs. `worker` names it, and stays the same over restarts.

    `media` is the folder of the storage. Nobody else with the same name may run at the same time.
    """

    def __init__(
        self,
        lanes: Sequence[Lane],
        *,
        media: Path,
        worker: str,
        clock: Clock = SYSTEM_CLOCK,
        timing: RunnerTiming | None = None,
    ) -> None:
        self._lanes = [lane for lane in lanes if lane.handlers]
        self._media = media
        self._worker = worker
        self._clock = clock
        self._timing = timing or RunnerTiming()
        self._lasting = timedelta(seconds=self._timing.lease)
        self._lock = threading.Lock()
        self._attempts: set[_Attempt] = set()
        self._begun = threading.Event()
        self._stopping = threading.Event()
        self._away = False
        self._busy_at = clock.monotonic()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin. What an earlier process of this name left is queued again."""
        self._thread(self._send_heartbeats, "jobs-heartbeat")
        for lane in self._lanes:
            for number in range(lane.slots):
                self._thread(partial(self._work, lane), f"jobs-{lane.name}-{number}")

    def stop(self, patience: float = 2.0) -> None:
        """Give back what runs, and claim nothing more. Returns after `patience` seconds."""
        self._stopping.set()
        self._begun.set()
        with self._lock:
            running = list(self._attempts)
        for attempt in running:
            attempt.task.end(AttemptInterrupted("The worker stops."))
        deadline = self._clock.monotonic() + patience
        for thread in list(self._threads):
            thread.join(max(0.0, deadline - self._clock.monotonic()))

    def idle_for(self) -> float:
        """Return the seconds since the last job ran; 0 while one does."""
        with self._lock:
            return 0.0 if self._attempts else self._clock.monotonic() - self._busy_at

    # --- slots ------------------------------------------------------------------------------------

    def _work(self, lane: Lane) -> None:
        handlers = {handler.kind: handler for handler in lane.handlers}
        self._begun.wait()
        while not self._stopping.is_set():
            job = self._reach(lambda: self._claim(list(handlers)))
            if job is None:
                self._stopping.wait(self._timing.poll)
            elif not self._run(job, handlers[job.kind], lane):
                return  # left by the heartbeat, which has started another thread
        connections.close_all()

    def _claim(self, kinds: list[str]) -> Job | None:
        storage = storage_id(self._media)
        if storage is None:
            return None  # the disk is not there: nothing can be written
        return leases.claim(self._worker, kinds, storage, self._now(), self._lasting)

    def _run(self, job: Job, handler: Handler, lane: Lane) -> bool:
        """Run a job; return False where this thread was given up meanwhile."""
        task = Task(job, self._media / JOBS / job.pk, clock=self._clock)
        attempt = _Attempt(task, lane, threading.current_thread())
        with self._lock:
            self._attempts.add(attempt)
            if self._stopping.is_set():
                task.end(AttemptInterrupted("The worker stops."))
        log.info("job %s (%s): attempt %d begins", job, job.pk, job.attempt)
        try:
            task.checkpoint_folder.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(task.folder, ignore_errors=True)
            task.folder.mkdir()
            task.check()
            handler.run(task)
            task.check()
            failure = None
        except Exception as error:
            log.debug("job %s (%s) raised", job, job.pk, exc_info=True)
            failure = error
        with self._lock:
            if attempt.abandoned:
                log.warning("job %s (%s): the attempt that hung has ended", job, job.pk)
                return False
        self._conclude(job, attempt, failure)
        return True

    def _conclude(self, job: Job, attempt: _Attempt, failure: Exception | None) -> None:
        """Record the outcome of an attempt, however long the database is away; then delete its
        files."""
        task = attempt.task
        shutil.rmtree(task.folder, ignore_errors=True)
        while True:
            try:
                with database():
                    self._record(job, task, failure)
                    over = not Job.objects.filter(pk=job.pk, state__in=OPEN).exists()
            except Error as error:
                self._note_outage(error)
                if self._stopping.wait(self._timing.poll):
                    over = False
                    break  # the next start of this worker finds the job still running
            except Exception:
                log.exception("job %s (%s): its outcome cannot be recorded", job, job.pk)
                over = False
                break  # its lease expires, and the job is queued again
            else:
                break
        if over:
            shutil.rmtree(task.checkpoint_folder.parent, ignore_errors=True)
        with self._lock:
            self._attempts.discard(attempt)
            self._busy_at = self._clock.monotonic()

    def _record(self, job: Job, task: Task, failure: Exception | None) -> None:
        reason = task.ending or failure
        match reason:
            case None:
                try:
                    leases.finish(task.lease, self._now())
                    log.info("job %s (%s): done", job, job.pk)
                except AttemptEnded as error:
                    log.warning("job %s (%s): %s", job, job.pk, error)
            case AttemptInterrupted():
                leases.release(task.lease, task.latest, self._now())
                log.info("job %s (%s): given back", job, job.pk)
            case AttemptStalled():
                self._fail(job, task, str(reason))
            case AttemptEnded():
                log.warning("job %s (%s): %s", job, job.pk, reason)
            case JobFailed(retry=again):
                self._fail(job, task, str(reason), again=again)
            case MadangError() | Error() | OSError():
                self._fail(job, task, str(reason))
            case _:
                log.error("job %s (%s) raised", job, job.pk, exc_info=reason)
                self._fail(job, task, f"{type(reason).__name__}: {reason}")

    def _fail(self, job: Job, task: Task, reason: str, *, again: bool = True) -> None:
        log.warning("job %s (%s): attempt %d failed: %s", job, job.pk, job.attempt, reason)
        leases.fail(task.lease, task.latest, reason, self._now(), again=again)

    # --- heartbeat --------------------------------------------------------------------------------

    def _send_heartbeats(self) -> None:
        while not self._stopping.is_set() and self._reach(self._begin) is None:
            self._stopping.wait(self._timing.poll)
        while not self._stopping.wait(self._timing.heartbeat):
            self._end_stalled()
            self._reach(self._renew)
        connections.close_all()

    def _begin(self) -> bool:
        lost = leases.requeue_lost(self._now(), worker=self._worker)
        if lost:
            log.warning("jobs that an earlier process left: %d", lost)
        self._delete_leftovers()
        self._begun.set()
        return True

    def _renew(self) -> None:
        with self._lock:
            running = list(self._attempts)
        for attempt in running:
            task = attempt.task
            if task.ending is not None and attempt.abandoned:
                continue
            try:
                leases.renew(task.lease, task.latest, self._now(), self._lasting)
            except AttemptEnded as error:
                task.end(error)
        leases.requeue_lost(self._now())

    def _end_stalled(self) -> None:
        now = self._clock.monotonic()
        with self._lock:
            running = list(self._attempts)
        for attempt in running:
            task, limit = attempt.task, attempt.lane.stall
            if task.ending is None and task.stalled_for() > limit:
                task.end(AttemptStalled(STALLED))
            if task.ending is None:
                continue
            attempt.ended_at = attempt.ended_at or now
            if now - attempt.ended_at > self._timing.abandon:
                self._abandon(attempt)

    def _abandon(self, attempt: _Attempt) -> None:
        """Leave an attempt whose handler does not return, and start another thread in its place."""
        with self._lock:
            if attempt not in self._attempts or attempt.abandoned:
                return
            attempt.abandoned = True
            self._threads.remove(attempt.thread)
        lane = attempt.lane
        log.error("job %s: its handler does not return and is left", attempt.task.id)
        self._thread(partial(self._leave, attempt), "jobs-abandoned")
        self._thread(partial(self._work, lane), f"jobs-{lane.name}")

    def _leave(self, attempt: _Attempt) -> None:
        job = Job(pk=attempt.task.id, kind=attempt.task.kind, subject=attempt.task.subject)
        self._conclude(job, attempt, None)
        connections.close_all()

    def _delete_leftovers(self) -> None:
        """Delete the files of jobs that have ended while no worker was there."""
        folder = self._media / JOBS
        names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
        for name in names:
            if not Job.objects.filter(pk=name, state__in=OPEN).exists():
                shutil.rmtree(folder / name, ignore_errors=True)

    # --- both -------------------------------------------------------------------------------------

    def _reach(self, ask: Callable[[], T]) -> T | None:
        """Return the answer of the database; None while it is away."""
        try:
            with database():
                answer = ask()
        except Error as error:
            self._note_outage(error)
            return None
        except Exception:  # of a signal's receiver, or of the disk: the thread has to go on
            log.exception("jobs: a step failed and is tried again")
            return None
        self._away = False
        return answer

    def _note_outage(self, error: Error) -> None:
        if not self._away:
            log.warning("jobs: the database is away: %s", error)
        self._away = True

    def _thread(self, run: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.wall(), UTC)
