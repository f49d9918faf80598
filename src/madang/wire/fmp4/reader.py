"""Reader of fragmented MP4: boxes, and the samples that a movie fragment describes.

Reads files of this station after a restart, whatever a crash left of them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from madang.base.errors import ParseError

MAX_MOOF: Final = 1 << 20
"""Bytes of the longest moof that is read: a part has some hundred samples."""

MAX_SAMPLES: Final = 100_000
"""Samples of the longest run that is read."""

BOX_HEADER: Final = 8
LARGE_BOX_HEADER: Final = 16

_SIZE_KIND = struct.Struct(">I4s")
_LARGE_SIZE = struct.Struct(">Q")

_DEFAULT_BASE_IS_MOOF = 0x020000
_DESCRIPTION = 0x02
_DEFAULT_DURATION, _DEFAULT_SIZE, _DEFAULT_FLAGS = 0x08, 0x10, 0x20
_DATA_OFFSET, _FIRST_FLAGS = 0x001, 0x004
_DURATIONS, _SIZES, _FLAGS, _COMPOSITION_OFFSETS = 0x100, 0x200, 0x400, 0x800
_NON_SYNC = 0x00010000
"""Bit sample_is_non_sync_sample of the flags of a sample (8.8.3.1)."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box: its four-character `kind`, and where it begins, has its payload and ends."""

    kind: bytes
    begin: int
    payload: int
    end: int


@dataclass(frozen=True, slots=True)
class SampleRun:
    """Samples of one track that follow one another in a fragment.

    `start` is the decode time of the first, in ticks; `data_offset` counts from the first byte of
    the moof. `durations` and `composition_offsets` are in ticks, `sizes` in bytes; `sync` holds the
    indexes of sync samples. All sequences but `sync` are as long as there are samples.
    """

    track_id: int
    start: int
    data_offset: int
    durations: Sequence[int]
    sizes: Sequence[int]
    composition_offsets: Sequence[int]
    sync: Sequence[int]


def box_header(data: bytes, at: int = 0) -> tuple[bytes, int, int]:
    """Return kind, size and header size of the box whose header begins at `at` (4.2).

    `data` holds the 16 bytes of a large header where the box has one. Raises ParseError.
    """
    if len(data) - at < BOX_HEADER:
        raise ParseError("The header of a box is cut off.")
    size, kind = _SIZE_KIND.unpack_from(data, at)
    header = BOX_HEADER
    if size == 1:
        if len(data) - at < LARGE_BOX_HEADER:
            raise ParseError("The header of a large box is cut off.")
        (size,) = _LARGE_SIZE.unpack_from(data, at + BOX_HEADER)
        header = LARGE_BOX_HEADER
    if size < header:
        raise ParseError(f"A box of kind {kind!r} says it has {size} bytes.")
    return kind, size, header


def boxes(data: bytes, begin: int = 0, end: int | None = None) -> Iterator[Box]:
    """Yield the boxes between `begin` and `end`, one behind the other. Raises ParseError."""
    limit = len(data) if end is None else end
    while begin < limit:
        kind, size, header = box_header(data, begin)
        if size > limit - begin:
            raise ParseError(f"A box of kind {kind!r} is cut off.")
        yield Box(kind, begin, begin + header, begin + size)
        begin += size


def read_moof(data: bytes) -> list[SampleRun]:
    """Return the runs of a moof (8.8.4), given from its header to its end. Raises ParseError."""
    try:
        (moof,) = boxes(data)
        if moof.kind != b"moof":
            raise ParseError(f"A fragment begins with a box of kind {moof.kind!r}.")
        runs: list[SampleRun] = []
        for traf in boxes(data, moof.payload, moof.end):
            if traf.kind == b"traf":
                runs += _read_traf(data, traf)
        return runs
    except (struct.error, ValueError) as error:
        raise ParseError(f"A moof is malformed: {error}.") from error


def _read_traf(data: bytes, traf: Box) -> Iterator[SampleRun]:
    track_id = start = 0
    defaults: dict[int, int] = {}
    for each in boxes(data, traf.payload, traf.end):
        if each.kind == b"tfhd":
            track_id, defaults = _read_tfhd(data, each)
        elif each.kind == b"tfdt":
            wide = data[each.payload] == 1
            (start,) = struct.unpack_from(">Q" if wide else ">I", data, each.payload + 4)
        elif each.kind == b"trun":
            run = _read_trun(data, each, track_id, start, defaults)
            start += sum(run.durations)
            yield run


def _read_tfhd(data: bytes, box: Box) -> tuple[int, dict[int, int]]:
    flags, track_id = struct.unpack_from(">II", data, box.payload)
    if not flags & _DEFAULT_BASE_IS_MOOF or flags & 1:
        raise ParseError("Data offsets of a fragment do not count from its moof.")
    at = box.payload + 8 + (4 if flags & _DESCRIPTION else 0)
    present = [bit for bit in (_DEFAULT_DURATION, _DEFAULT_SIZE, _DEFAULT_FLAGS) if flags & bit]
    numbers = struct.unpack_from(f">{len(present)}I", data, at)
    return track_id, dict(zip(present, numbers, strict=True))


def _read_trun(
    data: bytes, box: Box, track_id: int, start: int, defaults: dict[int, int]
) -> SampleRun:
    flags: int
    count: int
    flags, count = struct.unpack_from(">II", data, box.payload)
    at = box.payload + 8
    if not flags & _DATA_OFFSET:
        raise ParseError("A run of samples has no data offset.")
    (data_offset,) = struct.unpack_from(">i", data, at)
    at += 4
    first_flags = None
    if flags & _FIRST_FLAGS:
        (first_flags,) = struct.unpack_from(">I", data, at)
        at += 4
    present = [bit for bit in (_DURATIONS, _SIZES, _FLAGS, _COMPOSITION_OFFSETS) if flags & bit]
    if 4 * count * len(present) != box.end - at or count > MAX_SAMPLES:
        raise ParseError(f"A run of {count} samples does not fill its box.")
    words: tuple[int, ...] = struct.unpack_from(f">{count * len(present)}I", data, at)

    def column(bit: int, default: int) -> Sequence[int]:
        if bit in present:
            return words[present.index(bit) :: len(present)]
        return (default,) * count

    sample_flags = list(column(_FLAGS, defaults.get(_DEFAULT_FLAGS, 0)))
    if first_flags is not None and count:
        sample_flags[0] = first_flags
    offsets = column(_COMPOSITION_OFFSETS, 0)
    if _COMPOSITION_OFFSETS in present:  # signed
        offsets = struct.unpack(f">{count}i", struct.pack(f">{count}I", *offsets))
    return SampleRun(
        track_id,
        start,
        data_offset,
        column(_DURATIONS, defaults.get(_DEFAULT_DURATION, 0)),
        column(_SIZES, defaults.get(_DEFAULT_SIZE, 0)),
        offsets,
        [index for index, each in enumerate(sample_flags) if not each & _NON_SYNC],
    )
