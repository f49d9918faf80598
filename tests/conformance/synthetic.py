"""A correct low-latency stream out of two seconds of ffmpeg's work, and hooks to break it.

The stream has no publisher: what exists is a function of the clock. Fragments repeat; only their
decode times and numbers are written anew.
"""

from __future__ import annotations

import asyncio
import struct
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import imageio_ffmpeg  # type: ignore[import-untyped]

from madang.wire.hls import (
    MediaPlaylist,
    MultivariantPlaylist,
    Part,
    RenditionReport,
    Segment,
    Variant,
)
from tests.support.virtual_time import wall

PART = 0.192
"""Seconds: 4 pictures of 48 ms, 9 AAC frames of 1024 samples at 48 kHz, exactly."""

PARTS = 5
"""Parts per segment: 0.96 s."""

LISTED = 9
"""Complete segments in the window: 8.64 s, beyond the skip boundary of 6 s."""

KEPT = 4
"""Segments that can still be fetched after they left the window, where a station is correct."""

HISTORY = 12
"""Segments that exist when the clock starts."""

DISCONTINUITIES = (3, 13)
"""One that leaves the window in the first second of a watch, one that comes soon after."""

_INPUTS = {
    "video": "-f lavfi -i testsrc=s=64x36:r=125/6:d=0.96 -c:v libx264 -preset ultrafast "
    "-pix_fmt yuv420p -bf 0 -g 20 -video_track_timescale 90000",
    "audio": "-f lavfi -i sine=r=48000:d=0.96 -c:a aac -b:a 32k -use_editlist 0",
}
_TIMESCALES = {"video": 90_000, "audio": 48_000}


@dataclass(frozen=True, slots=True)
class Loop:
    """One segment's worth of fragments with its initialisation section."""

    init: bytes
    fragments: tuple[bytes, ...]
    timescale: int

    def part(self, number: int) -> bytes:
        """The fragment of part `number` of the stream, with its own decode time."""
        data = bytearray(self.fragments[number % PARTS])
        sequence = data.index(b"mfhd") + 8
        decode_time = data.index(b"tfdt") + 8
        struct.pack_into(">I", data, sequence, number + 1)
        struct.pack_into(">Q", data, decode_time, round(number * PART * self.timescale))
        return bytes(data)


def make_loops(folder: Path) -> dict[str, Loop]:
    """Encode the two renditions with the bundled ffmpeg; takes well under a second."""
    return {name: _make_loop(folder / f"{name}.mp4", name) for name in _INPUTS}


def _make_loop(path: Path, name: str) -> Loop:
    program = imageio_ffmpeg.get_ffmpeg_exe()
    options = "-frag_duration 192000 -movflags empty_moov+default_base_moof -f mp4"
    command = [program, "-y", "-v", "error", *_INPUTS[name].split(), *options.split(), str(path)]
    subprocess.run(command, check=True)
    data = path.read_bytes()
    boxes = []
    while data:
        size, kind = struct.unpack_from(">I4s", data)
        boxes.append((kind, data[:size]))
        data = data[size:]
    init = b"".join(box for kind, box in boxes if kind in (b"ftyp", b"moov"))
    heads = [box for kind, box in boxes if kind == b"moof"]
    bodies = [box for kind, box in boxes if kind == b"mdat"]
    joined = [head + body for head, body in zip(heads, bodies, strict=True)]
    return Loop(init, tuple(joined[:PARTS]), _TIMESCALES[name])


@dataclass(slots=True)
class Station:
    """The stream at any moment of the running loop's clock.

    After `last` parts (counted from the first of the history) it ends where `ends` is true, else
    it pauses as under a publisher that hangs. `kept` is how many segments outlive their listing.
    """

    loops: dict[str, Loop]
    last: int | None = None
    ends: bool = False
    kept: int = KEPT
    began: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    epoch: datetime = field(default_factory=lambda: datetime.fromtimestamp(wall(), UTC))

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    def count(self) -> int:
        """Return the number of parts that exist now."""
        count = HISTORY * PARTS + int((self._now() - self.began) / PART)
        return count if self.last is None else min(count, self.last)

    @property
    def ended(self) -> bool:
        """True once the last part of a stream that ends exists."""
        return self.ends and self.count() == self.last

    async def reach(self, count: int, limit: float) -> bool:
        """Wait until `count` parts exist or the stream has ended; False after `limit` seconds."""
        until = self._now() + limit
        while self.count() < count and not self.ended:
            if self._now() > until:
                return False
            due = self.began + (count - HISTORY * PARTS) * PART - self._now()
            await asyncio.sleep(min(max(due, 0.002), 0.05))
        return True

    def playlist(self, name: str) -> MediaPlaylist:
        """The media playlist of rendition `name` now."""
        count, ended = self.count(), self.ended
        complete = count // PARTS
        first = max(complete - LISTED, 0)
        numbers = range(first, complete + (count % PARTS > 0))
        # Three target durations of one second, from the live edge back.
        near = (count * PART - 3.0) / PART
        return MediaPlaylist(
            target_duration=1,
            segments=tuple(
                self._segment(n, count, n * PARTS + PARTS > near, name) for n in numbers
            ),
            part_target=0.2,
            part_hold_back=0.6,
            can_skip_until=6.0,
            media_sequence=first,
            discontinuity_sequence=sum(first > number for number in DISCONTINUITIES),
            preload_hint=None if ended else f"p{count}.mp4",
            rendition_reports=tuple(
                RenditionReport(f"../{other}/media.m3u8", (count - 1) // PARTS, (count - 1) % PARTS)
                for other in self.loops
                if other != name
            ),
            ended=ended,
        )

    def _segment(self, number: int, count: int, near: bool, name: str) -> Segment:
        begin = number * PARTS
        here = range(begin, min(begin + PARTS, count))
        complete = len(here) == PARTS
        past = timedelta(seconds=(begin - HISTORY * PARTS) * PART)
        parts = tuple(Part(f"p{n}.mp4", PART, name == "audio" or n % PARTS == 0) for n in here)
        return Segment(
            uri=f"s{number}.mp4",
            duration=round(len(here) * PART, 5),
            parts=parts if near else (),
            program_date_time=self.epoch + past,
            discontinuity=number in DISCONTINUITIES,
            map_uri=f"init{sum(number >= d for d in DISCONTINUITIES)}.mp4",
            complete=complete,
        )

    def multivariant(self) -> MultivariantPlaylist:
        """The renditions as variants."""
        variants = (
            Variant("video/media.m3u8", 200_000, "avc1.42c00a", resolution=(64, 36)),
            Variant("audio/media.m3u8", 40_000, "mp4a.40.2"),
        )
        return MultivariantPlaylist(
            tuple(v for v in variants if v.uri.partition("/")[0] in self.loops)
        )

    def media(self, name: str, kind: str, number: int) -> bytes | None:
        """The bytes of init, part or segment `number`, None where it does not exist (any more)."""
        loop = self.loops[name]
        count = self.count()
        oldest = max(count // PARTS - LISTED - self.kept, 0)
        match kind:
            case "init":
                return loop.init
            case "p" if oldest * PARTS <= number < count:
                return loop.part(number)
            case "s" if oldest <= number < count // PARTS:
                first = number * PARTS
                return b"".join(loop.part(n) for n in range(first, first + PARTS))
            case _:
                return None
