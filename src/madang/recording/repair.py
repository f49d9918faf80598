"""Repair of a recording after a crash: its whole parts, and where its data ends.

Data is written before the record that names it. A crash of the process therefore loses at most the
part that was being written; a power cut may lose what was written since the last sync, and may
leave zeros in its place, so that parts behind the last SYNCED record are checked by their CRC.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from madang.base.errors import ParseError
from madang.recording.index import Kind, Record
from madang.wire.fmp4 import TrackTables, add_fragment
from madang.wire.fmp4.hybrid import HEAD, PLACEHOLDER, is_finished
from madang.wire.fmp4.reader import MAX_MOOF, box_header

MOOF_GUESS: Final = 4096
"""Bytes read at the beginning of a part; most moofs are shorter."""

Read = Callable[[int, int], bytes]
"""Returns up to `size` bytes of a file from `offset` on."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """The whole parts of a file, its init segment, and the offset behind the last part.

    Where `finished` is true the file is an ordinary MP4 already. Otherwise what lies behind `end`
    is to be cut off before anything else is written.
    """

    records: list[Record]
    init: bytes
    end: int
    finished: bool


def repair(read: Read, size: int, records: Iterable[Record]) -> Repaired:
    """Return what is whole of a file of `size` bytes with these records of its index.

    Raises ParseError where the file has not even an init segment.
    """
    listed = list(records)
    head = read(0, len(HEAD))
    if len(head) < len(HEAD) or head[:PLACEHOLDER] != HEAD[:PLACEHOLDER]:
        raise ParseError("The file is no recording of this station, or was cut off in its head.")
    if not listed or listed[0].kind is not Kind.INIT:
        raise ParseError("The index does not begin with an init segment.")
    init = read(listed[0].offset, listed[0].size)
    if len(init) < listed[0].size or zlib.crc32(init) != listed[0].crc:
        raise ParseError("The init segment was not written completely.")
    synced = max((each.offset for each in listed if each.kind is Kind.SYNCED), default=0)
    whole = [listed[0]]
    end = listed[0].end
    for each in listed[1:]:
        if each.kind is Kind.PART:
            if each.offset < end or each.end > size:
                break
            if each.end > synced and zlib.crc32(read(each.offset, each.size)) != each.crc:
                break
            end = each.end
        whole.append(each)
    return Repaired(whole, init, end, is_finished(head))


def read_tables(read: Read, records: Iterable[Record]) -> dict[int, TrackTables]:
    """Return the sample tables of the parts, by track ID, from the moofs in the file.

    Raises ParseError.
    """
    tables: dict[int, TrackTables] = {}
    for each in records:
        if each.kind is Kind.PART:
            add_fragment(tables, _moof(read, each), each.offset)
    return tables


def _moof(read: Read, part: Record) -> bytes:
    data = read(part.offset, min(MOOF_GUESS, part.size))
    _, length, _ = box_header(data)
    if length > min(part.size, MAX_MOOF):
        raise ParseError("A part of the recording does not begin with a movie fragment.")
    return data if length <= len(data) else read(part.offset, length)
