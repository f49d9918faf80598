"""`madang serve` as a process, with real signals."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sqlite3
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from tests.support.rtmp_publisher import PublishRefused, RtmpPublisher
from tests.support.shows import recording
from tests.support.station import MADANG, Station

pytestmark = pytest.mark.e2e


def serve(station: Station, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A start that should not succeed."""
    return subprocess.run(
        [*MADANG, "serve", "--data", str(station.data), *arguments],
        env=station.environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def assert_refused_in_a_line(done: subprocess.CompletedProcess[str], words: str) -> None:
    """Check for a failure with one line of explanation and no traceback."""
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Station:
    station = Station(tmp_path_factory.mktemp("serve") / "data", LOG__FORMAT="json")
    station.open_channels("yard")
    return station


def test_a_station_lives_from_ready_to_sigterm_and_keeps_its_secrets(running: Station) -> None:
    key = running.keys["yard"]

    async def publish_and_fail() -> None:
        with pytest.raises(PublishRefused):
            async with RtmpPublisher("127.0.0.1", running.rtmp_port, name=f"{key}x"):
                pass
        async with RtmpPublisher("127.0.0.1", running.rtmp_port, name=key) as publisher:
            await publisher.send(*recording())
            await asyncio.sleep(0.5)

    with running.running():
        asyncio.run(publish_and_fail())
        again = serve(running)
        assert_refused_in_a_line(again, f"A station (process {running.pid}) runs on")
        assert running.stop() < 10
    said = running.said()
    assert key not in said
    assert key.rpartition("_")[2] not in said
    for line in said.splitlines():
        if line.startswith("{"):
            json.loads(line)
    assert "Traceback" not in said


def test_after_a_crash_the_folder_is_free_though_the_process_id_lives(running: Station) -> None:
    running.start()
    running.kill()
    left = json.loads((running.data / "run" / "station.json").read_text())
    # As in a container, where the process that comes back has the id of the one before.
    (running.data / "run" / "station.json").write_text(json.dumps({**left, "pid": os.getpid()}))
    with running.running():
        assert urllib.request.urlopen(f"{running.http}/readyz", timeout=5).status == 200


def test_a_taken_port_is_said_in_a_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        station = Station(tmp_path / "data")
        free = "127.0.0.1:0"
        done = serve(station, "--http", bind, "--rtmp", free)
        assert_refused_in_a_line(done, f"Cannot listen at {bind}")
        done = serve(station, "--http", free, "--rtmp", bind)
        assert_refused_in_a_line(done, "rtmp.bind")


def test_a_certificate_that_is_none_is_said_in_a_line(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("no certificate")
    station = Station(
        tmp_path / "data",
        RTMP__TLS_BIND="127.0.0.1:0",
        RTMP__TLS_CERTIFICATE=str(nothing),
        RTMP__TLS_KEY=str(nothing),
    )
    done = serve(station, "--http", "127.0.0.1:0", "--rtmp", "127.0.0.1:0")
    assert_refused_in_a_line(done, "cannot be used")


def test_stopping_takes_less_than_ten_seconds_whatever_hangs(running: Station) -> None:
    with running.running():
        half = socket.create_connection(("127.0.0.1", running.http_port))
        half.sendall(b"POST /accounts/login/ HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na")
        database = sqlite3.connect(running.data / "madang.db", isolation_level=None)
        key = running.keys["yard"]

        async def stop_while_on_the_air() -> None:
            async with RtmpPublisher("127.0.0.1", running.rtmp_port, name=key) as publisher:
                await publisher.send(*recording())
                await asyncio.sleep(1)
                database.execute("BEGIN IMMEDIATE")  # the last records cannot be written
                began = time.monotonic()
                await asyncio.to_thread(running.stop)
                assert time.monotonic() - began < 10

        asyncio.run(stop_while_on_the_air())
        database.close()
        half.close()
    with running.running():
        assert "cut off when the station stopped" in running.said()
