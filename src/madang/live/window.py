"""The sliding window of a rendition: the listed segments and their files.

Playlists are built and compressed once per part and shared by all requests for it. Names carry an
`epoch`, so that no cache answers with a part from before a restart, and parts are numbered
throughout, so that the name in a preload hint is right even if the segment ends first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from madang.live.files import CachedPlaylist, MediaFile
from madang.wire.hls import MediaPlaylist, Part, RenditionReport, Segment, render_media

HOLD_BACK_PARTS: Final = 3
"""PART-HOLD-BACK in part targets (RFC 8216bis, section 4.4.3.8)."""

PARTS_LISTED: Final = 3
"""Target durations from the edge for which parts are listed (section 6.2.2)."""

SKIP_BOUNDARY: Final = 6
"""CAN-SKIP-UNTIL in target durations, the least that section 4.4.3.8 allows."""

LEAST_WINDOW: Final = 8
"""Target durations in the playlist: above the skip boundary, or delta updates skip nothing."""

TOO_FAR_AHEAD: Final = 2
"""Segments beyond the newest for which a client may wait (section 6.2.5.2)."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The playlist that was asked for."""

    playlist: CachedPlaylist


@dataclass(frozen=True, slots=True)
class Wait:
    """Not available yet: ask again after the next part."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The request is wrong; `reason` is a text for the client's log."""

    reason: str


Answer = Ready | Wait | Refuse
WAIT: Final = Wait()


@dataclass(slots=True)
class WindowPart:
    """A part; `duration` in seconds."""

    file: MediaFile
    duration: float
    independent: bool


@dataclass(slots=True)
class WindowSegment:
    """A segment, which grows until it is `complete`. `joined` is made when it is asked for."""

    msn: int
    name: str
    map_name: str
    discontinuity: bool
    date: datetime
    parts: list[WindowPart] = field(default_factory=list)
    complete: bool = False
    joined: MediaFile | None = None

    @property
    def duration(self) -> float:
        """Seconds so far."""
        return sum(part.duration for part in self.parts)


