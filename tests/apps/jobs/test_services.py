"""Jobs that are queued, cancelled, tried again and looked up."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.support.apps import make_channel
from tests.support.jobs import START, after
from tests.support.videos import recorded

if TYPE_CHECKING:
    from madang.apps.jobs.models import Job


def claim(*kinds: str, at: float = 0.0) -> Job | None:
    from madang.apps.jobs import leases

    return leases.claim("w", kinds or ("encode",), None, after(at))


@pytest.fixture
def two(db: None) -> tuple[Job, Job]:
    from madang.apps.jobs.services import enqueue

    return (
        enqueue("encode", "a", {"upload": "x"}, not_before=START),
        enqueue("encode", "b", not_before=START),
    )


def test_what_is_asked_twice_is_done_once(two: tuple[Job, Job]) -> None:
    from madang.apps.jobs.services import enqueue

    again = enqueue("encode", "a", {"upload": "y"})
    assert again.pk == two[0].pk
    assert again.arguments == {"upload": "x"}
    assert enqueue("other", "a").pk != two[0].pk
    assert claim()
    assert claim()
    assert enqueue("encode", "a").pk == two[0].pk


def test_what_has_ended_may_be_asked_for_again(two: tuple[Job, Job]) -> None:
    from madang.apps.jobs.services import cancel, enqueue

    cancel(two[0].pk)
    again = enqueue("encode", "a")
    assert again.pk != two[0].pk
    assert again.state == "queued"


@pytest.mark.usefixtures("committed_db")
def test_of_those_who_ask_at_once_all_get_the_same_job() -> None:
    from django.db import connection

    from madang.apps.jobs.models import Job
    from madang.apps.jobs.services import enqueue

    barrier, found = threading.Barrier(5), []

    def ask() -> None:
        barrier.wait()
        found.append(enqueue("encode", "a").pk)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [Job.objects.get().pk] * 5


@pytest.mark.usefixtures("db")
def test_a_rolled_back_transaction_queues_nothing() -> None:
    from django.db import transaction

    from madang.apps.jobs.models import Job
    from madang.apps.jobs.services import enqueue

    with transaction.atomic():
        enqueue("encode", "a")
        transaction.set_rollback(True)
    assert not Job.objects.exists()


def test_the_numbers_of_the_states(two: tuple[Job, Job]) -> None:
    from madang.apps.jobs import leases
    from madang.apps.jobs.services import counts

    assert counts() == {"queued": 2, "running": 0, "failed": 0}
    job = claim()
    assert job is not None
    lease, report = leases.Lease(job.pk, job.epoch), leases.Report(0.0, {})
    assert counts() == {"queued": 1, "running": 1, "failed": 0}
    leases.fail(lease, report, "No picture.", START, again=False)
    assert counts() == {"queued": 1, "running": 0, "failed": 1}


def test_cancelling_and_trying_again(two: tuple[Job, Job]) -> None:
    from madang.apps.jobs.errors import NoSuchJob, UnfitJobState
    from madang.apps.jobs.services import cancel, cancel_subject, retry

    with pytest.raises(UnfitJobState):
        retry(two[0].pk)
    assert cancel(two[0].pk).state == "cancelled"
    assert cancel(two[0].pk).state == "cancelled"
    assert retry(two[0].pk).state == "queued"
    assert cancel_subject("a") == 1
    assert cancel_subject("a") == 0
    with pytest.raises(NoSuchJob):
        cancel("nothing\0")


def test_a_job_that_was_queued_anew_meanwhile_is_not_tried_again(two: tuple[Job, Job]) -> None:
    from madang.apps.jobs.errors import UnfitJobState
    from madang.apps.jobs.services import cancel, enqueue, retry

    cancel(two[0].pk)
    enqueue("encode", "a")
    with pytest.raises(UnfitJobState):
        retry(two[0].pk)


def test_jobs_that_ended_long_ago_are_deleted(two: tuple[Job, Job]) -> None:
    from madang.apps.jobs.models import Job
    from madang.apps.jobs.services import RETENTION, cancel, delete_ended

    cancel(two[0].pk, now=START)
    assert delete_ended(START + RETENTION) == 0
    assert delete_ended(START + RETENTION + timedelta(seconds=1)) == 1
    assert Job.objects.get().pk == two[1].pk


@pytest.mark.usefixtures("db")
def test_the_jobs_of_a_video_end_with_its_deletion_and_go_on_when_it_is_restored() -> None:
    from madang.apps.jobs.services import cancel, enqueue
    from madang.apps.videos import library

    video = recorded(make_channel())
    by_hand = enqueue("storyboard", video.pk)
    cancel(by_hand.pk, now=START)
    jobs = [enqueue(kind, video.pk) for kind in ("prepare", "transcode")]
    other = enqueue("prepare", "another")
    library.delete(video, now=after(1))
    assert states(*jobs, other) == ["cancelled", "cancelled", "queued"]
    library.delete(video, now=after(2))
    library.restore(video)
    assert states(*jobs, by_hand) == ["queued", "queued", "cancelled"]


def states(*jobs: Job) -> list[str]:
    for job in jobs:
        job.refresh_from_db()
    return [job.state for job in jobs]
