"""Rungs made by the bundled ffmpeg beside a real source."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path

import pytest

from madang.wire.flv import TagType
from tests.support.data_plane import Air, on_the_air, until
from tests.support.shows import Encoder, channel_key, recording

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.alone,
    pytest.mark.usefixtures("committed_db"),
    pytest.mark.skipif(sys.platform != "linux", reason="finds ffmpeg's processes in /proc"),
]


def transcoders() -> list[int]:
    """Processes of this one that make rungs."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
                line = (folder / "cmdline").read_bytes()
            except OSError:
                continue  # ended meanwhile
            if parent[0] != "Z" and int(parent[1]) == os.getpid() and b"force_key_frames" in line:
                found.append(int(folder.name))
    return found


def names(air: Air) -> list[str]:
    """The renditions that the multivariant playlist offers."""
    return re.findall(r"^(\w+)/media\.m3u8", air.ask("/live/yard/index.m3u8").text, re.MULTILINE)


def codecs(air: Air) -> dict[str, str]:
    """The CODECS that the multivariant playlist gives for each rendition."""
    pattern = r'CODECS="([^"]+)".*\n(\w+)/media\.m3u8'
    return {
        name: found for found, name in re.findall(pattern, air.ask("/live/yard/index.m3u8").text)
    }


def cut(air: Air, rendition: str) -> dict[int, list[str]]:
    """The durations of the parts of each whole segment that lists them, by sequence number."""
    segments: dict[int, list[str]] = {}
    parts: list[str] = []
    number = 0
    for line in air.ask(f"/live/yard/{rendition}/media.m3u8").text.splitlines():
        if line.startswith("#EXT-X-MEDIA-SEQUENCE:"):
            number = int(line.partition(":")[2])
        elif line.startswith("#EXT-X-PART:"):
            parts.append(line.split("DURATION=")[1].split(",")[0])
        elif line.startswith("#EXTINF"):
            if parts:
                segments[number] = parts
            number, parts = number + 1, []
    return segments


def test_a_rung_is_cut_where_the_source_is_comes_back_when_it_dies_and_goes_with_the_show() -> None:
    from madang.servers.live.hub import LiveLimits
    from madang.servers.live.ladder import LadderLimits

    limits = LiveLimits(ladder=LadderLimits(starts=2, delay=0.5))
    with on_the_air(ladder=(90,), grace=0.5, live_limits=limits) as air:
        key = channel_key()
        encoder = Encoder(air, key)
        until(lambda: names(air) == ["source", "90p"])

        def common() -> set[int]:
            return set(list(cut(air, "source"))[:-1]) & set(cut(air, "90p"))

        until(lambda: len(common()) >= 3)
        source, rung = cut(air, "source"), cut(air, "90p")
        for number in sorted(set(source) & set(rung))[1:]:
            assert rung[number] == source[number]

        (child,) = transcoders()
        os.kill(child, signal.SIGKILL)
        until(lambda: names(air) == ["source"])
        until(lambda: names(air) == ["source", "90p"])

        # Other tracks need another transcoder, which is no failure of the one before.
        assert "mp4a" in codecs(air)["90p"]
        silent = tuple(tag for tag in recording() if tag.type is not TagType.AUDIO)
        encoder = Encoder(air, key, silent)
        until(lambda: "mp4a" not in codecs(air).get("90p", "mp4a"))

        encoder.stop()
        until(lambda: not air.hub.snapshot())
        until(lambda: not transcoders())


def test_a_machine_that_is_too_slow_for_the_ladder_still_sends_the_source() -> None:
    with on_the_air(ladder=(90,)) as air:
        encoder = Encoder(air, channel_key())
        until(lambda: names(air) == ["source", "90p"])
        (child,) = transcoders()
        os.kill(child, signal.SIGSTOP)
        before = max(cut(air, "source"))
        until(lambda: max(cut(air, "source")) > before + 3)
        assert not encoder.done.done()
        encoder.stop()
    assert not transcoders()
