"""Load generators parse what servers send, whole and in pieces, and detect faults."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.files import write_parts
from bench.loads.audience import Audience, Playhead
from bench.loads.fragments import Catalogue, Fragment, WrongBytes
from bench.loads.http import HttpViewer
from bench.loads.tags import Arrivals, FlvViewer
from bench.processes import BenchFailed
from bench.stream import Sample
from madang.wire import flv
from madang.wire.hls import MediaPlaylist, Part, Segment, parse_media, render_media


class _Wire(asyncio.Transport):
    """Transport that records the output of a viewer."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data

    def close(self) -> None:
        self.closed = True


class _Reader(HttpViewer):
    """Client that sends one request and keeps the response."""

    body = b""
    ended = 0

    def on_connected(self) -> None:
        self.request(b"/x")

    def on_body(self, data: memoryview) -> None:
        self.body += data

    def on_end(self) -> None:
        self.ended += 1


def _feed(viewer: HttpViewer, data: bytes, step: int) -> None:
    for start in range(0, len(data), step):
        piece = data[start : start + step]
        viewer.get_buffer(-1)[: len(piece)] = piece
        viewer.buffer_updated(len(piece))


async def _with_audience(story: Callable[[Audience], None]) -> None:
    audience = Audience()
    story(audience)
    await audience.run_for(0)


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
    ],
)
def test_a_response_is_read_in_pieces_of_any_size(response: bytes, step: int) -> None:
    def story(audience: Audience) -> None:
        viewer = _Reader(audience, "127.0.0.1:1", 0)
        viewer.connection_made(_Wire())
        _feed(viewer, response, step)
        assert (viewer.body, viewer.ended) == (b"hello world", 1)
        viewer.request(b"/y")
        _feed(viewer, response, step)
        assert (viewer.body, viewer.ended) == (b"hello world" * 2, 2)
        assert audience.received == 2 * len(response)

    asyncio.run(_with_audience(story))


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc",
    ],
)
def test_a_wrong_response_ends_the_run(response: bytes) -> None:
    def story(audience: Audience) -> None:
        wire = _Wire()
        viewer = _Reader(audience, "127.0.0.1:1", 0)
        viewer.connection_made(wire)
        _feed(viewer, response, len(response))
        assert wire.closed

    with pytest.raises(BenchFailed, match=r"^/x: "):
        asyncio.run(_with_audience(story))


def _film() -> bytes:
    tags = [flv.Tag(flv.TagType.VIDEO, 0, b"\x17\0" + b"configuration")]
    for number in range(5):
        tags.append(flv.Tag(flv.TagType.VIDEO, number * 33, b"\x27\x01" + bytes(100 + number)))
        tags.append(flv.Tag(flv.TagType.AUDIO, number * 33, b"\xaf\x01" + bytes(50)))
    return flv.file_header(audio=True, video=True) + b"".join(map(flv.encode_tag, tags))


def _flv_viewer(audience: Audience, arrivals: Arrivals) -> FlvViewer:
    viewer = FlvViewer(audience, "127.0.0.1:1", 0, arrivals, "/x.flv")
    viewer.connection_made(_Wire())
    return viewer


_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\n\r\n"


@pytest.mark.parametrize("step", [1, 3, 17, 64, 10_000])
def test_an_flv_viewer_counts_whole_frames(step: int) -> None:
    def story(audience: Audience) -> None:
        arrivals = Arrivals(audience)
        audience.measuring = True
        for _ in range(2):
            _feed(_flv_viewer(audience, arrivals), _HEAD + _film(), step)
        assert (audience.pieces, arrivals.shared) == (10, 5)

    asyncio.run(_with_audience(story))


@pytest.mark.parametrize(
    ("cut", "reason"),
    [(slice(13 + 40, 13 + 41), "size"), (slice(0, 1), "not FLV")],
)
def test_an_flv_viewer_notices_a_byte_that_is_missing(cut: slice, reason: str) -> None:
    def story(audience: Audience) -> None:
        film = bytearray(_film())
        del film[cut]
        _feed(_flv_viewer(audience, Arrivals(audience)), _HEAD + bytes(film), 64)

    with pytest.raises(BenchFailed, match=reason):
        asyncio.run(_with_audience(story))


