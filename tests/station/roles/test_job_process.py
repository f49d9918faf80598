"""The process that runs durable jobs, and its supervisor."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.station import Station, until

WAITS = "import time; open({file!r}, 'a').write('x'); time.sleep(600)"


def count(file: Path) -> int:
    return len(file.read_text()) if file.exists() else 0


def process(file: Path, work: list[bool], code: str = WAITS) -> Any:
    from madang.station.roles.job_process import JobProcess

    command = [sys.executable, "-c", code.format(file=str(file))]
    return JobProcess(command, is_work=lambda _now: bool(work), poll=0.02)


@pytest.mark.usefixtures("station")
def test_the_process_runs_while_there_is_work_and_again_when_it_died(tmp_path: Path) -> None:
    file, work = tmp_path / "starts", list[bool]()
    supervisor = process(file, work)
    supervisor.start()
    time.sleep(0.1)
    assert count(file) == 0
    work.append(True)
    until(lambda: count(file) == 1, "the first start")
    os.kill(supervisor._child.pid, signal.SIGKILL)
    until(lambda: count(file) == 2, "the second start")
    child = supervisor._child
    supervisor.stop()
    assert child.poll() is not None


@pytest.mark.usefixtures("station")
def test_a_process_that_ends_in_order_is_started_again_only_for_work(tmp_path: Path) -> None:
    file, work = tmp_path / "starts", [True]
    supervisor = process(file, work, code="open({file!r}, 'a').write('x')")
    supervisor.start()
    until(lambda: count(file) >= 3, "it starts without back-off")
    work.clear()
    until(lambda: supervisor._child is None, "the last one ends")
    supervisor.stop()


@pytest.mark.e2e
def test_a_station_in_one_process_has_a_child_for_jobs_that_ends_with_it(tmp_path: Path) -> None:
    station = Station(tmp_path / "data")
    station.open_channels("yard")
    station.start("--no-demo")
    assert station.helpers() == []
    assert station.command("status")["jobs"] == {"queued": 0, "running": 0, "failed": 0}
    _enqueue(station)
    [child] = until(station.helpers, "the process of jobs")
    until(lambda: "roles.jobs" in Path(f"/proc/{child}/cmdline").read_text(), "exec")
    until(lambda: os.getpriority(os.PRIO_PROCESS, child) == 19, "lowest priority")
    os.kill(child, signal.SIGKILL)
    [again] = until(lambda: [pid for pid in station.helpers() if pid != child], "another one")
    station.kill()
    until(lambda: not Path(f"/proc/{again}").exists(), "the child ends with the station")


def _enqueue(station: Station) -> None:
    import sqlite3

    with sqlite3.connect(station.data / "madang.db", timeout=10) as database:
        database.execute(
            "INSERT INTO jobs_job (id, kind, subject, arguments, storage, priority, state,"
            " progress, checkpoint, attempt, epoch, error, worker, created_at, due_at, updated_at)"
            " VALUES ('a', 'unknown', 'a', '{}', '', 0, 'queued', 0, '{}', 0, 0, '', '',"
            " '2026-01-01 00:00:00', '2026-01-01 00:00:00', '2026-01-01 00:00:00')"
        )
    database.close()
