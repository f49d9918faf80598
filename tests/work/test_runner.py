"""Jobs on the threads of a worker. Handlers say when they run and wait to be let go."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.jobs import FunctionHandler, quick_timing, running
from tests.support.station import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from madang.apps.jobs.models import Job
    from madang.work.runner import Lane
    from madang.work.task import Task

LIMIT = 20.0
pytestmark = pytest.mark.usefixtures("committed_db")

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]


def lane(
    run: Callable[[Task], None], kind: str = "encode", slots: int = 1, stall: float = 600.0
) -> Lane:
    from madang.work.runner import Lane

    return Lane(kind, slots, (FunctionHandler(kind, run),), stall=stall)


def queue(subject: str = "a", kind: str = "encode", storage: str = "") -> Job:
    from madang.apps.jobs.services import enqueue

    return enqueue(kind, subject, {"from": "here"}, storage=storage)


def in_state(job: Job, state: str) -> Job:
    """Wait until the job is in a state."""

    def there() -> bool:
        job.refresh_from_db()
        return job.state == state

    until(there, f"{state}; it is {job.state}: {job.error}", within=LIMIT)
    return job


def leftovers(media: Path) -> list[Path]:
    return sorted((media / "jobs").glob("*")) if (media / "jobs").is_dir() else []


def test_a_job_runs_with_its_arguments_and_is_done(tmp_path: Path) -> None:
    job, seen = queue(), []

    def run(task: Task) -> None:
        seen.append((task.kind, task.subject, task.arguments, task.attempt, task.checkpoint))
        (task.folder / "out").write_text("whole")
        task.report(0.5, {"chunk": 1})
        task.publish(lambda: (task.folder / "out").rename(tmp_path / "result"))

    with running(tmp_path, lane(run)):
        in_state(job, "done")
        until(lambda: not leftovers(tmp_path), "the files of the job are deleted")
    assert seen == [("encode", "a", {"from": "here"}, 1, {})]
    assert (tmp_path / "result").read_text() == "whole"
    assert (job.progress, job.error) == (1.0, "")


def test_the_next_attempt_goes_on_at_the_checkpoint(tmp_path: Path) -> None:
    from madang.apps.jobs.errors import JobFailed
    from madang.apps.jobs.models import Job

    job, seen = queue(), []

    def run(task: Task) -> None:
        there = task.checkpoint_folder / "0.mp4"
        seen.append((task.attempt, dict(task.checkpoint), there.exists()))
        if task.attempt == 1:
            (task.folder / "0.mp4").write_text("chunk")
            task.report(0.5, {"chunk": 1})
            task.publish(lambda: (task.folder / "0.mp4").rename(there))
            raise JobFailed("The disk is full.")

    with running(tmp_path, lane(run)):
        until(lambda: seen, "the first attempt")
        in_state(job, "queued")
        assert (job.error, job.progress) == ("The disk is full.", 0.5)
        Job.objects.update(due_at=job.created_at)  # the back-off is over
        in_state(job, "done")
    assert seen == [(1, {}, False), (2, {"chunk": 1}, True)]


@pytest.mark.parametrize("retry", [True, False])
def test_a_failure_says_why_and_whether_it_is_for_good(tmp_path: Path, retry: bool) -> None:
    from madang.apps.jobs.errors import JobFailed

    job = queue()

    def run(task: Task) -> None:
        raise JobFailed("There is no picture in it.", retry=retry)

    with running(tmp_path, lane(run)):
        until(lambda: in_state(job, "queued" if retry else "failed").error, "a reason")
    assert job.error == "There is no picture in it."


def test_bad_jobs_do_not_keep_good_ones_from_being_done(tmp_path: Path) -> None:
    bad = [queue(f"bad {number}") for number in range(3)]
    good = [queue(f"good {number}") for number in range(10)]

    def run(task: Task) -> None:
        if task.subject == "bad 0":
            raise KeyError("fps")
        if task.subject == "bad 1":
            threading.Event().wait()  # a handler that never returns
        if task.subject == "bad 2":
            task.run_child(SLEEP)  # a child that never ends

    with running(tmp_path, lane(run, stall=0.2)):
        for job in good:
            in_state(job, "done")
        for job in bad:
            until(lambda job=job: in_state(job, "queued").error, "a reason")
    assert [job.error for job in bad] == [
        "KeyError: 'fps'",
        "There was no progress for too long.",
        "There was no progress for too long.",
    ]


def test_what_makes_progress_is_not_ended(tmp_path: Path) -> None:
    job, go_on = queue(), threading.Event()

    def run(task: Task) -> None:
        for step in range(40):
            task.report(step / 40)
            go_on.wait(0.025)

    with running(tmp_path, lane(run, stall=0.5)):
        in_state(job, "done")
    assert job.attempt == 1


def test_cancelling_kills_the_children_and_publishes_nothing(tmp_path: Path) -> None:
    from madang.apps.jobs.services import cancel_subject

    job, ended = queue(), []
    published, children = [], []

    def run(task: Task) -> None:
        try:
            with task.child(SLEEP) as child:
                children.append(child)
                assert child.stdout is not None
                child.stdout.readline()
                child.stdout.read()
        except Exception as error:
            ended.append(type(error).__name__)
            raise
        task.publish(lambda: published.append(1))

    with running(tmp_path, lane(run)):
        until(lambda: children and job, "a child")
        cancel_subject("a")  # as the deletion of a video does
        until(lambda: ended, "the end")
        until(lambda: not leftovers(tmp_path), "the files of the job are deleted")
    assert ended == ["JobCancelled"]
    assert children[0].poll() is not None
    assert published == []
    assert in_state(job, "cancelled").error == ""


def test_a_worker_that_stops_gives_its_job_back(tmp_path: Path) -> None:
    job, began = queue(), threading.Event()

    def run(task: Task) -> None:
        task.report(0.25, {"chunk": 7})
        began.set()
        if task.checkpoint.get("chunk") != 7:
            task.run_child(SLEEP)

    with running(tmp_path, lane(run)):
        assert began.wait(LIMIT)
    in_state(job, "queued")
    assert (job.attempt, job.checkpoint, job.progress) == (0, {"chunk": 7}, 0.25)
    with running(tmp_path, lane(run)):
        in_state(job, "done")


def test_short_jobs_do_not_wait_for_long_ones(tmp_path: Path) -> None:
    go_on = threading.Event()
    long, short = queue("a", "long"), queue("a", "short")
    lanes = [
        lane(lambda _task: go_on.wait(LIMIT) and None, "long"),
        lane(lambda _task: None, "short"),
    ]
    with running(tmp_path, *lanes):
        in_state(long, "running")
        in_state(short, "done")
        go_on.set()
        in_state(long, "done")


def test_a_job_is_left_to_a_worker_that_has_its_storage(tmp_path: Path) -> None:
    from madang.infra.storage import make_storage_id

    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    job = queue(storage=make_storage_id(elsewhere))
    control = queue("b", storage=make_storage_id(here))
    ran: list[Path] = []

    def run(task: Task) -> None:
        ran.append(task.folder)

    with running(here, lane(run)):
        in_state(control, "done")
        assert in_state(job, "queued").attempt == 0
        with running(elsewhere, lane(run)):
            in_state(job, "done")
    assert [path.is_relative_to(elsewhere) for path in ran] == [False, True]


def test_a_worker_without_its_disk_takes_nothing(tmp_path: Path) -> None:
    media = tmp_path / "media"
    job = queue()
    with running(media, lane(lambda _task: None)):
        in_state(job, "done")
        (media / "storage.id").unlink()
        waiting = queue("b")
        # Twice the look of one thread: it has looked once after the job was there.
        threading.Event().wait(10 * quick_timing().poll)
        assert in_state(waiting, "queued").attempt == 0


def test_an_outage_of_the_database_costs_no_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    from madang.apps.jobs import leases

    job, away, published = queue(), threading.Event(), []
    refused: list[str] = []

    def flaky(name: str) -> Callable[..., object]:
        real = getattr(leases, name)

        def call(*arguments: object, **named: object) -> object:
            if away.is_set():
                refused.append(name)
                raise OperationalError("the database system is shutting down")
            return real(*arguments, **named)

        return call

    for name in ("claim", "renew", "hold", "finish", "requeue_lost"):
        monkeypatch.setattr(leases, name, flaky(name))

    def run(task: Task) -> None:
        away.set()
        threading.Thread(target=come_back_after, args=("hold",)).start()
        task.publish(lambda: published.append(1))
        away.set()
        threading.Thread(target=come_back_after, args=("finish",)).start()

    def come_back_after(name: str) -> None:
        until(lambda: name in refused and "renew" in refused, name)
        away.clear()

    with running(tmp_path, lane(run)):
        in_state(job, "done")
    assert (published, job.attempt) == ([1], 1)


def test_a_late_publication_is_refused(tmp_path: Path) -> None:
    """A handler that goes on after its job was taken over, as a worker that was stopped does."""
    from madang.apps.jobs import leases
    from madang.apps.jobs.models import Job

    job, began, go_on = queue(), threading.Event(), threading.Event()
    errors: list[str] = []
    published: list[int] = []

    def run(task: Task) -> None:
        if task.attempt == 1:
            began.set()
            assert go_on.wait(LIMIT)
        try:
            task.publish(lambda: published.append(task.attempt))
        except Exception as error:
            errors.append(type(error).__name__)
            raise

    with running(tmp_path, lane(run), timing=quick_timing(heartbeat=LIMIT)):
        assert began.wait(LIMIT)
        Job.objects.update(lease_until=job.created_at)
        with running(tmp_path, lane(run)):
            in_state(job, "done")
            go_on.set()
            until(lambda: errors, "the first attempt ends")
    assert (errors, published) == (["LeaseLost"], [2])
    assert in_state(job, "done").epoch == 2
    assert leases.requeue_lost(job.created_at) == 0


def test_a_receiver_that_fails_costs_no_thread_and_the_job_ends_later(tmp_path: Path) -> None:
    from madang.apps.jobs.errors import JobFailed
    from madang.apps.jobs.signals import job_failed

    told: list[str] = []

    def run(task: Task) -> None:
        if task.subject == "bad":
            raise JobFailed("There is no picture in it.", retry=False)

    def receive(job: Job, **_: object) -> None:
        told.append(job.error)
        if len(told) == 1:
            raise RuntimeError("the receiver has a fault")

    job_failed.connect(receive)
    try:
        bad = queue("bad")
        with running(tmp_path, lane(run), timing=quick_timing(lease=0.3)):
            until(lambda: told, "the first failure", within=LIMIT)
            in_state(queue("good"), "done")
            in_state(bad, "failed")
    finally:
        job_failed.disconnect(receive)
    assert told == ["There is no picture in it."] * 2
