"""Rules on the fragments themselves, demuxed with PyAV."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import av
import av.error

from madang.wire.hls import Segment
from tests.conformance.observed import Rendition
from tests.conformance.report import Rule, Violation

OVERLAP = 0.001
"""Seconds that a fragment may begin before the end of the last: less than any frame lasts."""

HOLE = 0.05
"""Seconds that may be missing between fragments: a frame that the camera skipped."""

LENGTH = 0.01
"""Seconds that a fragment's samples may differ from the duration in the playlist."""


@dataclass(frozen=True, slots=True)
class Run:
    """The samples of one stream in one fragment: decode times in seconds."""

    begin: Fraction
    end: Fraction
    rises: bool
    key: bool
    video: bool


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part, or a segment whose parts are not known; `independent` is None for a segment."""

    url: str
    duration: float
    map_url: str
    independent: bool | None


def judge(rendition: Rendition) -> Iterator[Violation]:
    """Every breach in the fragments of `rendition` that were fetched."""
    ends: dict[int, Fraction] = {}
    last: tuple[int, str] | None = None
    for msn, segment in sorted(rendition.segments().items()):
        if segment.map_uri is None:
            continue
        here = (msn, segment.map_uri)
        if last is None or here[0] != last[0] + 1 or segment.discontinuity:
            ends.clear()
        last = here
        yield from _concatenation(rendition, segment)
        for piece in _pieces(rendition, segment):
            yield from _judge_piece(rendition, piece, ends)


def _body(rendition: Rendition, url: str) -> bytes | None:
    reply = rendition.files.get(url)
    return reply.content if reply is not None and reply.status_code == 200 else None


def _pieces(rendition: Rendition, segment: Segment) -> Iterator[_Piece]:
    map_url = rendition.resolve(segment.map_uri or "")
    if segment.parts:
        for part in segment.parts:
            url = rendition.resolve(part.uri)
            yield _Piece(url, part.duration, map_url, part.independent)
    else:
        yield _Piece(rendition.resolve(segment.uri), segment.duration, map_url, None)


def _concatenation(rendition: Rendition, segment: Segment) -> Iterator[Violation]:
    if not segment.complete or not segment.parts:
        return
    whole = _body(rendition, rendition.resolve(segment.uri))
    parts = [_body(rendition, rendition.resolve(part.uri)) for part in segment.parts]
    fetched = [part for part in parts if part is not None]
    if whole is not None and len(fetched) == len(parts) and whole != b"".join(fetched):
        detail = f"{len(whole)} bytes, its parts {sum(map(len, fetched))} or other bytes"
        yield Violation(Rule.SEGMENT_IS_PARTS, rendition.resolve(segment.uri), detail)


def demux(init: bytes, fragment: bytes) -> list[Run]:
    """The streams of a fragment, those without samples left out.

    Raises av.error.FFmpegError where it does not demux.
    """
    runs = []
    # Decode times as they stand in the file: an edit list moves presentation, not decoding.
    with av.open(
        io.BytesIO(init + fragment), mode="r", options={"ignore_editlist": "1"}
    ) as container:
        packets = [packet for packet in container.demux() if packet.size]
        for stream in container.streams:
            mine = [packet for packet in packets if packet.stream_index == stream.index]
            times = [packet.dts for packet in mine if packet.dts is not None]
            if not mine or stream.time_base is None:
                continue
            runs.append(
                Run(
                    begin=times[0] * stream.time_base,
                    end=(times[-1] + _last_duration(mine, times)) * stream.time_base,
                    rises=len(times) == len(mine) and all(a < b for a, b in pairwise(times)),
                    key=mine[0].is_keyframe,
                    video=stream.type == "video",
                )
            )
    return runs


def _last_duration(packets: Sequence[av.Packet], times: Sequence[int]) -> int:
    # libavformat's VP9 parser drops the durations of the samples, which are in the file.
    step = times[-1] - times[-2] if len(times) > 1 else 0
    return packets[-1].duration or step


def _judge_piece(
    rendition: Rendition, piece: _Piece, ends: dict[int, Fraction]
) -> Iterator[Violation]:
    init, data = _body(rendition, piece.map_url), _body(rendition, piece.url)
    if init is None or data is None:
        ends.clear()
        return
    try:
        runs = demux(init, data)
    except av.error.FFmpegError as error:
        ends.clear()
        yield Violation(Rule.DEMUX, piece.url, str(error))
        return
    if not runs:
        ends.clear()
        yield Violation(Rule.DEMUX, piece.url, "no samples")
        return
    main = next((run for run in runs if run.video), runs[0])
    if piece.independent is not None and main.key != piece.independent:
        detail = f"INDEPENDENT is {piece.independent}, sync sample first is {main.key}"
        yield Violation(Rule.INDEPENDENT, piece.url, detail)
    lasts = float(main.end - main.begin)
    if abs(lasts - piece.duration) > LENGTH:
        detail = f"{lasts:.5f} s of samples, {piece.duration} s in the playlist"
        yield Violation(Rule.DURATION, piece.url, detail)
    for index, run in enumerate(runs):
        off = float(run.begin - ends.get(index, run.begin))
        if not run.rises or not -OVERLAP <= off <= HOLE:
            detail = f"stream {index} begins {off:+.4f} s off, dts rise: {run.rises}"
            yield Violation(Rule.CONTINUITY, piece.url, detail)
        ends[index] = run.end
