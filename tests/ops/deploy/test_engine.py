"""The engine's process: kept from job to job, and replaced after a failure."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from madang.ops.deploy.engine_process import Engine
from madang.ops.deploy.job import DeployJob, DeployTarget
from madang.ops.deploy.model.station_file import Host
from tests.support.sshd import sftp_server

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="signs in as root")


class Counted(Engine):
    """Engine that keeps the processes it started."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[subprocess.Popen[bytes]] = []

    def _start(self) -> subprocess.Popen[bytes]:
        self.started.append(super()._start())
        return self.started[-1]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """This machine, by SSH."""
    with sftp_server(tmp_path / "ssh") as server:
        yield Host(
            address="127.0.0.1", port=server.port, key=server.key, known_hosts=server.known_hosts
        )


def command(host: Host, line: str) -> DeployJob:
    return DeployJob("run", {"main": DeployTarget(host)}, commands={"main": line})


def test_one_process_runs_the_jobs_until_one_fails(host: Host) -> None:
    engine = Counted()
    events: list[dict[str, Any]] = []
    for word in ("one", "two"):
        assert engine.run(command(host, f"echo {word}"), events.append) is None
    assert [event["text"] for event in events if event["event"] == "output"] == ["one", "two"]
    (process,) = engine.started
    failure = engine.run(command(host, "echo no; exit 3"), events.append)
    assert failure is not None
    assert failure["why"] == "main: no"
    assert process.returncode == 1
    assert engine.run(command(host, "echo three"), events.append) is None
    last = engine.started[-1]
    assert last is not process
    assert last.poll() is None
    del engine
    assert last.returncode == 0


def test_a_handler_that_raises_ends_the_process(host: Host) -> None:
    engine = Counted()

    def refuse(event: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.run(command(host, "echo one"), refuse)
    assert engine.started[0].returncode is not None
    assert engine.run(command(host, "echo two"), lambda event: None) is None