@dataclass(slots=True)
class Window:
    """The window of one rendition. Durations in seconds; at least `length` stays listed."""

    epoch: str
    part_target: float
    target_duration: int
    length: float
    next_msn: int = 0
    reports: Callable[[], tuple[RenditionReport, ...]] = tuple
    _segments: deque[WindowSegment] = field(default_factory=deque)
    _retired: deque[tuple[float, WindowSegment]] = field(default_factory=deque)
    _by_name: dict[str, WindowSegment] = field(default_factory=dict)
    _parts: dict[str, MediaFile] = field(default_factory=dict)
    _maps: dict[str, MediaFile] = field(default_factory=dict)
    _next_part: int = 0
    _next_map: int = 0
    _map_name: str = ""
    _break: bool = False
    _breaks_gone: int = 0
    _elapsed: float = 0.0
    _cache: dict[bool, CachedPlaylist] = field(default_factory=dict)
    ended: bool = False

    def set_map(self, init: bytes, *, discontinuity: bool) -> MediaFile | None:
        """Use `init` for the segments from here on; return its file, None where it is the same.

        The segment before must be complete.
        """
        self._break = self._break or (discontinuity and bool(self._segments))
        if self._map_name and self._maps[self._map_name].body == init:
            return None
        self._map_name = f"init-{self.epoch}-{self._next_map}.mp4"
        self._next_map += 1
        file = self._maps[self._map_name] = MediaFile("init", self._map_name, init)
        return file

    @property
    def between_segments(self) -> bool:
        """True where the next part begins a segment."""
        return not self._segments or self._segments[-1].complete

    def add_part(
        self, body: bytes, duration: float, independent: bool, date: datetime | None
    ) -> WindowSegment:
        """Append a part to the newest segment, or begin one at `date` where that is complete.

        Returns the segment that has the part.
        """
        if self.between_segments:
            assert date is not None
            self._begin_segment(date)
        segment = self._segments[-1]
        name = self._part_name(self._next_part)
        self._next_part += 1
        file = self._parts[name] = MediaFile("part", name, body)
        segment.parts.append(WindowPart(file, duration, independent))
        self._elapsed += duration
        self._cache.clear()
        return segment

    def end_segment(self) -> WindowSegment | None:
        """Complete the newest segment and return it; None where there is none to complete."""
        if self.between_segments:
            return None
        segment = self._segments[-1]
        segment.complete = True
        self._slide()
        self._cache.clear()
        return segment

    def end(self) -> WindowSegment | None:
        """End the stream; return the segment that was completed by it, if any."""
        segment = self.end_segment()
        self.ended = True
        self._cache.clear()
        return segment

    @property
    def edge(self) -> tuple[int, int] | None:
        """Sequence number of the newest segment and index of its newest part."""
        if not self._segments:
            return None
        return self._segments[-1].msn, len(self._segments[-1].parts) - 1

    @property
    def duration(self) -> float:
        """Seconds that the playlist lists."""
        return sum(segment.duration for segment in self._segments)

    def answer(
        self, msn: int | None, part: int | None, *, skip: bool = False, whole: bool = False
    ) -> Answer:
        """Answer a playlist request with `_HLS_msn`, `_HLS_part` and `_HLS_skip`.

        `whole`: the client plays whole segments only, and waits for the first one.

        A part alone is refused, a part number past the end of its segment means the first of the
        next one, and a sequence number too far ahead is refused (section 6.2.5.2).
        """
        if msn is None:
            if part is not None:
                return Refuse("_HLS_part needs _HLS_msn.")
            there = self._segments and (not whole or self._segments[0].complete)
            return Ready(self._playlist(skip)) if there or self.ended else WAIT
        if self.ended:
            return Ready(self._playlist(skip))
        newest = self._segments[-1].msn if self._segments else self.next_msn - 1
        if msn > newest + TOO_FAR_AHEAD:
            return Refuse(f"_HLS_msn={msn} is too far ahead: the newest segment is {newest}.")
        return Ready(self._playlist(skip)) if self._has(msn, part) else WAIT

    def file(self, name: str) -> MediaFile | Wait | None:
        """Return the init segment, segment or part of that name.

        WAIT stands for the part that the preload hint names, None for a file that does not, or no
        longer, exist.
        """
        found = self._parts.get(name) or self._maps.get(name)
        if found is not None:
            return found
        segment = self._by_name.get(name)
        if segment is not None and segment.complete:
            if segment.joined is None:
                body = b"".join(part.file.body for part in segment.parts)
                segment.joined = MediaFile("segment", name, body)
            return segment.joined
        if not self.ended and name == self._part_name(self._next_part):
            return WAIT
        return None

    def bit_rates(self) -> tuple[float, float]:
        """Return the highest and the mean bit rate of the listed segments, in bits a second.

        Segments shorter than half the target duration do not count for the highest, as RFC
        8216bis, section 4.1 defines it, unless there are no others; it is never below the mean.
        A growing segment counts from that duration on, or where it is the only one.
        """
        half = self.target_duration / 2
        sizes = [
            (sum(len(part.file.body) for part in segment.parts) * 8, segment.duration)
            for segment in self._segments
            if segment.parts
            and (segment.complete or segment.duration >= half or len(self._segments) == 1)
        ]
        total = sum(duration for _, duration in sizes)
        if not total:
            return 0.0, 0.0
        long = [size for size in sizes if size[1] >= half] or sizes
        mean = sum(bits for bits, _ in sizes) / total
        return max(mean, *(bits / duration for bits, duration in long)), mean

    def _has(self, msn: int, part: int | None) -> bool:
        if not self._segments:
            return False
        newest = self._segments[-1]
        if msn != newest.msn:
            # Of an earlier segment everything is there, and so is the first part of the next one,
            # which a part number past its end means.
            return msn < newest.msn
        return newest.complete if part is None else part < len(newest.parts)

    def _playlist(self, skip: bool) -> CachedPlaylist:
        cached = self._cache.get(skip)
        if cached is None:
            cached = self._cache[skip] = CachedPlaylist(render_media(self._listing(), skip=skip))
        return cached

    def _listing(self) -> MediaPlaylist:
        listed: list[Segment] = []
        behind = 0.0
        for segment in reversed(self._segments):
            near = behind < PARTS_LISTED * self.target_duration and not self.ended
            parts = tuple(Part(p.file.name, p.duration, p.independent) for p in segment.parts)
            behind += segment.duration
            listed.append(
                Segment(
                    uri=segment.name if segment.complete else "",
                    duration=segment.duration,
                    parts=parts if near or not segment.complete else (),
                    program_date_time=segment.date,
                    discontinuity=segment.discontinuity,
                    map_uri=segment.map_name,
                    complete=segment.complete,
                )
            )
        return MediaPlaylist(
            target_duration=self.target_duration,
            segments=tuple(reversed(listed)),
            part_target=self.part_target,
            part_hold_back=HOLD_BACK_PARTS * self.part_target,
            can_skip_until=float(SKIP_BOUNDARY * self.target_duration),
            media_sequence=self._segments[0].msn if self._segments else self.next_msn,
            discontinuity_sequence=self._breaks_gone,
            preload_hint=None if self.ended else self._part_name(self._next_part),
            rendition_reports=() if self.ended else self.reports(),
            ended=self.ended,
        )

    def _begin_segment(self, date: datetime) -> None:
        name = f"seg-{self.epoch}-{self.next_msn}.m4s"
        segment = WindowSegment(
            self.next_msn, name, self._map_name, self._break, date.astimezone(UTC)
        )
        self.next_msn += 1
        self._break = False
        self._segments.append(segment)
        self._by_name[name] = segment

    def _slide(self) -> None:
        """Drop old segments from the playlist, and from memory once clients may not request them.

        A segment stays for its own duration and that of the longest playlist that listed it
        (section 6.2.2).
        """
        keep = max(self.length, LEAST_WINDOW * self.target_duration)
        total = self.duration
        while len(self._segments) > 1 and total - self._segments[0].duration >= keep:
            gone = self._segments.popleft()
            self._retired.append((self._elapsed + gone.duration + total, gone))
            total -= gone.duration
            self._breaks_gone += gone.discontinuity
        while self._retired and self._retired[0][0] <= self._elapsed:
            _, segment = self._retired.popleft()
            del self._by_name[segment.name]
            for part in segment.parts:
                del self._parts[part.file.name]
        used = {segment.map_name for segment in self._by_name.values()} | {self._map_name}
        for name in [name for name in self._maps if name not in used]:
            del self._maps[name]

    def _part_name(self, number: int) -> str:
        return f"part-{self.epoch}-{number}.m4s"
