"""Trimmed recordings: which parts of each file are inside. The files stay as they are.

A cut is made where a part begins or ends, at the start where one begins with a key frame. It is
never outside of the wanted times: what was cut away does not come back by half a segment. The
first rendition decides; the others are cut at the same dates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from madang.base.errors import MadangError
from madang.recording.index import MAGIC, Kind, Row, is_independent, require_magic, rows
from madang.recording.manifest import Manifest, index_name

SLACK: Final = 0.05
"""Seconds by which a cut may be outside: times of players and pictures are rounded."""


class NothingLeft(MadangError):
    """No part of the recording lies between the wanted times."""


@dataclass(frozen=True, slots=True)
class Trim:
    """Wanted start and end in seconds from the beginning of the recording; None: not cut there."""

    start: float | None = None
    end: float | None = None


@dataclass(frozen=True, slots=True)
class FileSpan:
    """What is inside of file `number`: bytes from `begin` to `end`, the rows `first` to `stop` of
    its index, of which `last` is the offset of the last part. The init segment is
    `init_begin` to `init_end`."""

    number: int
    init_begin: int
    init_end: int
    begin: int
    end: int
    first: int
    stop: int
    last: int

    def holds(self, first: int, last: int) -> bool:
        """Return whether the bytes `first` to `last` (inclusive) are part of the init segment or
        of what is inside."""
        return any(
            begin <= first and last < end
            for begin, end in ((self.init_begin, self.init_end), (self.begin, self.end))
        )

    def rows(self, index: bytes) -> Iterator[Row]:
        """Yield the rows of the init segment and of what is inside. Raises ParseError."""
        for place, row in enumerate(entries(index)):
            if row[0] == Kind.INIT or self.first <= place < self.stop:
                yield row


@dataclass(frozen=True, slots=True)
class RenditionCut:
    """What is inside of a rendition, file by file. Positions `start` and `end`, of its own time
    line, and `gaps` in seconds; dates in seconds since 1970."""

    files: tuple[FileSpan, ...]
    start: float
    end: float
    began_at: float
    ended_at: float
    gaps: float

    @property
    def bytes(self) -> int:
        """Bytes of the parts."""
        return sum(span.end - span.begin for span in self.files)

    def file(self, number: int) -> FileSpan | None:
        """Return what is inside of a file; None for nothing."""
        return next((span for span in self.files if span.number == number), None)


@dataclass(frozen=True, slots=True)
class Cut:
    """What is inside of a recording; `leading` is the cut of the rendition that decided."""

    leading: RenditionCut
    renditions: Mapping[str, RenditionCut]


def read_indexes(manifest: Manifest, read: Callable[[str], bytes]) -> dict[str, list[bytes]]:
    """Return the index files of the renditions that are whole, for `cut`. `read` returns a file of
    the folder by its name."""
    return {
        each.name: [read(index_name(each.name, number + 1)) for number in range(len(each.files))]
        for each in manifest.renditions
        if not each.incomplete
    }


def cut(indexes: Mapping[str, Sequence[bytes]], trim: Trim) -> Cut:
    """Return what `trim` leaves of a recording.

    `indexes` are the index files of each rendition, the leading one first. Those that have nothing
    between the dates are left out. Raises NothingLeft, and ParseError.
    """
    names = list(indexes)
    leading = _cut(
        indexes[names[0]] if names else (),
        lambda row, at: trim.start is None or (is_independent(row) and at >= trim.start - SLACK),
        lambda _row, end: trim.end is None or end <= trim.end + SLACK,
    )
    if leading is None:
        raise NothingLeft("Nothing is left of the recording.")
    found = {names[0]: leading}
    for name in names[1:]:
        other = _cut(
            indexes[name],
            lambda row, _at: (
                trim.start is None
                or (is_independent(row) and _date(row) >= leading.began_at - SLACK)
            ),
            lambda row, _end: (
                trim.end is None or _date(row) + _duration(row) <= leading.ended_at + SLACK
            ),
        )
        if other is not None:
            found[name] = other
    return Cut(leading, found)


def entries(index: bytes) -> Iterator[Row]:
    """Yield the rows of an index file. Raises ParseError where it is none."""
    require_magic(index[: len(MAGIC)])
    return rows(memoryview(index)[len(MAGIC) :])


_Test = Callable[[Row, float], bool]


def _cut(files: Sequence[bytes], begins: _Test, inside: _Test) -> RenditionCut | None:
    """Return the parts from the first that `begins` at its position up to the first that does not
    end `inside`; gaps at either end are left out. None for no part."""
    spans: list[FileSpan] = []
    position = gaps = gaps_since = 0.0
    start = began_at = end = ended_at = 0.0
    for number, index in enumerate(files, 1):
        init_begin = init_end = 0
        for place, row in enumerate(entries(index)):
            kind, _, _, _, offset, size, _, duration, date = row
            if kind == Kind.INIT:
                init_begin, init_end = offset, offset + size
            elif kind == Kind.GAP:
                gaps_since += duration
                position += duration
            elif kind == Kind.PART:
                at, position = position, position + duration
                if not spans:
                    if not begins(row, at):
                        continue
                    start, began_at, gaps_since = at, date, 0.0
                if not inside(row, position):
                    return _made(spans, start, end, began_at, ended_at, gaps)
                opened = spans[-1] if spans and spans[-1].number == number else None
                span = FileSpan(
                    number,
                    init_begin,
                    init_end,
                    opened.begin if opened else offset,
                    offset + size,
                    opened.first if opened else (place if not spans else 0),
                    place + 1,
                    offset,
                )
                spans[len(spans) - bool(opened) :] = [span]
                gaps, gaps_since = gaps + gaps_since, 0.0
                end, ended_at = position, date + duration
    return _made(spans, start, end, began_at, ended_at, gaps)


def _made(spans: list[FileSpan], *times: float) -> RenditionCut | None:
    return RenditionCut(tuple(spans), *times) if spans else None


def _date(row: Row) -> float:
    return row[8]


def _duration(row: Row) -> float:
    return row[7]
