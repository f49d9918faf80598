"""The schedule of periodic jobs: time is an argument."""

from __future__ import annotations

from madang.work.schedule import Periodic, Schedule


def nothing() -> None:
    """Do nothing."""


OFTEN = Periodic("often", 1.0, nothing)
HOURLY = Periodic("hourly", 3600.0, nothing)
LATER = Periodic("later", 60.0, nothing, delay=60.0)


def test_a_job_is_due_an_interval_after_its_end() -> None:
    schedule = Schedule([OFTEN], now=100.0)
    assert schedule.take(100.0) is OFTEN
    assert schedule.wait(100.0) is None
    schedule.done(OFTEN, 107.0, failed=False)
    assert schedule.wait(107.0) == 1.0
    assert schedule.take(107.9) is None
    assert schedule.take(108.0) is OFTEN


def test_the_first_run_may_be_delayed() -> None:
    schedule = Schedule([LATER], now=0.0)
    assert schedule.take(59.0) is None
    assert schedule.take(60.0) is LATER


def test_a_job_at_work_is_not_due_and_does_not_keep_others_from_it() -> None:
    schedule = Schedule([HOURLY, OFTEN], now=0.0)
    assert schedule.take(0.0) is HOURLY
    for second in range(5):
        assert schedule.take(float(second)) is OFTEN
        assert schedule.take(float(second)) is None
        schedule.done(OFTEN, float(second), failed=False)


def test_the_job_that_waits_longest_is_first() -> None:
    schedule = Schedule([OFTEN, LATER, HOURLY], now=0.0)
    for job in (schedule.take(0.0), schedule.take(0.0)):
        assert job is not None
        schedule.done(job, 60.5, failed=False)
    assert schedule.take(70.0) is LATER


def test_failures_are_retried_after_a_back_off_until_one_run_succeeds() -> None:
    def waits(job: Periodic, count: int) -> list[float]:
        schedule, now, found = Schedule([job], now=0.0), 0.0, []
        for _ in range(count):
            assert schedule.take(now) is job
            schedule.done(job, now, failed=True)
            wait = schedule.wait(now)
            assert wait is not None
            found.append(wait)
            now += wait
        assert schedule.take(now) is job
        schedule.done(job, now, failed=False)
        assert schedule.wait(now) == job.interval
        schedule.take(now + job.interval)
        schedule.done(job, now, failed=True)
        assert schedule.wait(now) == 1.0
        return found

    assert waits(OFTEN, 6) == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert waits(HOURLY, 14)[-3:] == [2048.0, 3600.0, 3600.0]
