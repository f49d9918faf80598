"""Every way in which the oracle's own tests break a stream, by the rule that must notice."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from madang.wire.hls import MediaPlaylist, Part, Segment
from tests.conformance.report import Rule
from tests.conformance.server import CORRECT, Answer, Fault, Request
from tests.conformance.synthetic import HISTORY, PART, PARTS

EditSegment = Callable[[int, Segment], Segment]
EditParts = Callable[[int, Part], Part]


@dataclass(frozen=True, slots=True)
class Case:
    """One breach: what it looks like, the fault that makes it, and the station that needs.

    `last`, `ends` and `kept` are those of `Station`; `both` adds a second rendition.
    """

    rule: Rule
    what: str
    fault: Fault = CORRECT
    last: int | None = None
    ends: bool = False
    kept: int = 4
    both: bool = False


def said(**changes: object) -> Fault:
    """A playlist that says something else, always."""
    return Fault(playlist=lambda name, playlist: replace(playlist, **changes))  # type: ignore[arg-type]


def at_times(edit: Callable[[MediaPlaylist], MediaPlaylist]) -> Fault:
    """A playlist that is wrong at every second part."""

    def playlist(name: str, right: MediaPlaylist) -> MediaPlaylist:
        parts = sum(len(segment.parts) for segment in right.segments[-1:])
        return edit(right) if parts % 2 else right

    return Fault(playlist=playlist)


def segments(edit: EditSegment) -> Callable[[MediaPlaylist], MediaPlaylist]:
    """Changes each segment, given its number."""

    def playlist(right: MediaPlaylist) -> MediaPlaylist:
        numbered = enumerate(right.segments, right.media_sequence)
        return replace(right, segments=tuple(edit(msn, segment) for msn, segment in numbered))

    return playlist


def each_segment(edit: EditSegment) -> Fault:
    """A playlist with its segments changed, always."""
    return Fault(playlist=lambda name, right: segments(edit)(right))


def each_part(edit: EditParts) -> Fault:
    """A playlist with its parts changed, given their index in the segment."""
    return each_segment(
        lambda msn, segment: replace(
            segment, parts=tuple(edit(index, part) for index, part in enumerate(segment.parts))
        )
    )


def headers(match: Callable[[Request], bool], **changes: str | None) -> Fault:
    """Other headers on the answers to matching requests; None takes one away."""

    def answer(request: Request, right: Answer) -> Answer:
        if not match(request):
            return right
        renamed = {name.replace("_", "-"): value for name, value in changes.items()}
        merged = {**right.headers, **renamed}
        return replace(right, headers={k: v for k, v in merged.items() if v is not None})

    return Fault(answer=answer)


def status(match: Callable[[Request], bool], code: int) -> Fault:
    """Another status, without a body, for matching requests."""
    return Fault(answer=lambda request, right: Answer(code) if match(request) else right)


def is_playlist(request: Request) -> bool:
    """True for playlists."""
    return request.is_playlist


def is_fragment(request: Request) -> bool:
    """True for segments, parts and initialisation sections."""
    return not request.is_playlist


def unmet(match: Callable[[str], bool]) -> Fault:
    """Directives that match are not obeyed: the playlist comes at once and in full."""
    return Fault(directives=lambda request: "" if match(request.query) else request.query)


def without(header: str) -> Fault:
    """A server that overlooks a request header."""

    def answer(request: Request, right: Answer) -> Answer:
        if request.is_playlist or header not in request.headers:
            return right
        return replace(right, status=200, body=b"x" * 99)

    return Fault(answer=answer)


def delta_text(edit: Callable[[str], str]) -> Fault:
    """Delta updates whose text is changed."""
    return Fault(text=lambda text: edit(text) if "#EXT-X-SKIP" in text else text)


def fragments(first_letter: str, edit: Callable[[int, bytes], bytes]) -> Fault:
    """Other bytes in parts ("p") or segments ("s"), given their number."""

    def media(name: str, data: bytes) -> bytes:
        if not name.startswith(first_letter):
            return data
        return edit(int(name[1:].removesuffix(".mp4")), data)

    return Fault(media=media)


def different_at_first() -> Fault:
    """A part whose bytes are changed once somebody has had it."""
    served: set[str] = set()

    def media(name: str, data: bytes) -> bytes:
        if not name.startswith("p") or name in served:
            return data
        served.add(name)
        return data + b"\0\0\0\x08free"

    return Fault(media=media)


def shift_decode_time(number: int, data: bytes) -> bytes:
    """Every second part begins 20 ms early."""
    shifted = bytearray(data)
    at = data.index(b"tfdt") + 8
    (ticks,) = struct.unpack_from(">Q", data, at)
    struct.pack_into(">Q", shifted, at, ticks - 1800 * (number % 2))
    return bytes(shifted)


def last_two(right: MediaPlaylist) -> MediaPlaylist:
    """A window of two segments: under two seconds."""
    gone = len(right.segments) - 2
    first = right.media_sequence + gone
    return replace(right, segments=right.segments[gone:], media_sequence=first)


def parts_everywhere(msn: int, segment: Segment) -> Segment:
    """Parts on segments of any age."""
    here = range(msn * PARTS, msn * PARTS + PARTS)
    made = tuple(Part(f"p{n}.mp4", PART, n % PARTS == 0) for n in here)
    return segment if segment.parts else replace(segment, parts=made)


def late(seconds: float) -> EditSegment:
    """Every second segment is dated later."""

    def edit(msn: int, segment: Segment) -> Segment:
        date = segment.program_date_time
        assert date is not None
        return replace(segment, program_date_time=date + timedelta(seconds=seconds * (msn % 2)))

    return edit


def reports(msn: int) -> Fault:
    """Rendition reports that are `msn` segments off."""

    def playlist(name: str, right: MediaPlaylist) -> MediaPlaylist:
        moved = tuple(replace(r, last_msn=r.last_msn + msn) for r in right.rendition_reports)
        return replace(right, rendition_reports=moved)

    return Fault(playlist=playlist)


def after_the_end(edit: Callable[[MediaPlaylist], MediaPlaylist]) -> Fault:
    """A playlist that is wrong once it has ended."""
    return Fault(playlist=lambda name, right: edit(right) if right.ended else right)


def refuse_after_the_end(request: Request, right: Answer) -> Answer:
    """Directives are obeyed after the end: a part that will never come is too far ahead."""
    ended = request.is_playlist and b"#EXT-X-ENDLIST" in right.body
    return Answer(400) if ended and "_HLS_" in request.query else right


END = (HISTORY + 1) * PARTS
"""The parts of a stream that ends one segment after its watch began."""


def _numbers(query: str) -> dict[str, int]:
    return {name: int(value) for name, value in re.findall(r"_HLS_(\w+)=(\d+)", query)}


def too_high(request: Request) -> bool:
    """True where a part is asked for that no segment has."""
    return _numbers(request.query).get("part", 0) >= PARTS


def well_formed(query: str) -> bool:
    """True where directives are numbers that belong together."""
    return bool(re.fullmatch(r"_HLS_msn=\d{1,9}(&_HLS_part=\d{1,9})?(&_HLS_skip=\w+)?", query))
