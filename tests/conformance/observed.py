"""Observations of one rendition, as the rules read them."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urljoin

import httpx

from madang.wire.hls import MediaPlaylist, Part, Segment

Position = tuple[int, int]
"""A place in a stream: media sequence number and part index, ordered as they come.

The part index of a whole segment is `WHOLE`.
"""

WHOLE = 1_000_000
"""A part index that no segment has: past all parts, so that a complete segment is listed."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A playlist as it arrived. `asked` and `at` are seconds of the event loop's clock, `wall`
    those of the epoch.
    """

    playlist: MediaPlaylist
    text: str
    asked: float
    at: float
    wall: float

    def numbered(self) -> list[tuple[int, Segment]]:
        """The segments with their media sequence numbers."""
        first = self.playlist.media_sequence + self.playlist.skipped
        return list(enumerate(self.playlist.segments, first))

    @property
    def end(self) -> Position:
        """The last thing listed."""
        if not self.playlist.segments:
            return (self.playlist.media_sequence, -1)
        msn, segment = self.numbered()[-1]
        return (msn, WHOLE if segment.complete else len(segment.parts) - 1)

    @property
    def next_part(self) -> Position:
        """The part that comes after everything listed."""
        msn, part = self.end
        return (msn + 1, 0) if part == WHOLE else (msn, part + 1)

    @property
    def duration(self) -> float:
        """Seconds of media listed."""
        return sum(segment.duration for segment in self.playlist.segments)


@dataclass(slots=True)
class Rendition:
    """One media playlist under watch.

    `others` are the URLs of the other renditions, `files` the fragments fetched, by URL. `until`
    is when the watch was over, by the clock of the snapshots.
    """

    url: str
    others: frozenset[str] = frozenset()
    snapshots: list[Snapshot] = field(default_factory=list)
    files: dict[str, httpx.Response] = field(default_factory=dict)
    until: float = 0.0

    @property
    def latest(self) -> Snapshot:
        """The playlist that arrived last."""
        return self.snapshots[-1]

    def resolve(self, uri: str) -> str:
        """The URL of something that the playlist names."""
        return urljoin(self.url, uri)

    def segments(self) -> dict[int, Segment]:
        """Every segment seen, by number: complete where it was so once, with all parts listed."""
        known: dict[int, Segment] = {}
        for snapshot in self.snapshots:
            for msn, segment in snapshot.numbered():
                before = known.get(msn)
                if before is None or not before.complete or len(segment.parts) > len(before.parts):
                    known[msn] = segment
        return known

    def first_seen(self) -> dict[Position, tuple[Snapshot, Part]]:
        """Every part seen, with the playlist that listed it first."""
        seen: dict[Position, tuple[Snapshot, Part]] = {}
        for snapshot in self.snapshots:
            for msn, segment in snapshot.numbered():
                for index, part in enumerate(segment.parts):
                    seen.setdefault((msn, index), (snapshot, part))
        return seen
