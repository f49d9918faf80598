"""Hybrid MP4 files of samples, unfinished and finished."""

from __future__ import annotations

from collections.abc import Sequence

from madang.media.track import AccessUnit, Track
from madang.wire.fmp4 import TrackRun, TrackTables, add_fragment, fragment, init_segment, movie
from madang.wire.fmp4.hybrid import HEAD, Write, finishing_writes
from madang.wire.fmp4.reader import box_header
from tests.support.fmp4 import end_of


def fragments_of(
    content: Sequence[tuple[Track, Sequence[AccessUnit]]], units_per_run: int = 7
) -> list[bytes]:
    """Return fragments, each with that many units of each track."""
    fragments: list[bytes] = []
    longest = max(len(units) for _, units in content)
    for begin in range(0, longest, units_per_run):
        runs = []
        for number, (_, units) in enumerate(content, 1):
            taken = units[begin : begin + units_per_run]
            if taken:
                runs.append(TrackRun(number, taken, end_of(taken)))
        fragments.append(fragment(len(fragments), runs))
    return fragments


def moof_of(data: bytes) -> bytes:
    """Return the moof at the beginning of a fragment."""
    return data[: box_header(data)[1]]


def unfinished(init: bytes, fragments: Sequence[bytes]) -> bytes:
    """Return a file as it is while the show is on."""
    return b"".join((HEAD, init, *fragments))


def finishing(init: bytes, fragments: Sequence[bytes], hole: int = 0) -> list[Write]:
    """Return the writes that finish the file; `hole` bytes lie before the last fragment."""
    tables: dict[int, TrackTables] = {}
    at = len(HEAD) + len(init)
    for each in fragments:
        if each is fragments[-1]:
            at += hole
        add_fragment(tables, each, at)
        at += len(each)
    return finishing_writes(at, movie(init, tables))


def written(data: bytes, writes: Sequence[Write]) -> bytes:
    """Return `data` after the writes."""
    file = bytearray(data)
    for each in writes:
        file[each.offset : each.offset + len(each.data)] = each.data
    return bytes(file)


def finished(
    content: Sequence[tuple[Track, Sequence[AccessUnit]]], units_per_run: int = 7
) -> bytes:
    """Return a finished file."""
    init = init_segment([track for track, _ in content])
    fragments = fragments_of(content, units_per_run)
    return written(unfinished(init, fragments), finishing(init, fragments))
