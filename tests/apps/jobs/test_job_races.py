"""Workers that do the same at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.support.jobs import START

if TYPE_CHECKING:
    from madang.apps.jobs.models import Job

pytestmark = pytest.mark.usefixtures("committed_db")

ROUNDS = 20


def test_a_job_goes_to_one_of_many_workers() -> None:
    from madang.apps.jobs import leases
    from madang.apps.jobs.services import enqueue

    for subject in range(ROUNDS):
        enqueue("encode", str(subject), not_before=START)
    taken: list[str] = []

    def take(number: int) -> None:
        while job := leases.claim(f"w{number}", ["encode"], None, START):
            taken.append(job.pk)

    together(take)
    assert len(taken) == len(set(taken)) == ROUNDS


def test_the_last_of_five_that_publish_at_once_is_seen_exactly_once() -> None:
    from madang.apps.jobs import leases
    from madang.apps.jobs.models import Job
    from madang.apps.jobs.services import enqueue

    kinds = [f"rendition {number}" for number in range(5)]
    for subject in range(ROUNDS):
        for kind in kinds:
            enqueue(kind, f"video {subject}", not_before=START)
        jobs = [leases.claim("w", [kind], None, START) for kind in kinds]
        last: list[int] = []

        def publish(number: int, jobs: list[Job | None] = jobs, last: list[int] = last) -> None:
            job = jobs[number]
            assert job is not None

            def action() -> None:
                Job.objects.filter(pk=job.pk).update(arguments={"published": True})
                found = Job.objects.filter(subject=job.subject, arguments__published=True)
                if found.count() == len(kinds):
                    last.append(number)

            leases.publish(leases.Lease(job.pk, job.epoch), leases.Report(1.0, {}), action, START)
            leases.finish(leases.Lease(job.pk, job.epoch), START)

        together(publish)
        assert len(last) == 1


def together(act: Callable[[int], None]) -> None:
    from django.db import connection

    barrier = threading.Barrier(5)
    errors: list[Exception] = []

    def run(number: int) -> None:
        barrier.wait()
        try:
            act(number)
        except Exception as error:
            errors.append(error)
            raise
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
