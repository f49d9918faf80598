"""The oracle of rewind playlists: no complaint about a correct one, and every breach is noticed."""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import httpx
import pytest

from madang.live.rendition import SOURCE
from madang.recording.index import encode, rows
from madang.recording.playlist import RecordingPlaylist, SegmentReader
from madang.wire.hls import MediaPlaylist, Segment, parse_media, render_media
from tests.conformance.report import Report, Rule
from tests.conformance.rewind import watch_event
from tests.support import shows
from tests.support.broadcast import Broadcast, Sent, new_show
from tests.support.recordings import MemoryRecording, recorded
from tests.support.virtual_time import run

URL = "http://stream.test/vod/4fDbx9oQmWzk/index.m3u8"
SECONDS = 5.0
EARLIER = 30
"""Records that there are when the watch begins, of some 60."""


@functools.cache
def recording() -> MemoryRecording:
    made = Broadcast(new_show(segment=1.0))
    made.connect()
    made.send([Sent(tag.timestamp / 1000, tag) for tag in shows.recording(seconds=16)])
    made.end()
    (found,) = recorded(made.events, SOURCE)
    return found


Edit = Callable[[MediaPlaylist], MediaPlaylist]


@dataclass(frozen=True)
class Fault:
    """A breach of `rule`: whole playlists are edited, texts of delta updates, or the data of
    ranges; with `later` from the middle of the watch on."""

    rule: Rule
    whole: Edit | None = None
    delta: Callable[[str], str] | None = None
    data: Callable[[bytes], bytes] | None = None
    status: int = 206
    later: bool = True


class Server:
    """Serves a recording that grows with the clock of the loop."""

    def __init__(self, fault: Fault | None) -> None:
        self.fault = fault
        self.began = asyncio.get_running_loop().time()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        passed = asyncio.get_running_loop().time() - self.began
        fault = self.fault
        if fault is not None and fault.later and passed < SECONDS / 2:
            fault = None
        match PurePosixPath(request.url.path).name:
            case "index.m3u8":
                text = '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="avc1"\nsource/media.m3u8\n'
                return httpx.Response(200, text=text)
            case "media.m3u8":
                playlist = self.playlist(EARLIER + int(passed / 0.3))
                skips = "_HLS_skip" in request.url.params
                text = (playlist.delta() if skips else playlist.body()).decode()
                if fault is not None and fault.delta and skips:
                    text = fault.delta(text)
                elif fault is not None and fault.whole and not skips:
                    text = render_media(fault.whole(parse_media(text)))
                return httpx.Response(200, text=text)
        first, last = map(int, request.headers["range"].removeprefix("bytes=").split("-"))
        data = bytes(recording().data[first : last + 1])
        status = 206
        if fault is not None:
            data, status = fault.data(data) if fault.data else data, fault.status
        return httpx.Response(
            status, content=data, headers={"Content-Range": f"bytes {first}-{last}/*"}
        )

    def playlist(self, count: int) -> RecordingPlaylist:
        made = RecordingPlaylist(1)
        reader = SegmentReader("1.mp4")
        made.add(reader.read(rows(b"".join(map(encode, recording().records[:count])))))
        made.media_sequence = 0
        return made


def segments(change: Callable[[tuple[Segment, ...]], tuple[Segment, ...]]) -> Edit:
    return lambda playlist: replace(playlist, segments=change(playlist.segments))


def first(**values: object) -> Edit:
    return segments(lambda all_: (replace(all_[0], **values), *all_[1:]))  # type: ignore[arg-type]


def window(playlist: MediaPlaylist) -> MediaPlaylist:
    """Remove the first segment, as a live window does."""
    return replace(
        playlist, media_sequence=playlist.media_sequence + 1, segments=playlist.segments[1:]
    )


def skipping(text: str, more: int, *, listed: int = 0) -> str:
    """Return a delta update that says it skips so many segments `more`, and lists fewer."""
    head, segments = re.split(r"(?<=\n)(?=#EXT-X-SKIP)", text)
    skip, *rest = segments.splitlines(keepends=True)
    count = int(skip.partition("=")[2]) + more
    starts = [i for i, line in enumerate(rest) if not line.startswith("#")]
    cut = starts[-listed - 1] + 1 if listed else 0
    return "".join((head, f"#EXT-X-SKIP:SKIPPED-SEGMENTS={count}\n", *rest[cut:]))


FAULTS = {
    "is no EVENT": Fault(Rule.EVENT, lambda made: replace(made, playlist_type=None)),
    "loses its first segment": Fault(Rule.EVENT, window),
    "loses it and says nothing": Fault(Rule.EVENT, segments(lambda all_: all_[1:])),
    "grows in front": Fault(Rule.EVENT, segments(lambda all_: (all_[0], *all_))),
    "changes a segment": Fault(Rule.HISTORY, first(duration=0.5)),
    "goes back": Fault(Rule.SEQUENCE_FORWARD, segments(lambda all_: all_[:3])),
    "changes its target": Fault(
        Rule.PARAMETERS_FIXED, lambda made: replace(made, target_duration=2, can_skip_until=12.0)
    ),
    "has longer segments": Fault(Rule.EXTINF_MAXIMUM, first(duration=1.6), later=False),
    "skips too near": Fault(
        Rule.SKIP_UNTIL, lambda made: replace(made, can_skip_until=5.0), later=False
    ),
    "skips too much": Fault(Rule.SKIP_BOUNDARY, delta=lambda text: skipping(text, 3, listed=-3)),
    "miscounts what it skips": Fault(Rule.DELTA, delta=lambda text: skipping(text, -1)),
    "refuses a range": Fault(Rule.BYTE_RANGE, status=404, data=lambda _: b""),
    "sends the whole file": Fault(Rule.BYTE_RANGE, status=200),
    "is cut off": Fault(Rule.BYTE_RANGE, data=lambda data: data[:-1]),
    "changes its bytes": Fault(
        Rule.BYTE_RANGE, data=lambda data: data[:-1] + bytes([data[-1] ^ 1])
    ),
    "has no media in its ranges": Fault(
        Rule.DEMUX, data=lambda data: data if b"moov" in data else bytes(len(data)), later=False
    ),
    "is longer than its media": Fault(Rule.DURATION, first(duration=1.2), later=False),
}


def watched(fault: Fault | None = None) -> Report:
    async def story() -> Report:
        return await watch_event(URL, seconds=SECONDS, transport=httpx.MockTransport(Server(fault)))

    return run(story())


def test_a_correct_rewind_playlist_breaks_no_rule() -> None:
    report = watched()
    report.check()
    assert report.statistics.playlists > 4
    assert report.statistics.segments > 10
    assert report.statistics.deltas > 2


@pytest.mark.parametrize("name", FAULTS)
def test_the_oracle_notices_a_rewind_playlist_that(name: str) -> None:
    assert FAULTS[name].rule in watched(FAULTS[name]).broken
