"""Files of a clip: packets of a recording, copied as they are. Runs where the storage is.

The clip begins at the last key frame before its wanted start, and ends with the part in which the
wanted end is. It has files of its own, so that neither retention nor a trim of the source takes it
away.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import IO, Final

from django.utils.translation import gettext_lazy as _

from madang.apps.videos.errors import InvalidClip
from madang.apps.videos.results import result_of
from madang.apps.videos.services import RecordingResult
from madang.infra.disk import Disk
from madang.recording.file import Append, RecordingFile
from madang.recording.index import Kind, Record, Row, is_independent
from madang.recording.manifest import (
    MANIFEST,
    POSTER,
    Manifest,
    RecordedRendition,
    decode,
    encode,
    file_name,
    index_name,
)
from madang.recording.totals import Totals
from madang.recording.trim import SLACK, FileSpan, NothingLeft, Trim, cut, entries, read_indexes

_DISK: Final = Disk()


@dataclass(frozen=True, slots=True)
class MadeClip:
    """A clip whose files are in a folder: where it truly begins in the source, in seconds, and what
    its row says."""

    start: float
    result: RecordingResult


def make(
    source: Path, draft: Path, clip_id: str, *, start: float, end: float, now: datetime
) -> MadeClip:
    """Write the files of a clip of the recording in `source`, which may still grow, to `draft`.

    Everything is on the disk then. Raises InvalidClip, FileNotFoundError where there is no such
    recording, OSError and ParseError.
    """
    manifest = decode((source / MANIFEST).read_bytes())
    indexes = read_indexes(manifest, lambda name: (source / name).read_bytes())
    try:
        found = cut(indexes, _between(next(iter(indexes.values()), []), start, end))
    except NothingLeft:
        raise InvalidClip(
            _("There is nothing of the recording between these times."),
            mend=_("Choose others, or wait a moment where the show has only come so far."),
        ) from None
    if len(found.leading.files) > 1:
        raise InvalidClip(
            _("The encoder changed its picture or sound in between."),
            mend=_("Choose times before or after that."),
        )
    renditions: list[RecordedRendition] = []
    lengths: list[Totals] = []
    for each in manifest.renditions:
        inside = found.renditions.get(each.name)
        if inside is None or len(inside.files) > 1:
            continue
        (span,) = inside.files
        totals = _copy(source, draft, each.name, span, indexes[each.name][span.number - 1])
        lengths.append(totals)
        renditions.append(
            replace(
                each,
                files=(each.files[span.number - 1],),
                bitrate=totals.peak_bitrate(),
                average_bitrate=totals.average_bitrate,
            )
        )
    at = now.timestamp()
    made = Manifest(
        id=clip_id,
        channel_id=manifest.channel_id,
        title=manifest.title,
        began_at=at,
        target_duration=manifest.target_duration,
        renditions=tuple(renditions),
        ended_at=at,
        dated=False,
    )
    if (source / POSTER).exists():
        _DISK.replace(draft / POSTER, (source / POSTER).read_bytes())
    _DISK.replace(draft / MANIFEST, encode(made))
    result = result_of(draft, made, lengths[0].duration, lengths[0].gaps)
    return MadeClip(found.leading.start, result)


def _between(indexes: list[bytes], start: float, end: float) -> Trim:
    """Return where parts begin and end around the wanted times: at a key frame, and behind the part
    that has the end."""
    position, begin, stop = 0.0, None, None
    for index in indexes:
        for row in entries(index):
            if row[0] not in {Kind.PART, Kind.GAP}:
                continue
            at, position = position, position + row[7]
            if (
                row[0] == Kind.PART
                and is_independent(row)
                and (begin is None or at <= start + SLACK)
            ):
                begin = at
            if stop is None and position >= end - SLACK:
                stop = position
    return Trim(begin, stop)


def _copy(source: Path, draft: Path, name: str, span: FileSpan, index: bytes) -> Totals:
    """Copy the parts of a rendition, and finish the file."""
    totals = Totals(0)
    paths = draft / file_name(name, 1), draft / index_name(name, 1)
    paths[0].parent.mkdir(parents=True)
    with (
        (source / file_name(name, span.number)).open("rb") as whole,
        paths[0].open("xb") as data,
        paths[1].open("xb") as records,
    ):
        init = os.pread(whole.fileno(), span.init_end - span.init_begin, span.init_begin)
        file = RecordingFile(init)
        _write(data, records, file.begin())
        for record in _records(span, index):
            if record.kind is Kind.GAP:
                append = file.gap(record)
            else:
                part = os.pread(whole.fileno(), record.size, record.offset)
                append = file.append(part, record)
            _write(data, records, append)
            totals.add(append.record)
        records.write(file.synced(file.end))
        for each in file.finish():
            data.seek(each.offset)
            data.write(each.data)
            data.flush()
            os.fdatasync(data.fileno())
        records.flush()
        os.fdatasync(records.fileno())
    _DISK.sync_folder(paths[0].parent)
    return totals


def _records(span: FileSpan, index: bytes) -> Iterator[Record]:
    """Yield the records of the parts and gaps inside, whose times begin with 0."""
    first: Row | None = None
    at = 0.0
    for row in span.rows(index):
        kind, flags, number, msn, offset, size, crc, duration, _date = row
        if kind not in {Kind.PART, Kind.GAP}:
            continue
        first = first or row
        yield Record(
            *(Kind(kind), offset, size, crc, msn - first[3], number, duration, at),
            independent=is_independent(row),
            discontinuity=bool(flags & 2) and row is not first,
        )
        at += duration


def _write(data: IO[bytes], records: IO[bytes], append: Append) -> None:
    data.write(append.data)
    records.write(append.index)


def move(draft: Path, folder: Path) -> None:
    """Move the files of a clip to their place."""
    folder.parent.mkdir(exist_ok=True)
    draft.rename(folder)
    _DISK.sync_folder(folder.parent)


def remove(draft: Path) -> None:
    """Remove what an attempt has left."""
    shutil.rmtree(draft, ignore_errors=True)
