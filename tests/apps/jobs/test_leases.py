"""Leases of jobs, as workers take and lose them; time is an argument."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.jobs import START, STORAGE, after

if TYPE_CHECKING:
    from madang.apps.jobs.leases import Lease
    from madang.apps.jobs.models import Job

pytestmark = pytest.mark.usefixtures("db")


def queue(subject: str = "a", kind: str = "encode", priority: int = 0, storage: str = "") -> Job:
    from madang.apps.jobs.services import enqueue

    return enqueue(kind, subject, priority=priority, storage=storage, not_before=START)


def claim(at: float = 0.0, worker: str = "w1", storage: str | None = STORAGE) -> Job:
    from madang.apps.jobs import leases

    job = leases.claim(worker, ["encode"], storage, after(at))
    assert job is not None
    return job


def nothing_due(at: float = 0.0, storage: str | None = STORAGE) -> bool:
    from madang.apps.jobs import leases

    return leases.claim("w2", ["encode"], storage, after(at)) is None


def lease_of(job: Job) -> Lease:
    from madang.apps.jobs.leases import Lease

    return Lease(job.pk, job.epoch)


def fail(job: Job, at: float = 0.0, *, again: bool = True) -> None:
    from madang.apps.jobs import leases

    report = leases.Report(0.5, {"chunk": 3})
    leases.fail(lease_of(job), report, "No disk.", after(at), again=again)
    job.refresh_from_db()


def test_a_job_is_taken_once() -> None:
    queue()
    job = claim()
    assert (job.state, job.attempt, job.epoch, job.worker) == ("running", 1, 1, "w1")
    assert nothing_due()


def test_the_order_is_priority_then_time() -> None:
    for subject, priority in (("first", 0), ("second", 0), ("urgent", 5)):
        queue(subject, priority=priority)
    assert claim().subject == "urgent"
    assert {claim().subject, claim().subject} == {"first", "second"}


def test_only_known_kinds_are_taken_and_only_when_due() -> None:
    queue(kind="other")
    assert nothing_due()
    queue()
    assert nothing_due(at=-1.0)
    assert claim().kind == "encode"


def test_a_job_waits_for_a_worker_that_has_its_storage() -> None:
    queue(storage=STORAGE)
    assert nothing_due(storage="another")
    assert nothing_due(storage=None)
    assert claim(storage=STORAGE).storage == STORAGE


def test_failures_are_tried_again_after_a_back_off_and_then_no_more() -> None:
    from madang.apps.jobs import leases
    from madang.apps.jobs.signals import job_failed

    told: list[str] = []

    def note(job: Job, **_: object) -> None:
        told.append(job.error)

    job_failed.connect(note)
    queue()
    now, waits = 0.0, []
    for _ in range(leases.MOST_ATTEMPTS - 1):
        job = claim(now)
        fail(job, now)
        assert (job.state, job.error, job.checkpoint) == ("queued", "No disk.", {"chunk": 3})
        waits.append((job.due_at - after(now)).total_seconds())
        assert nothing_due(now + waits[-1] - 0.1)
        now += waits[-1]
    assert tuple(waits) == leases.RETRIES
    assert told == []
    job = claim(now)
    fail(job, now)
    assert job.state == "failed"
    assert told == ["No disk."]
    assert nothing_due(1e6)
    job_failed.disconnect(note)


def test_a_permanent_failure_is_not_tried_again() -> None:
    queue()
    job = claim()
    fail(job, again=False)
    assert (job.state, job.error, job.attempt) == ("failed", "No disk.", 1)


def test_a_bad_job_stands_behind_those_that_were_never_tried() -> None:
    from madang.apps.jobs import leases

    queue("bad")
    fail(claim())
    queue("good")
    assert claim(leases.RETRIES[0]).subject == "good"


def test_a_lease_that_is_renewed_does_not_expire() -> None:
    from madang.apps.jobs import leases

    queue()
    job = claim()
    for second in range(0, 100, 10):
        leases.renew(lease_of(job), leases.Report(second / 100, {"at": second}), after(second))
        assert leases.requeue_lost(after(second + 10)) == 0
    job.refresh_from_db()
    assert (job.progress, job.checkpoint) == (0.9, {"at": 90})


def test_an_expired_lease_goes_to_another_and_the_first_publishes_nothing() -> None:
    from madang.apps.jobs import leases
    from madang.apps.jobs.errors import LeaseLost

    queue()
    first, done = claim(), []
    report = leases.Report(0.4, {"chunk": 2})
    leases.renew(lease_of(first), report, START)
    assert leases.requeue_lost(after(30.1)) == 1
    second = claim(30.1, worker="w2")
    assert (second.epoch, second.attempt, second.checkpoint) == (2, 2, {"chunk": 2})
    for late in (
        lambda: leases.renew(lease_of(first), report, after(31)),
        lambda: leases.publish(lease_of(first), report, lambda: done.append(1), after(31)),
        lambda: leases.finish(lease_of(first), after(31)),
    ):
        with pytest.raises(LeaseLost):
            late()
    leases.fail(lease_of(first), report, "Late.", after(31), again=False)
    leases.release(lease_of(first), report, after(31))
    assert done == []
    leases.publish(lease_of(second), report, lambda: done.append(2), after(32))
    leases.finish(lease_of(second), after(32))
    second.refresh_from_db()
    assert (second.state, second.progress, done) == ("done", 1.0, [2])


def test_an_expired_lease_that_nobody_took_is_still_good() -> None:
    from madang.apps.jobs import leases

    queue()
    job = claim()
    leases.renew(lease_of(job), leases.Report(0.4, {}), after(3600))
    assert leases.publish(lease_of(job), leases.Report(0.5, {}), lambda: "ok", after(3601)) == "ok"


def test_a_restarted_worker_finds_its_own_jobs_at_once() -> None:
    from madang.apps.jobs import leases

    queue("a")
    queue("b")
    claim(worker="w1")
    claim(worker="w2")
    assert leases.requeue_lost(after(1), worker="w1") == 1
    assert claim(at=1, worker="w1").attempt == 2


def test_a_job_that_kills_its_workers_fails_in_the_end() -> None:
    from madang.apps.jobs import leases

    queue()
    for at in range(leases.MOST_ATTEMPTS):
        job = claim(at * 1e4)
        leases.requeue_lost(after(at * 1e4 + 60))
    job.refresh_from_db()
    assert (job.state, job.error) == ("failed", leases.LOST)


def test_a_worker_that_stops_in_order_costs_no_attempt() -> None:
    from madang.apps.jobs import leases

    queue()
    for at in range(20):
        job = claim(at)
        assert (job.attempt, job.epoch) == (1, at + 1)
        leases.release(lease_of(job), leases.Report(0.1, {"at": at}), after(at))
    assert claim(30).checkpoint == {"at": 19}


def test_a_cancelled_job_is_published_no_more() -> None:
    from madang.apps.jobs import leases, services
    from madang.apps.jobs.errors import JobCancelled

    queue()
    job, done = claim(), []
    services.cancel_subject("a")
    with pytest.raises(JobCancelled):
        leases.publish(lease_of(job), leases.Report(1.0, {}), lambda: done.append(1), START)
    with pytest.raises(JobCancelled):
        leases.renew(lease_of(job), leases.Report(1.0, {}), START)
    assert done == []


def test_an_action_that_fails_undoes_the_publication() -> None:
    from madang.apps.jobs import leases
    from madang.apps.jobs.services import enqueue, of_subject

    queue()
    job = claim()

    def half() -> None:
        enqueue("next", "a")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        leases.publish(lease_of(job), leases.Report(1.0, {}), half, START)
    assert [found.kind for found in of_subject("a")] == ["encode"]
