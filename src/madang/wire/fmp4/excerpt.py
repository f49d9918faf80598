"""Excerpt of a finished hybrid MP4: an ordinary MP4 of some of its fragments, without a copy.

The excerpt is a head, made in memory, and a range of bytes of the file behind it. Its sample tables
are cut out of those of the file (ISO/IEC 14496-12, 8.5 to 8.7), so that one long read gets all.
"""

from __future__ import annotations

import struct
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from madang.base.errors import ParseError
from madang.wire.fmp4.hybrid import EXCERPT_EXTRA, excerpt_head
from madang.wire.fmp4.movie import RunLengths, TrackTables, movie, only, track_identity
from madang.wire.fmp4.reader import Box, boxes, read_moof

_REORDERED = 64
"""Samples at the end of a track among which is the one that is shown last."""


@dataclass(slots=True)
class _Track:
    """A track of the file: its ID, its tables, and its beginning on the time line of the movie, in
    ticks."""

    track_id: int
    begin: int
    durations: RunLengths
    offsets: RunLengths
    sync: array[int] | None
    sizes: array[int]
    chunk_samples: RunLengths
    chunk_offsets: array[int]

    def between(self, begin: int, end: int, last: int | None) -> TrackTables | None:
        """Return the tables of the chunks at the bytes `begin` to `end`, None for none. `last` is
        the duration of the last sample: the table says that it lasts until the next one."""
        first_chunk = bisect_left(self.chunk_offsets, begin)
        stop_chunk = bisect_left(self.chunk_offsets, end)
        if first_chunk == stop_chunk:
            return None
        first = self.chunk_samples.between(0, first_chunk).total()
        chunk_samples = self.chunk_samples.between(first_chunk, stop_chunk)
        stop = first + chunk_samples.total()
        durations = self.durations.between(first, stop)
        if last is not None:
            durations.lengthen_last(last - durations.values[-1])
        offsets = self.offsets.between(first, stop)
        start = self.begin + self.durations.between(0, first).total()
        tail = max(0, stop - first - _REORDERED)
        at = end_shown = start + durations.between(0, tail).total()
        last_samples = zip(
            offsets.between(tail, stop - first), durations.between(tail, stop - first), strict=True
        )
        for offset, duration in last_samples:
            end_shown = max(end_shown, at + offset + duration)
            at += duration
        sync = None
        if self.sync is not None:
            inside = self.sync[bisect_right(self.sync, first) : bisect_right(self.sync, stop)]
            sync = array("I", [number - first for number in inside])
        return TrackTables(
            start,
            _time=at,
            # Pictures that are shown before the first key frame need others that are not there.
            _first_shown=start + offsets.values[0],
            _end_shown=end_shown,
            _durations=durations,
            _offsets=offsets,
            _sizes=self.sizes[first:stop],
            _sync=sync,
            _chunk_samples=chunk_samples,
            _chunk_offsets=self.chunk_offsets[first_chunk:stop_chunk],
        )


def head_of_excerpt(init: bytes, moov: bytes, begin: int, end: int, last_moof: bytes) -> bytes:
    """Return the head of an excerpt, which the bytes `begin` to `end` of the file follow.

    They are whole fragments, of which the last begins with `last_moof`. `init` is the init segment
    of the file, `moov` the last box of it. Raises ParseError.
    """
    try:
        last = {run.track_id: run.durations[-1] for run in read_moof(last_moof) if run.durations}
        tables = {}
        for track in _tracks(init, moov):
            found = track.between(begin, end, last.get(track.track_id))
            if found is not None:
                tables[track.track_id] = found
        length = len(movie(init, tables))
        by = EXCERPT_EXTRA + length - begin
        placed = movie(init, {track_id: table.moved(by) for track_id, table in tables.items()})
        return excerpt_head(placed, end - begin)
    except (struct.error, IndexError, KeyError, ValueError, OverflowError) as error:
        raise ParseError(f"No excerpt can be made of the file: {error!r}.") from error


def _tracks(init: bytes, data: bytes) -> Iterator[_Track]:
    """Yield the tracks of a file with the moov `data`, in ticks of its init segment."""
    inits = _children(init, only(init, b"moov", 0, len(init)), b"trak")
    wanted = dict(track_identity(init, trak) for trak in inits)
    moov = only(data, b"moov", 0, len(data))
    (movie_ticks,) = struct.unpack_from(">I", data, _inside(data, moov, b"mvhd").payload + 20)
    for trak in _children(data, moov, b"trak"):
        (track_id,) = struct.unpack_from(">I", data, _inside(data, trak, b"tkhd").payload + 20)
        header = _inside(data, trak, b"mdia", b"mdhd")
        (ticks,) = struct.unpack_from(">I", data, header.payload + 20)
        # Coarser than those of the init segment where a sample before a hole is too long for it.
        factor = wanted[track_id] // ticks
        stbl = _inside(data, trak, b"mdia", b"minf", b"stbl")
        tables = {each.kind: each for each in boxes(data, stbl.payload, stbl.end)}
        chunk_offsets = _numbers(data, tables[b"co64"], "Q")
        sizes = _numbers(data, tables[b"stsz"], "I")[1:]
        durations = _run_lengths(data, tables[b"stts"], factor)
        if b"ctts" in tables:
            offsets = _run_lengths(data, tables[b"ctts"], factor)
        else:
            offsets = RunLengths.of(array("q", [0]), array("I", [len(sizes)]))
        delay, begin = _edits(data, _inside(data, trak, b"edts", b"elst"))
        yield _Track(
            track_id,
            round(delay * wanted[track_id] / movie_ticks) - begin * factor,
            durations,
            offsets,
            _numbers(data, tables[b"stss"], "I") if b"stss" in tables else None,
            sizes,
            _chunk_samples(_numbers(data, tables[b"stsc"], "I"), len(chunk_offsets)),
            chunk_offsets,
        )


def _edits(data: bytes, elst: Box) -> tuple[int, int]:
    """Return the empty time before a track, in ticks of the movie, and where its media begin."""
    (count,) = struct.unpack_from(">I", data, elst.payload + 4)
    listed = [struct.unpack_from(">Qq", data, elst.payload + 8 + 20 * n) for n in range(count)]
    return (listed[0][0] if count > 1 else 0), listed[-1][1]


def _chunk_samples(numbers: array[int], chunks: int) -> RunLengths:
    """Return the numbers of samples of `chunks` chunks by a table of sample-to-chunk entries."""
    starts = [*numbers[0::3], chunks + 1]
    counts = array("I", [after - start for start, after in pairwise(starts)])
    return RunLengths.of(array("q", numbers[1::3]), counts)


def _run_lengths(data: bytes, table: Box, factor: int) -> RunLengths:
    """Return the entries of stts or ctts; composition offsets are signed, durations below 2**31."""
    pairs = _numbers(data, table, "i")
    values = array("q", [value * factor for value in pairs[1::2]])
    return RunLengths.of(values, array("I", pairs[0::2]))


def _numbers(data: bytes, table: Box, code: str) -> array[int]:
    """Return the numbers behind the first eight bytes of a table."""
    numbers: array[int] = array(code)
    numbers.frombytes(data[table.payload + 8 : table.end])
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _inside(data: bytes, box: Box, *kinds: bytes) -> Box:
    for kind in kinds:
        box = only(data, kind, box.payload, box.end)
    return box


def _children(data: bytes, box: Box, kind: bytes) -> Iterator[Box]:
    return (each for each in boxes(data, box.payload, box.end) if each.kind == kind)
