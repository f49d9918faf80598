"""`madang jobs`, without a process of its own."""

from __future__ import annotations

import pytest

from madang.base.errors import MadangError
from madang.station.config.settings import Settings
from tests.support.commands import Run, parsed, runner
from tests.support.jobs import START

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, station: Settings) -> Run:
    """Run `madang jobs …` on the database of the test; return its output."""
    from madang.cli import jobs

    return runner(monkeypatch, station, jobs)


def test_the_list_has_what_the_public_surface_says(run: Run) -> None:
    from madang.apps.jobs import leases
    from madang.apps.jobs.services import enqueue

    assert run("list") == "There is no job.\n"
    enqueue("encode", "video", not_before=START)
    job = leases.claim("w", ["encode"], None, START)
    assert job is not None
    lease, report = leases.Lease(job.pk, job.epoch), leases.Report(0.5, {})
    leases.fail(lease, report, "There is no picture in it.", START, again=False)
    (item,) = parsed(run, "list")
    expected = {
        "id": job.pk,
        "kind": "encode",
        "subject": "video",
        "state": "failed",
        "progress": 0.5,
        "attempt": 1,
        "error": "There is no picture in it.",
    }
    assert {key: item[key] for key in expected} == expected
    assert "There is no picture in it." in run("list")
    assert parsed(run, "list", "--state", "failed", "--kind", "encode", "--subject", "video")
    assert parsed(run, "list", "--state", "running") == []
    assert parsed(run, "list", "--subject", "other") == []


def test_trying_again_and_cancelling(run: Run) -> None:
    from madang.apps.jobs.services import enqueue

    job = enqueue("encode", "video")
    assert run("cancel", job.pk) == "encode video is cancelled.\n"
    assert parsed(run, "retry", job.pk)["state"] == "queued"
    with pytest.raises(MadangError, match="has not failed"):
        run("retry", job.pk)
    with pytest.raises(MadangError, match="no job"):
        run("cancel", "nothing")
