"""Players that are not ours, on every address of a stream."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import httpx
import pytest
from websockets.asyncio.client import connect

from madang.wire.flv import FlvReader, PacketKind, Tag, TagType, parse_video
from tests.e2e.conftest import FRAME_RATE
from tests.support.encoders import publish
from tests.support.samples import PROGRAMS
from tests.support.station import Station, until

SECONDS = {".flv": 5, "/index.m3u8": 9}
"""Seconds that ffmpeg plays an address: HLS begins three segments behind the edge, and has to wait
for what comes after it."""


@pytest.fixture(scope="module")
def channel(on_air: Station, picture: Path) -> Iterator[str]:
    """The address of a stream that has been on the air for a few seconds, without its ending."""
    address = f"{on_air.http}/live/players"

    def listed() -> bool:
        reply = httpx.get(f"{address}/source/media.m3u8", trust_env=False)
        return reply.text.count("#EXTINF") >= 3

    with publish(picture, on_air.publish_url("players"), loop=True):
        until(listed, "three segments", within=25)
        yield address


@pytest.mark.parametrize("address", SECONDS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_ffmpeg_plays_in_real_time(channel: str, program: str, address: str) -> None:
    began = time.monotonic()
    played = subprocess.run(
        [
            *(PROGRAMS[program], "-v", "error", "-nostdin", "-progress", "pipe:1"),
            *("-i", channel + address, "-t", str(SECONDS[address]), "-f", "null", "-"),
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    took = time.monotonic() - began
    assert _frames(played.stdout) >= (SECONDS[address] - 1) * FRAME_RATE
    assert took < SECONDS[address] + 8
    assert "Invalid" not in played.stderr


@pytest.mark.parametrize("address", SECONDS)
def test_streamlink_plays(channel: str, address: str) -> None:
    kind = "hls://" if address.endswith("m3u8") else "httpstream://"
    player = subprocess.Popen(
        [
            *(sys.executable, "-m", "streamlink", "--no-config", "--loglevel", "error"),
            *("--stdout", f"{kind}{channel}{address}", "best"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert player.stdout is not None
    assert player.stderr is not None
    try:
        received = b"".join(_for_a_while(player.stdout))
    finally:
        player.terminate()
        said = player.stderr.read().decode()
        player.wait(10)
        player.stdout.close()
        player.stderr.close()
    assert _pictures(received) >= 2 * FRAME_RATE, said


async def test_a_websocket_carries_flv_that_begins_with_a_key_frame(channel: str) -> None:
    video: list[Tag] = []
    reader = FlvReader()
    async with (
        asyncio.timeout(15),
        connect(f"ws{channel.removeprefix('http')}.flv", proxy=None) as socket,
    ):
        while len(video) <= 3 * FRAME_RATE:
            message = await socket.recv(decode=False)
            video += [tag for tag in reader.receive(message) if tag.type is TagType.VIDEO]
        leaving = time.monotonic()
    assert time.monotonic() - leaving < 2.0, "the goodbye of the WebSocket was not answered"
    packets = [packet for tag in video for packet in parse_video(tag.body)]
    frames = [packet for packet in packets if packet.kind is PacketKind.FRAME]
    assert packets[0].kind is PacketKind.CONFIG
    assert frames[0].key
    times = [tag.timestamp for tag in video]
    assert times == sorted(times)


def _pictures(stream: bytes) -> int:
    """Return the number of pictures that decode before the place where the player was stopped."""
    decoder = [PROGRAMS["bundled"], "-v", "quiet", "-progress", "pipe:1", "-i", "pipe:0"]
    done = subprocess.run(
        [*decoder, "-f", "null", "-"], input=stream, capture_output=True, timeout=30, check=False
    )
    return _frames(done.stdout.decode())


def _frames(progress: str) -> int:
    """The last count that ffmpeg wrote of its frames."""
    return int(re.findall(r"frame=\s*(\d+)", progress)[-1])


def _for_a_while(pipe: IO[bytes]) -> Iterator[bytes]:
    until_then = time.monotonic() + 10
    received = 0
    while time.monotonic() < until_then and received < 400_000:
        data = pipe.read(20_000)
        if not data:
            return
        received += len(data)
        yield data
