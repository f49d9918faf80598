"""Recordings made for benchmarks read as the recorder's do, and clients ask for their ranges."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from bench.loads.audience import Audience
from bench.loads.plan import Fetch
from bench.loads.ranges import RangeViewer
from bench.processes import BenchFailed
from bench.recordings import ID, PARTS, RENDITION, SEGMENT, GrowingRecording, write_finished
from madang.recording.manifest import ID_PATTERN, RECORDINGS
from madang.servers.vod.reader import Form, RenditionReader
from madang.wire.hls import parse_media
from tests.bench.test_loads import _Wire as Wire

LOAD = Fetch(1, [], 1, 1.0, playlist="/list", file="/file", first=100, size=50, span=50)


def test_a_recording_that_grows_is_read_by_the_station(tmp_path: Path) -> None:
    made = GrowingRecording(tmp_path, 2_600_000, 1_800_000_000.0)
    reader = RenditionReader(tmp_path / RECORDINGS / ID, RENDITION, int(SEGMENT))
    for count in (3, 2):
        made.grow(count)
        reader.read(1, ended=False)
        playlist = parse_media(reader.text(Form()).body.decode())
        # The last one is still open.
        assert len(playlist.segments) == made.segments - 1
        assert {segment.duration for segment in playlist.segments} == {SEGMENT}
        assert reader.end_of(1) == made.end
        assert (reader.folder / RENDITION / "1.mp4").stat().st_size == made.end
    first, second = playlist.segments[:2]
    assert first.byte_range is not None
    assert second.byte_range is not None
    assert first.byte_range.length == 2_600_000 // 8 * 2 // PARTS * PARTS
    assert second.byte_range.offset == first.byte_range.offset + first.byte_range.length


def test_a_finished_recording_has_the_size_asked_for(tmp_path: Path) -> None:
    path = tmp_path / write_finished(tmp_path, 2 << 20)
    assert path.stat().st_size == 2 << 20
    assert re.fullmatch(ID_PATTERN, ID)


def answered(answers: list[bytes]) -> tuple[int, bytes]:
    """Return the rounds of a client that gets `answers`, and what it sent."""

    async def story() -> tuple[int, bytes]:
        audience = Audience()
        audience.measuring = True
        viewer, wire = RangeViewer(audience, 0, LOAD), Wire()
        viewer.connection_made(wire)
        for answer in answers:
            viewer.get_buffer(-1)[: len(answer)] = answer
            viewer.buffer_updated(len(answer))
        await audience.run_for(0)
        return audience.pieces, wire.sent

    return asyncio.run(story())


LIST = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n#E"
SPAN = b"HTTP/1.1 206 Partial Content\r\nContent-Length: 50\r\n\r\n" + bytes(50)


def test_a_client_asks_for_the_playlist_and_then_for_a_range() -> None:
    rounds, sent = answered([LIST, SPAN, LIST])
    assert rounds == 1
    first, second, third, fourth, rest = sent.split(b"\r\n\r\n")
    assert first == third
    assert b"Range" not in first
    assert second.startswith(b"GET /file HTTP/1.1\r\n")
    assert second.endswith(b"\r\nRange: bytes=100-149")
    assert second == fourth
    assert rest == b""


@pytest.mark.parametrize("wrong", [SPAN.replace(b"206", b"200"), SPAN.replace(b"50\r", b"49\r")])
def test_an_answer_that_is_not_the_range_ends_the_run(wrong: bytes) -> None:
    with pytest.raises(BenchFailed, match=r"^/file: "):
        answered([LIST, wrong])
