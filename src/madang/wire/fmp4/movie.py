"""Sample tables: the moov box that makes one ordinary MP4 of the fragments in a file.

ISO/IEC 14496-12, 8.5 to 8.7. Data stays where it is: a chunk is the data of one track in one
fragment.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import accumulate, chain, groupby, pairwise, repeat
from math import gcd
from operator import mul

from madang.base.errors import ParseError
from madang.wire.fmp4.boxes import box, full_box
from madang.wire.fmp4.reader import Box, SampleRun, box_header, boxes, read_moof

_SAMPLE_DESCRIPTION = 1
_EMPTY_EDIT = -1
_NORMAL_RATE = 0x00010000
_HEADER_TAIL = 80
"""Bytes of mvhd behind its duration (8.2.2.2)."""
_TRACK_HEADER_TAIL = 60
"""Bytes of tkhd behind its duration (8.3.2.2)."""
_LONGEST = (1 << 31) - 1
"""Ticks that a sample may take: a table has 32 bits (8.6.1.2), of which readers take one as a
sign."""
_BOX_HEADERS = 512
"""More than the bytes of a track that its samples do not add to."""


class RunLengths:
    """Numbers from -2**31 to 2**63 - 1, as values and how often each follows itself."""

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        self.values = array("q")
        self.counts = array("I")
        self.extend(numbers)

    @classmethod
    def of(cls, values: array[int], counts: array[int]) -> RunLengths:
        """Return numbers that are run lengths already."""
        made = cls()
        made.values, made.counts = values, counts
        return made

    def extend(self, numbers: Iterable[int]) -> None:
        """Add numbers."""
        for value, group in groupby(numbers):
            count = sum(1 for _ in group)
            if self.values and self.values[-1] == value:
                self.counts[-1] += count
            else:
                self.values.append(value)
                self.counts.append(count)

    def lengthen_last(self, by: int) -> int:
        """Add to the last number, which stays at least 1. Return what was added."""
        last = self.values[-1]
        longer = max(last + by, 1)
        self.counts[-1] -= 1
        if not self.counts[-1]:
            self.values.pop()
            self.counts.pop()
        self.extend((longer,))
        return longer - last

    def total(self) -> int:
        """Return the sum of all numbers."""
        return sum(map(mul, self.values, self.counts))

    def between(self, first: int, stop: int) -> RunLengths:
        """Return the numbers `first` to `stop`, from 0."""
        made = RunLengths()
        at = 0
        for value, count in zip(self.values, self.counts, strict=True):
            kept = min(at + count, stop) - max(at, first)
            if kept > 0:
                made.values.append(value)
                made.counts.append(kept)
            at += count
            if at >= stop:
                break
        return made

    @property
    def size(self) -> int:
        """Bytes of the table."""
        return 8 * len(self.values)

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(map(repeat, self.values, self.counts))

    def table(self) -> bytes:
        """Return pairs of count and value, modulo 2**32."""
        pairs = array("I", bytes(8 * len(self.values)))
        pairs[0::2] = self.counts
        pairs[1::2] = array("I", [value & 0xFFFFFFFF for value in self.values])
        return _big_endian(pairs)


@dataclass(slots=True)
class TrackTables:
    """Sample tables of one track, filled run by run. Times in ticks of the track.

    Sizes take four bytes a sample; runs of equal durations and composition offsets take twelve.
    """

    start: int | None = None
    _time: int = 0  # decode time of the next sample, by the durations that were added
    _first_shown: int | None = None  # earliest composition time of the first run
    _end_shown: int = 0
    _durations: RunLengths = field(default_factory=RunLengths)
    _offsets: RunLengths = field(default_factory=RunLengths)
    _sizes: array[int] = field(default_factory=lambda: array("I"))
    _sync: array[int] | None = None  # None as long as every sample is one, as all of sound are
    _chunk_samples: RunLengths = field(default_factory=RunLengths)
    _chunk_offsets: array[int] = field(default_factory=lambda: array("Q"))

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(self._sizes)

    @property
    def size(self) -> int:
        """Bytes of the boxes, or a few more."""
        runs = self._durations.size + self._offsets.size + 2 * self._chunk_samples.size
        samples = len(self._sizes) + len(self._sync or ())
        entries = 4 * samples + 8 * len(self._chunk_offsets)
        return runs + entries + _BOX_HEADERS

    @property
    def first_shown(self) -> int:
        """Composition time of the picture or sound that is shown first."""
        return self._first_shown or 0

    @property
    def end_shown(self) -> int:
        """Composition time at which the last sample ends."""
        return self._end_shown

    def fitted(self, timescale: int) -> tuple[TrackTables, int]:
        """Return tables that 32 bits hold, and their timescale: coarser than `timescale` where a
        sample before a hole of many hours is too long for it."""
        longest = max(self._durations.values, default=0)
        if longest <= _LONGEST:
            return self, timescale
        by = gcd(timescale, *self._durations.values, *self._offsets.values)
        if longest > by * _LONGEST:
            fitting = (n for n in range(1, timescale + 1) if timescale % n == 0)
            by = next((n for n in fitting if longest <= n * _LONGEST), timescale)
        assert self.start is not None
        ends = (round(end / by) for end in accumulate(self._durations, initial=self.start))
        return replace(
            self,
            start=round(self.start / by),
            _first_shown=round(self.first_shown / by),
            _end_shown=round(self._end_shown / by),
            _durations=RunLengths(max(end - begin, 1) for begin, end in pairwise(ends)),
            _offsets=RunLengths(round(offset / by) for offset in self._offsets),
        ), timescale // by

    def add(self, run: SampleRun, moof: int) -> None:
        """Add the samples of a run of the fragment whose moof begins at byte `moof`.

        A hole before the run lengthens the sample before it.
        """
        if not run.sizes:
            return
        if self.start is None:
            self.start = self._time = run.start
        elif run.start != self._time:
            self._time += self._durations.lengthen_last(run.start - self._time)
        shown = []
        at = self._time
        for duration, offset in zip(run.durations, run.composition_offsets, strict=True):
            shown.append(at + offset)
            at += duration
        if self._first_shown is None:
            self._first_shown = min(shown)
        self._end_shown = max(self._end_shown, *map(sum, zip(shown, run.durations, strict=True)))
        self._time = at
        self._durations.extend(run.durations)
        self._offsets.extend(run.composition_offsets)
        first = len(self._sizes) + 1
        if self._sync is None and len(run.sync) < len(run.sizes):
            self._sync = array("I", range(1, first))
        if self._sync is not None:
            self._sync.extend([first + index for index in run.sync])
        self._sizes.extend(run.sizes)
        self._chunk_samples.extend((len(run.sizes),))
        self._chunk_offsets.append(moof + run.data_offset)

    def moved(self, by: int) -> TrackTables:
        """Return the same with all data `by` bytes further on."""
        return replace(self, _chunk_offsets=array("Q", [at + by for at in self._chunk_offsets]))

    def boxes(self) -> list[bytes]:
        """Return stts, ctts, stss, stsc, stsz and co64 (8.6.1, 8.6.2, 8.7); ctts and stss only
        where they say something."""
        tables = [_counted(b"stts", self._durations.table())]
        if any(self._offsets.values):
            tables.append(_counted(b"ctts", self._offsets.table(), version=1))
        if self._sync is not None:
            tables.append(_counted(b"stss", _big_endian(self._sync), entry=4))
        chunks = bytearray()
        number = 1
        for samples, count in zip(
            self._chunk_samples.values, self._chunk_samples.counts, strict=True
        ):
            chunks += struct.pack(">III", number, samples, _SAMPLE_DESCRIPTION)
            number += count
        tables.append(_counted(b"stsc", bytes(chunks), entry=12))
        sizes = struct.pack(">II", 0, len(self._sizes)) + _big_endian(self._sizes)
        tables.append(full_box(b"stsz", 0, 0, sizes))
        tables.append(_counted(b"co64", _big_endian(self._chunk_offsets), entry=8))
        return tables


def add_fragment(tables: dict[int, TrackTables], data: bytes, offset: int) -> None:
    """Add the samples of the fragment at byte `offset` of a file to the tables of their tracks.

    `data` begins with its moof, and may end behind that. Raises ParseError.
    """
    _, size, _ = box_header(data)
    try:
        for run in read_moof(data[:size]):
            tables.setdefault(run.track_id, TrackTables()).add(run, offset)
    except OverflowError as error:
        raise ParseError(f"A moof has numbers that no table can hold: {error}.") from error


def movie(init: bytes, tables: dict[int, TrackTables]) -> bytes:
    """Return the moov of a whole file.

    `init` is the init segment of its fragments, `tables` are by track ID. Tracks without samples
    are left out. Raises ParseError.
    """
    try:
        return _movie(init, tables)
    except (struct.error, IndexError) as error:
        raise ParseError(f"No movie can be made of the init segment: {error}.") from error


def _movie(init: bytes, tables: dict[int, TrackTables]) -> bytes:
    moov = only(init, b"moov", 0, len(init))
    mvhd = only(init, b"mvhd", moov.payload, moov.end)
    parts = []
    timescale = 1
    traks = []
    for trak in boxes(init, moov.payload, moov.end):
        if trak.kind == b"trak":
            track_id, ticks = track_identity(init, trak)
            found = tables.get(track_id)
            if found is not None and found.samples:
                found, ticks = found.fitted(ticks)
                traks.append((trak, found, ticks))
                timescale = max(timescale, ticks)
    if not traks:
        raise ParseError("The file has no samples.")
    begin = min(table.first_shown / ticks for _, table, ticks in traks)
    longest = 0
    for trak, table, ticks in traks:
        delay = round((table.first_shown / ticks - begin) * timescale)
        shown = round((table.end_shown - table.first_shown) / ticks * timescale)
        longest = max(longest, delay + shown)
        parts.append(_trak(init, trak, table, ticks, (delay, shown)))
    tail = init[mvhd.end - _HEADER_TAIL : mvhd.end]
    header = struct.pack(">QQIQ", 0, 0, timescale, longest)
    return box(b"moov", full_box(b"mvhd", 1, 0, header, tail), *parts)


def _trak(init: bytes, trak: Box, table: TrackTables, ticks: int, times: tuple[int, int]) -> bytes:
    """Return a trak with its tables, whose timescale is `ticks`. `times` are delay and length in
    ticks of the movie."""
    delay, shown = times
    tkhd = only(init, b"tkhd", trak.payload, trak.end)
    mdia = only(init, b"mdia", trak.payload, trak.end)
    flags = int.from_bytes(init[tkhd.payload + 1 : tkhd.payload + 4], "big")
    track_id, _ = track_identity(init, trak)
    tail = init[tkhd.end - _TRACK_HEADER_TAIL : tkhd.end]
    header = struct.pack(">QQI4xQ", 0, 0, track_id, delay + shown)
    assert table.start is not None
    edits = [(delay, _EMPTY_EDIT)] if delay else []
    edits.append((shown, table.first_shown - table.start))
    listed = b"".join(struct.pack(">QqI", *edit, _NORMAL_RATE) for edit in edits)
    return box(
        b"trak",
        full_box(b"tkhd", 1, flags, header, tail),
        box(b"edts", _counted(b"elst", listed, version=1, entry=20)),
        box(b"mdia", *_media(init, mdia, table, ticks)),
    )


def _media(init: bytes, mdia: Box, table: TrackTables, ticks: int) -> list[bytes]:
    parts = []
    for each in boxes(init, mdia.payload, mdia.end):
        if each.kind == b"mdhd":
            language = init[each.end - 4 : each.end]
            assert table.start is not None
            length = table.end_shown - table.start
            header = struct.pack(">QQIQ", 0, 0, ticks, length)
            parts.append(full_box(b"mdhd", 1, 0, header, language))
        elif each.kind == b"minf":
            stbl = only(init, b"stbl", each.payload, each.end)
            stsd = only(init, b"stsd", stbl.payload, stbl.end)
            kept = init[each.payload : stbl.begin]
            described = init[stsd.begin : stsd.end]
            parts.append(box(b"minf", kept, box(b"stbl", described, *table.boxes())))
        else:
            parts.append(init[each.begin : each.end])
    return parts


def track_identity(init: bytes, trak: Box) -> tuple[int, int]:
    """Return ID and timescale of a track of an init segment. Raises ParseError."""
    tkhd = only(init, b"tkhd", trak.payload, trak.end)
    mdia = only(init, b"mdia", trak.payload, trak.end)
    mdhd = only(init, b"mdhd", mdia.payload, mdia.end)
    if init[tkhd.payload] or init[mdhd.payload] or mdhd.end - mdhd.payload < 24:
        raise ParseError("The headers of a track are of another version than this station's.")
    (track_id,) = struct.unpack_from(">I", init, tkhd.payload + 12)
    (ticks,) = struct.unpack_from(">I", init, mdhd.payload + 12)
    if not ticks:
        raise ParseError("A track has no timescale.")
    return track_id, ticks


def only(data: bytes, kind: bytes, begin: int, end: int) -> Box:
    """Return the first box of a kind between `begin` and `end`. Raises ParseError."""
    for each in boxes(data, begin, end):
        if each.kind == kind:
            return each
    raise ParseError(f"A box of kind {kind!r} is missing.")


def _counted(kind: bytes, entries: bytes, *, version: int = 0, entry: int = 8) -> bytes:
    """Return a full box with a number of entries of `entry` bytes each."""
    return full_box(kind, version, 0, struct.pack(">I", len(entries) // entry), entries)


def _big_endian(numbers: array[int]) -> bytes:
    if sys.byteorder == "little":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()
