"""Parts and segments as all viewers of a load know them: parsed once, compared byte for byte."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urljoin

from madang.wire.hls import MediaPlaylist, parse_media

Position = tuple[int, int]
"""Media sequence number and part; part 0 stands for the whole where segments are fetched."""

_KEPT: Final = 256
"""Playlists and fragments that are remembered; live ones list far fewer."""

_BOXES: Final = (b"styp", b"moof", b"prft", b"emsg")
"""Boxes with which a part or segment may begin."""

_TS_SYNC: Final = b"\x47"


class WrongBytes(Exception):
    """A server sent something else than it should."""


@dataclass(slots=True)
class Fragment:
    """One part or segment. `start` and `duration` are seconds of the stream, `announced` is when
    the first viewer read of it, `body` what the first viewer of each byte got."""

    position: Position
    target: bytes
    start: float
    duration: float
    announced: float
    length: int = -1
    body: bytearray = field(default_factory=bytearray)

    def check_length(self, length: int) -> None:
        """Raises WrongBytes if another viewer was told another one."""
        if length < 1:
            raise WrongBytes("a fragment without a length")
        if self.length not in (-1, length):
            raise WrongBytes(f"{length} bytes here, {self.length} for another viewer")
        self.length = length

    def check(self, data: memoryview, offset: int) -> None:
        """Compare with what others got, or remember. Raises WrongBytes."""
        known = len(self.body) - offset
        if known >= len(data):
            same = self.body.startswith(data, offset)
        else:
            same = self.body.startswith(data[:known], offset)
            self.body += data[known:]
        if not same:
            raise WrongBytes(f"other bytes than another viewer got, from byte {offset}")

    def finish(self) -> None:
        """All of it came. Raises WrongBytes for what is neither fragmented MP4 nor MPEG-TS."""
        if bytes(self.body[4:8]) not in _BOXES and self.body[:1] != _TS_SYNC:
            raise WrongBytes(f"no media, but {bytes(self.body[:16])!r}")


@dataclass(frozen=True, slots=True)
class Listing:
    """A playlist as a viewer uses it: its fragments in order, and the next blocking request."""

    fragments: tuple[Fragment, ...]
    next_request: bytes
    target_duration: float
    map_target: bytes | None
    hold_back: float

    def after(self, position: Position | None) -> tuple[Fragment, ...]:
        """The fragments past `position`; all for None."""
        if position is None:
            return self.fragments
        return tuple(found for found in self.fragments if found.position > position)


class Catalogue:
    """The playlist at `target` (a path) as it moves on; `parts` for low latency."""

    def __init__(self, target: str, *, parts: bool, now: Callable[[], float]) -> None:
        self._target = target
        self._parts = parts
        self._now = now
        self._listings: dict[bytes, Listing] = {}
        self._fragments: dict[Position, Fragment] = {}
        self._end = 0.0

    def listing(self, body: bytes, *, compressed: bool) -> Listing:
        """Return the parsed playlist, made once for all viewers that got the same bytes.

        Raises WrongBytes, ParseError.
        """
        found = self._listings.get(body)
        if found is None:
            text = zlib.decompress(body, wbits=31) if compressed else body
            found = self._read(parse_media(text.decode()))
            if len(self._listings) >= _KEPT:
                self._listings.clear()
            self._listings[body] = found
        return found

    def _read(self, playlist: MediaPlaylist) -> Listing:
        if playlist.ended:
            raise WrongBytes("the stream has ended")
        fragments: list[Fragment] = []
        following: Position = (playlist.media_sequence, 0)
        maps = [segment.map_uri for segment in playlist.segments if segment.map_uri]
        first = playlist.media_sequence + playlist.skipped
        for msn, segment in enumerate(playlist.segments, first):
            if not self._parts and segment.complete:
                fragments.append(self._fragment((msn, 0), segment.uri, segment.duration))
            for index, part in enumerate(segment.parts if self._parts else ()):
                fragments.append(self._fragment((msn, index), part.uri, part.duration))
            following = (msn + 1, 0) if segment.complete else (msn, len(segment.parts))
        if not fragments:
            raise WrongBytes("a playlist without a fragment")
        skip = "&_HLS_skip=YES" if playlist.can_skip_until else ""
        query = f"?_HLS_msn={following[0]}&_HLS_part={following[1]}{skip}"
        hold_back = playlist.part_hold_back if self._parts else None
        return Listing(
            fragments=tuple(fragments),
            next_request=(self._target + query).encode(),
            target_duration=playlist.target_duration,
            map_target=urljoin(self._target, maps[-1]).encode() if maps else None,
            hold_back=hold_back or 3 * playlist.target_duration,
        )

    def _fragment(self, position: Position, uri: str, duration: float) -> Fragment:
        found = self._fragments.get(position)
        if found is None:
            if self._fragments and position < max(self._fragments):
                # A viewer behind the others reads of what has been forgotten: it plays before.
                raise WrongBytes(f"part {position} came back")
            target = urljoin(self._target, uri).encode()
            found = Fragment(position, target, self._end, duration, self._now())
            self._end += duration
            self._fragments[position] = found
            if len(self._fragments) > _KEPT:
                del self._fragments[next(iter(self._fragments))]
        return found
