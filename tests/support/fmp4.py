"""Fragmented MP4 for tests: files made with Madang's writer, and an independent reader.

PyAV shows what players see; the reader is for fields that PyAV does not show.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from madang.media.track import AccessUnit, Track
from madang.wire.fmp4 import TrackRun, fragment, init_segment

_CONTAINERS = frozenset({b"moof", b"traf", b"moov", b"mvex", b"trak", b"mdia", b"minf", b"stbl"})
_SYNC_MASK = 0x00010000


def end_of(units: Sequence[AccessUnit]) -> int:
    """Return the dts at the end of the last of these units, all with durations."""
    return units[-1].dts + units[-1].duration


def file_of(tracks: Sequence[tuple[Track, Sequence[AccessUnit]]], units_per_run: int = 7) -> bytes:
    """Return an init segment and fragments, each with that many units of each track."""
    pieces = [init_segment([track for track, _ in tracks])]
    longest = max(len(units) for _, units in tracks)
    for number, begin in enumerate(range(0, longest, units_per_run), 1):
        runs = []
        for track_id, (_, units) in enumerate(tracks, 1):
            taken = units[begin : begin + units_per_run]
            if taken:
                runs.append(TrackRun(track_id, taken, end_of(taken)))
        pieces.append(fragment(number, runs))
    return b"".join(pieces)


def boxes(data: bytes, begin: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, begin and end of the payload of every box, including those inside containers."""
    end = len(data) if end is None else end
    while begin < end:
        size, kind = struct.unpack_from(">I4s", data, begin)
        assert 8 <= size <= end - begin
        yield kind, begin + 8, begin + size
        if kind in _CONTAINERS:
            yield from boxes(data, begin + 8, begin + size)
        begin += size
    assert begin == end


def read_fragment(data: bytes) -> dict[int, list[AccessUnit]]:
    """Return the units by track ID of one fragment, with durations (ISO/IEC 14496-12, 8.8)."""
    tracks: dict[int, list[AccessUnit]] = {}
    track_id = time = 0
    default: dict[int, int] = {}
    for kind, begin, _ in boxes(data):
        if kind == b"tfhd":
            flags, track_id = struct.unpack_from(">II", data, begin)
            assert flags & 0x020000, "default-base-is-moof"
            present = [bit for bit in (0x08, 0x10, 0x20) if flags & bit]
            numbers = struct.unpack_from(f">{len(present)}I", data, begin + 8)
            default = dict(zip(present, numbers, strict=True))
        elif kind == b"tfdt":
            version, time = struct.unpack_from(">IQ", data, begin)
            assert version == 1 << 24
        elif kind == b"trun":
            tracks[track_id] = list(_read_run(data, begin, time, default))
    return tracks


def _read_run(data: bytes, begin: int, time: int, default: dict[int, int]) -> Iterator[AccessUnit]:
    flags, count, position = struct.unpack_from(">IIi", data, begin)
    begin += 12
    first_flags = None
    if flags & 0x004:
        (first_flags,) = struct.unpack_from(">I", data, begin)
        begin += 4

    def field(bit: int, code: str, otherwise: int) -> int:
        nonlocal begin
        if not flags & bit:
            return otherwise
        (number,) = struct.unpack_from(code, data, begin)
        begin += 4
        return int(number)

    for index in range(count):
        duration = field(0x100, ">I", default.get(0x08, -1))
        size = field(0x200, ">I", default.get(0x10, -1))
        sample_flags = field(0x400, ">I", default.get(0x20, -1))
        offset = field(0x800, ">i", 0)
        if index == 0 and first_flags is not None:
            sample_flags = first_flags
        assert min(duration, size, sample_flags) >= 0
        key = not sample_flags & _SYNC_MASK
        yield AccessUnit(time, time + offset, key, data[position : position + size], duration)
        time += duration
        position += size
