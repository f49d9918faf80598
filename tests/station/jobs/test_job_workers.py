"""Workers as processes: killed, stopped and continued, cancelled."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.job_worker import notes, worker
from tests.support.station import until

if TYPE_CHECKING:
    from madang.apps.jobs.models import Job
    from madang.station.config.settings import Settings

pytestmark = pytest.mark.usefixtures("committed_db")

LIMIT = 60.0


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    (folder / "hold").touch()
    return folder


@pytest.fixture
def job(committed_db: None) -> Job:
    from madang.apps.jobs.services import enqueue

    return enqueue("encode", "video")


def in_state(job: Job, state: str) -> None:
    def there() -> bool:
        job.refresh_from_db()
        return job.state == state

    until(there, state, within=LIMIT)


def running_child(media: Path, count: int = 1) -> int:
    """Wait for the child of attempt number `count` and return its process id."""
    until(lambda: len(notes(media, "child")) == count, "a child", within=LIMIT)
    return int(notes(media, "child")[-1].split()[1])


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_a_killed_worker_leaves_no_child_and_its_job_goes_on_where_it_was(
    station: Settings, store: dict[str, str], media: Path, job: Job
) -> None:
    with worker(station, store, media, "w1") as process:
        child = running_child(media)
        process.kill()
        process.wait()
        until(lambda: not alive(child), "the child is gone")
    with worker(station, store, media, "w1"):
        running_child(media, count=2)
        (media / "hold").unlink()
        in_state(job, "done")
        until(lambda: not list((media / "jobs").iterdir()), "its files are gone", within=LIMIT)
    assert notes(media, "chunk") == ["w1 0", "w1 2"]
    assert notes(media, "published") == ["w1 0123"]
    assert (job.attempt, job.epoch) == (2, 2)


def test_a_worker_that_was_stopped_and_continued_changes_nothing(
    station: Settings, store: dict[str, str], media: Path, job: Job
) -> None:
    from madang.apps.jobs.services import enqueue

    with worker(station, store, media, "w1") as first:
        old = running_child(media)
        first.send_signal(signal.SIGSTOP)
        with worker(station, store, media, "w2"):
            running_child(media, count=2)
            (media / "hold").unlink()  # both children end, that of the stopped worker too
            in_state(job, "done")
            until(lambda: not alive(old), "the first child has ended")
        first.send_signal(signal.SIGCONT)
        # Its only slot is free again once the first attempt has come to its end.
        in_state(enqueue("encode", "another"), "done")
    assert notes(media, "chunk") == ["w1 0", "w2 2", "w1 0"]
    assert notes(media, "published") == ["w2 0123", "w1 0123"]
    job.refresh_from_db()
    assert (job.state, job.worker, job.epoch) == ("done", "w2", 2)


def test_a_cancelled_job_ends_with_its_child(
    station: Settings, store: dict[str, str], media: Path, job: Job
) -> None:
    from madang.apps.jobs.services import cancel

    with worker(station, store, media, "w1"):
        child = running_child(media)
        cancel(job.pk)
        until(lambda: not alive(child), "the child is gone")
        until(lambda: list((media / "jobs").iterdir()) == [], "the files are gone")
    assert notes(media, "published") == []
    in_state(job, "cancelled")
