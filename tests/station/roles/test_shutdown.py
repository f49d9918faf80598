"""The end of a process whose parts hang or fail."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from madang.infra.deadline import Deadline
from tests.support.clocks import ManualClock
from tests.support.station import free_ports

CONTRACT = 10.0
"""Seconds from SIGTERM to the end."""


def test_a_step_gets_what_is_left_but_for_later_steps() -> None:
    clock = ManualClock()
    deadline = Deadline(10.0, clock.clock.monotonic)
    assert deadline.left() == pytest.approx(10.0)
    assert deadline.left(2.0) == 2.0
    assert deadline.left(keep=4.0) == pytest.approx(6.0)
    clock.advance(7.0)
    assert deadline.left(keep=4.0) == 0.0
    assert deadline.left() == pytest.approx(3.0)


async def hang(_patience: float) -> None:
    """Take no notice of the time, nor of being cancelled for the first time."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(60.0)
    await asyncio.sleep(60.0)


async def fail(_patience: float) -> None:
    raise ValueError("a fault")


def test_no_part_that_hangs_or_fails_keeps_another_from_ending(
    caplog: pytest.LogCaptureFixture,
) -> None:
    from madang.station.roles.shutdown import Shutdown

    given: dict[str, float] = {}

    async def note(name: str, patience: float) -> None:
        given[name] = patience

    async def end_all() -> None:
        ending = Shutdown(0.6, 0.4)
        await ending.end("first", hang)
        await ending.end("second", hang, 2.0)
        await ending.end("third", fail)
        await ending.end("fourth", lambda patience: note("fourth", patience))
        await ending.end("last", lambda patience: note("last", patience), last=True)

    with caplog.at_level(logging.ERROR):
        asyncio.run(end_all())
    assert given["fourth"] == 0.0
    assert "last" in given
    for name in ("first", "second"):
        assert f"{name} did not end" in caplog.text
    assert "third failed" in caplog.text
    assert "a fault" in caplog.text


HANGING = """
import asyncio, functools, sys, time
from pathlib import Path
from madang.station import boot
from madang.station.config import settings
from madang.station.roles import lifecycle, serve
from madang.station.roles.shutdown import Shutdown

start = boot.control_plane

async def hang(*_values, **_more):
    await asyncio.to_thread(time.sleep, 600)

def hang_here(*_values, **_more):
    time.sleep(600)

def started(*values):
    start(*values)
    from madang.servers.chat.hub import ChatHub
    from madang.servers.http.listener import Listener
    from madang.servers.live.hub import LiveHub
    from madang.servers.live.show_log import ShowLog
    from madang.servers.recording.writer import RecordingWriter
    from madang.servers.rtmp import RtmpServer
    from madang.servers.uploads.uploads import Uploads
    from madang.work.worker import Worker

    for part in (Uploads, ChatHub, LiveHub, RtmpServer, RecordingWriter, ShowLog):
        part.close = hang
    Listener.stop = hang
    Worker.stop = hang_here

boot.control_plane = started
lifecycle.Shutdown = functools.partial(Shutdown, 1.5, 0.5)
lifecycle.EXIT_SECONDS = 3.0
data, http, rtmp = sys.argv[1:]
environment = {"MADANG_HTTP__BIND": http, "MADANG_RTMP__BIND": rtmp}
serve.run(settings.load(Path(data), environ=environment), role="all", demo=False)
"""


@pytest.mark.e2e
def test_a_station_all_of_whose_parts_hang_ends_in_time(tmp_path: Path) -> None:
    ports = [f"127.0.0.1:{port}" for port in free_ports(2)]
    with subprocess.Popen(
        [sys.executable, "-c", HANGING, str(tmp_path / "data"), *ports],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("ready")
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=60.0)
        finally:
            process.kill()
    assert process.returncode == 0
    assert time.monotonic() - began < CONTRACT
    for part in ("uploads", "chats", "rtmp", "shows", "http", "recordings", "records of shows"):
        assert f"stopping: {part} did not end" in said
    assert "given up" in said


def test_the_time_of_all_parts_is_less_than_that_of_the_service() -> None:
    from madang.ops.deploy.texts import service
    from madang.station.roles import shutdown

    text = Path(service.__file__).read_text(encoding="utf-8")
    (killed_after,) = {
        float(line.removeprefix("TimeoutStopSec="))
        for line in text.splitlines()
        if line.startswith("TimeoutStopSec=")
    }
    assert shutdown.LAST_SECONDS < shutdown.STOP_SECONDS
    assert shutdown.STOP_SECONDS < shutdown.EXIT_SECONDS < CONTRACT < killed_after
