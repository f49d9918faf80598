"""The threads of the worker. Nothing here sleeps: jobs say when they run and wait to be let go."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from madang.base.errors import MadangError
from madang.infra.clock import Clock
from madang.work.schedule import Periodic
from madang.work.worker import Worker

LIMIT = 10.0
pytestmark = pytest.mark.usefixtures("station")


class Job:
    """A job that counts its runs, and blocks or fails on demand."""

    def __init__(self, *, blocks: bool = False, fails: Exception | None = None) -> None:
        self.began = threading.Semaphore(0)
        self.let_go = threading.Event()
        self.fails = fails
        if not blocks:
            self.let_go.set()

    def run(self) -> None:
        """Run once."""
        self.began.release()
        assert self.let_go.wait(LIMIT)
        if self.fails is not None:
            raise self.fails

    def ran(self) -> bool:
        """Wait for the next run."""
        return self.began.acquire(timeout=LIMIT)

    def periodic(self, name: str = "job", interval: float = 0.0) -> Periodic:
        """The job, which stops by being let go."""
        return Periodic(name, interval, self.run, stop=self.let_go.set)


def test_a_long_job_does_not_keep_the_others_from_being_done() -> None:
    long, short = Job(blocks=True), Job()
    worker = Worker([long.periodic("long"), short.periodic("short")])
    worker.start()
    assert long.ran()
    assert all(short.ran() for _ in range(5))
    worker.stop(LIMIT)


def test_no_more_jobs_run_at_a_time_than_there_are_threads() -> None:
    jobs = [Job(blocks=True) for _ in range(3)]
    worker = Worker([job.periodic(f"job {i}", 3600.0) for i, job in enumerate(jobs)], threads=2)
    worker.start()
    assert jobs[0].ran()
    assert jobs[1].ran()
    assert not jobs[2].began.acquire(blocking=False)
    jobs[0].let_go.set()
    assert jobs[2].ran()
    worker.stop(LIMIT)


@pytest.mark.parametrize(
    ("error", "level"), [(MadangError("No."), logging.WARNING), (KeyError("x"), logging.ERROR)]
)
def test_a_job_that_fails_is_logged_and_tried_again_after_a_back_off(
    error: Exception, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    now = [0.0]
    failing, steady = Job(fails=error), Job()
    clock = Clock(lambda: now[0], time.time)
    jobs = [failing.periodic("failing", 3600.0), steady.periodic("steady")]
    worker = Worker(jobs, threads=1, clock=clock)
    worker.start()
    assert failing.ran()
    assert steady.ran()
    assert steady.ran()
    assert not failing.began.acquire(blocking=False), "before the back-off is over"
    now[0] = 1.0
    assert failing.ran()
    worker.stop(LIMIT)
    found = [record.levelno for record in caplog.records if "failing" in record.getMessage()]
    assert found == [level, level]


def test_stopping_ends_the_jobs_at_work_and_begins_no_other() -> None:
    running, waiting = Job(blocks=True), Job()
    worker = Worker([running.periodic("running"), waiting.periodic("waiting")], threads=1)
    worker.start()
    assert running.ran()
    worker.stop(LIMIT)
    assert running.let_go.is_set()
    assert not waiting.began.acquire(blocking=False)


def test_stopping_does_not_wait_for_a_job_that_does_not_end() -> None:
    stuck = Job(blocks=True)
    worker = Worker([Periodic("stuck", 0.0, stuck.run)])
    worker.start()
    assert stuck.ran()
    began = time.monotonic()
    worker.stop(0.1)
    assert time.monotonic() - began < LIMIT / 2
    stuck.let_go.set()
