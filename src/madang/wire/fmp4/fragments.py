"""Movie fragments (ISO/IEC 14496-12, 8.8): a moof box and the mdat box that it describes.

A moof consists of 32-bit numbers, four-character codes included. They are collected in a list and
packed in one call: this runs for every part of every stream.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from operator import sub

from madang.media.track import AccessUnit

_MOOF, _MFHD, _TRAF, _TFHD, _TFDT, _TRUN, _MDAT = (
    int.from_bytes(kind, "big")
    for kind in (b"moof", b"mfhd", b"traf", b"tfhd", b"tfdt", b"trun", b"mdat")
)
_WORD = 4
_BOX_HEADER = 8

_VERSION_1 = 1 << 24
_WORD_MASK = 0xFFFFFFFF

_DEFAULT_BASE_IS_MOOF = 0x020000
_DEFAULT_DURATION = 0x08
_DEFAULT_SIZE = 0x10
_DEFAULT_FLAGS = 0x20

_DATA_OFFSET = 0x001
_FIRST_FLAGS = 0x004
_DURATIONS = 0x100
_SIZES = 0x200
_FLAGS = 0x400
_COMPOSITION_OFFSETS = 0x800

_SYNC = 0x02000000
"""Sync sample: depends on no other (8.8.3.1)."""
_NON_SYNC = 0x01010000
"""Non-sync sample: depends on others."""


@dataclass(frozen=True, slots=True)
class TrackRun:
    """Access units of one track in one fragment.

    `units` is not empty, and dts increase. `end` is the dts at which the last unit ends. Times are
    in ticks of the track's timescale and not negative; composition offsets fit in 32 bits.
    `track_id` is the track's index in the init segment, from 1.
    """

    track_id: int
    units: Sequence[AccessUnit]
    end: int


def fragment(sequence_number: int, runs: Sequence[TrackRun]) -> bytes:
    """Return a moof with these runs, and an mdat with their data in order.

    `sequence_number` increases from fragment to fragment and is below 2**32. Raises struct.error
    for numbers that the boxes cannot hold.
    """
    # Box sizes and data offsets are known only at the end; 0 is a placeholder.
    words = [0, _MOOF, 4 * _WORD, _MFHD, 0, sequence_number]
    offsets = []
    data_sizes = []
    for run in runs:
        sizes = [len(unit.data) for unit in run.units]
        data_sizes.append(sum(sizes))
        offsets.append(_add_traf(words, run, sizes))
    words[0] = len(words) * _WORD
    position = words[0] + _BOX_HEADER
    for place, size in zip(offsets, data_sizes, strict=True):
        words[place] = position
        position += size
    words += (_BOX_HEADER + sum(data_sizes), _MDAT)
    head = struct.pack(f">{len(words)}I", *words)
    return b"".join((head, *(unit.data for run in runs for unit in run.units)))


def _add_traf(words: list[int], run: TrackRun, sizes: list[int]) -> int:
    """Append a traf box to `words`; return the index of its data offset, which is still 0."""
    begin = len(words)
    words += (0, _TRAF)
    units = run.units
    times = [unit.dts for unit in units]
    first_time = times[0]
    times.append(run.end)
    durations = list(map(sub, times[1:], times))
    flags = [_SYNC if unit.key else _NON_SYNC for unit in units]
    composition = [(unit.pts - unit.dts) & _WORD_MASK for unit in units]

    columns = []
    defaults = []
    default_flags = _DEFAULT_BASE_IS_MOOF
    run_flags = _DATA_OFFSET
    first_flags: tuple[int, ...] = ()
    if _all_equal(durations):
        default_flags |= _DEFAULT_DURATION
        defaults.append(durations[0])
    else:
        run_flags |= _DURATIONS
        columns.append(durations)
    if _all_equal(sizes):
        default_flags |= _DEFAULT_SIZE
        defaults.append(sizes[0])
    else:
        run_flags |= _SIZES
        columns.append(sizes)
    if _all_equal(flags[1:]):
        default_flags |= _DEFAULT_FLAGS
        defaults.append(flags[-1])
        if flags[0] != flags[-1]:
            run_flags |= _FIRST_FLAGS
            first_flags = (flags[0],)
    else:
        run_flags |= _FLAGS
        columns.append(flags)
    if any(composition):
        run_flags |= _COMPOSITION_OFFSETS
        columns.append(composition)

    words += ((4 + len(defaults)) * _WORD, _TFHD, default_flags, run.track_id, *defaults)
    words += (5 * _WORD, _TFDT, _VERSION_1, first_time >> 32, first_time & _WORD_MASK)
    samples = [0] * (len(units) * len(columns))
    for index, column in enumerate(columns):
        samples[index :: len(columns)] = column
    size = (5 + len(first_flags) + len(samples)) * _WORD
    words += (size, _TRUN, _VERSION_1 | run_flags, len(units), 0, *first_flags)
    data_offset = len(words) - len(first_flags) - 1
    words += samples
    words[begin] = (len(words) - begin) * _WORD
    return data_offset


def _all_equal(numbers: list[int]) -> bool:
    return not numbers or numbers.count(numbers[0]) == len(numbers)
