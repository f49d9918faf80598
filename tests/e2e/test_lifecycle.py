"""The station as a process: starting, draining, crashing and coming back."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser

from madang.wire.hls import MediaPlaylist, parse_media
from tests.support.browser import open_tab
from tests.support.encoders import publish
from tests.support.rtmp_publisher import RtmpPublisher
from tests.support.station import MADANG, ROOT, Station, until

pytestmark = pytest.mark.alone

QUICK = 4.0
"""Seconds to `ready` on a data folder that exists, on a machine with nothing else to do: twice the
budget. On a busy one a start is compared with another, or with its own processor time."""
MEMORY = 200 << 20
"""Bytes that a station without shows may hold."""


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Station]:
    """A station for one test, not running yet."""
    station = Station(tmp_path / "data")
    station.open_channels("show")
    yield station
    if station.runs:
        station.kill()


def _playlist(station: Station) -> MediaPlaylist | None:
    try:
        reply = httpx.get(f"{station.http}/live/show/source/media.m3u8", trust_env=False)
    except httpx.TransportError:
        return None
    return parse_media(reply.text) if reply.status_code == 200 else None


def _parts(playlist: MediaPlaylist) -> set[str]:
    return {part.uri for segment in playlist.segments for part in segment.parts}


def test_a_station_starts_quickly_and_is_small(alone: Station) -> None:
    took = alone.start()
    used = alone.processor_seconds()
    assert used < QUICK
    assert took < max(QUICK, 4 * used)
    for path in ("/", "/healthz", "/readyz", "/live/status.json"):
        assert httpx.get(alone.http + path, trust_env=False).status_code == 200
    assert alone.memory() < MEMORY
    assert alone.stop() < 10


async def test_sigterm_ends_shows_in_order_and_tells_encoders_and_viewers(
    alone: Station, picture: Path
) -> None:
    await asyncio.to_thread(alone.start)
    async with RtmpPublisher("127.0.0.1", alone.rtmp_port, name=alone.keys["show"]) as publisher:
        stopping = asyncio.create_task(asyncio.to_thread(alone.stop))
        async with asyncio.timeout(10):
            words = await publisher.wait_closed()
        assert words is not None
        assert "shutting down" in words.description
        assert await stopping < 10
    await asyncio.to_thread(alone.start)
    with publish(picture, alone.publish_url("show"), loop=True):
        await asyncio.to_thread(until, lambda: _playlist(alone), "on the air", within=45)
        edge = _playlist(alone)
        assert edge is not None
        msn = edge.media_sequence + len(edge.segments) + 1
        async with httpx.AsyncClient(trust_env=False) as client:
            waiting = asyncio.create_task(
                client.get(f"{alone.http}/live/show/source/media.m3u8?_HLS_msn={msn}")
            )
            await asyncio.sleep(0.3)
            await asyncio.to_thread(alone.stop)
            # Whoever waits is answered, not cut off.
            assert (await waiting).status_code in {200, 404, 503}
    assert "Traceback" not in alone.said()


async def test_after_a_crash_numbers_rise_names_differ_and_the_page_goes_on_by_itself(
    alone: Station, browser: Browser, picture: Path
) -> None:
    before_the_crash = await asyncio.to_thread(alone.start)
    with publish(picture, alone.publish_url("show"), loop=True) as cut_off:
        await asyncio.to_thread(until, lambda: _playlist(alone), "on the air", within=45)
        async with open_tab(browser, f"{alone.http}/@show") as tab:
            await tab.plays()
            await tab.page.evaluate("() => { window.sameDocument = true; }")
            before = _playlist(alone)
            assert before is not None
            alone.kill()
            await asyncio.to_thread(cut_off.ended)
            assert await asyncio.to_thread(alone.start) < max(QUICK, 3 * before_the_crash)
            with publish(picture, alone.publish_url("show"), loop=True):
                await asyncio.to_thread(until, lambda: _playlist(alone), "back", within=45)
                after = _playlist(alone)
                assert after is not None
                assert after.media_sequence >= before.media_sequence + len(before.segments)
                assert not _parts(after) & _parts(before)
                # The picture has to move again, not to be still buffered from before.
                await asyncio.sleep(3)
                await tab.plays(within=40)
                assert await tab.page.evaluate("() => window.sameDocument")
                assert not tab.faults
    assert "cut off" in alone.said()


def test_the_demo_outlives_its_encoder_and_ends_in_order(alone: Station) -> None:
    def on_the_air() -> bool:
        listing = httpx.get(f"{alone.http}/live/status.json", trust_env=False).json()
        return any(show["slug"] == "demo" and show["state"] == "live" for show in listing["live"])

    alone.start("--demo")
    until(on_the_air, "the demo", within=45)
    for helper in alone.helpers():
        os.kill(helper, signal.SIGKILL)
    until(lambda: not on_the_air(), "the demo interrupted")
    until(on_the_air, "the demo again", within=45)
    alone.stop()
    assert "Traceback" not in alone.said()


def test_a_second_station_on_the_same_data_is_refused_in_one_line(alone: Station) -> None:
    alone.start()
    code, words = _serve(alone, alone.data)
    assert code == 1
    assert "runs on" in words
    assert words.count("\n") == 1


@pytest.mark.parametrize("door", ["http", "rtmp"])
def test_a_port_that_is_taken_is_named_in_one_line(
    alone: Station, tmp_path: Path, door: str
) -> None:
    alone.start()
    binds = {"http": "127.0.0.1:0", "rtmp": "127.0.0.1:0"}
    binds[door] = alone.http_bind if door == "http" else alone.rtmp_bind
    code, words = _serve(alone, tmp_path / "other", **binds)
    assert code == 1
    assert binds[door] in words
    assert f"{door}.bind" in words
    assert words.count("\n") == 1


def _serve(
    station: Station, data: Path, http: str = "127.0.0.1:0", rtmp: str = "127.0.0.1:0"
) -> tuple[int, str]:
    """Exit code and words of a `madang serve` that ought not to start."""
    done = subprocess.run(
        [*MADANG, "serve", "--data", str(data), "--http", http, "--rtmp", rtmp],
        cwd=ROOT,
        env=station.environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stderr