def _playlist(parts: int) -> bytes:
    whole = Segment("a.m4s", 2.0, tuple(Part(f"a{n}.m4s", 1.0) for n in range(2)))
    growing = Segment(
        "", float(parts), tuple(Part(f"b{n}.m4s", 1.0) for n in range(parts)), complete=False
    )
    playlist = MediaPlaylist(
        target_duration=2,
        segments=(whole, growing) if parts else (whole,),
        part_target=1.0,
        part_hold_back=3.0,
        can_skip_until=12.0,
        media_sequence=7,
    )
    return render_media(playlist).encode()


def test_a_catalogue_knows_what_is_new_and_what_to_ask_next() -> None:
    clock = iter([10.0, 10.0, 20.0]).__next__
    catalogue = Catalogue("/live/x/media.m3u8", parts=True, now=clock)
    first = catalogue.listing(gzip.compress(_playlist(0)), compressed=True)
    assert [part.position for part in first.fragments] == [(7, 0), (7, 1)]
    assert first.next_request == b"/live/x/media.m3u8?_HLS_msn=8&_HLS_part=0&_HLS_skip=YES"
    second = catalogue.listing(_playlist(1), compressed=False)
    (new,) = second.after((7, 1))
    assert (new.position, new.target, new.start, new.announced) == (
        (8, 0),
        b"/live/x/b0.m4s",
        2.0,
        20.0,
    )
    assert second.next_request.endswith(b"?_HLS_msn=8&_HLS_part=1&_HLS_skip=YES")
    assert second.hold_back == 3.0


def test_viewers_of_a_fragment_get_the_same_bytes_or_the_run_ends() -> None:
    fragment = Fragment((1, 0), b"/x", 0.0, 1.0, 0.0)
    body = memoryview(b"\0\0\0\x10moof" + bytes(range(8)))
    fragment.check(body[:5], 0)
    fragment.check(body[:9], 0)
    fragment.check(body[5:], 5)
    fragment.check(body[9:], 9)
    fragment.finish()
    assert fragment.body == body
    with pytest.raises(WrongBytes, match="other bytes"):
        fragment.check(memoryview(b"\xff"), 9)
    fragment.check_length(16)
    with pytest.raises(WrongBytes, match="15 bytes here, 16"):
        fragment.check_length(15)


def test_a_player_stalls_when_a_piece_comes_after_its_hold_back() -> None:
    def story(audience: Audience) -> None:
        playhead = Playhead(audience, hold=1.0)
        playhead.arrived(0.0, 100.0)
        audience.measuring = True
        playhead.arrived(1.0, 101.9)
        assert audience.stalls == 0
        playhead.arrived(2.0, 103.5)
        assert audience.stalls == 1
        # A stall of half a second delays the rest by as much.
        playhead.arrived(3.0, 104.4)
        assert audience.stalls == 1
        assert playhead.media == 3.0

    asyncio.run(_with_audience(story))


def test_parts_on_disk_are_as_large_as_the_stream_of_their_time(tmp_path: Path) -> None:
    film = tmp_path / "film.flv"
    tags = [flv.Tag(flv.TagType.VIDEO, n * 100, b"\x27\x01" + bytes(998)) for n in range(200)]
    film.write_bytes(flv.file_header(audio=False, video=True) + b"".join(map(flv.encode_tag, tags)))
    root = tmp_path / "root"
    root.mkdir()
    assert write_parts(root, Sample(film, 80_000), 0.5) == 0.5
    playlist = parse_media(gzip.decompress((root / "media.m3u8.gz").read_bytes()).decode())
    parts = [part for segment in playlist.segments for part in segment.parts]
    assert len(parts) == 16
    assert {(root / part.uri).stat().st_size for part in parts} == {5008}
