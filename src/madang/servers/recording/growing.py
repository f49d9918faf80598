"""A file of a recording with its index while both grow."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from madang.base.errors import ParseError
from madang.infra.disk import Disk, ShortWrite, write_all
from madang.recording.file import Append, RecordingFile
from madang.recording.index import Kind, Record
from madang.recording.totals import Totals

RETRY: Final = 1.0
"""Seconds after a failure in which nothing is written to the file."""


@dataclass(slots=True)
class Part:
    """A part to be written, with all of its record but the place; without data it is a gap."""

    data: bytes | None
    record: Record


class GrowingFile:
    """Appends parts to a file and records to its index. Used on one thread.

    Data that cannot be written becomes a gap, records that cannot be written wait in memory. All
    that is whole in the index is whole in the file.
    """

    def __init__(self, disk: Disk, data: Path, index: Path, init: bytes, totals: Totals) -> None:
        self.fault = ""
        """Reason why the last write failed; empty while all is well."""
        self._disk = disk
        self._paths = data, index
        self._totals = totals
        self._file = RecordingFile(init)
        self._beginning: Append | None = self._file.begin()
        self._waiting: list[Append] = [replace(self._beginning, data=b"")]
        self._data = self._index = -1
        self._index_end = 0
        self._synced = 0
        self._folder_synced = False
        self._retry_at = 0.0
        self._finished = False

    @property
    def size(self) -> int:
        """Bytes of the parts so far, with what is before them."""
        return self._file.end

    @property
    def finishing_size(self) -> int:
        """Bytes that finishing takes, at most."""
        return 0 if self._finished else self._file.finishing_size

    def write(self, parts: Sequence[Part], now: float, *, room: bool) -> int:
        """Append parts, and return how many became gaps; all do where there is no `room`."""
        gaps = 0
        ready = room and now >= self._retry_at and self._begin(now)
        run: list[Part] = []
        for part in parts:
            if part.data is not None and ready:
                run.append(part)
                continue
            gaps += self._append(run, now)
            run = []
            self._gap(part.record)
            gaps += 1
        gaps += self._append(run, now)
        if now >= self._retry_at:
            self._write_index(now)
        return gaps

    def sync(self, now: float) -> None:
        """Bring to the disk what was written, and say so in the index."""
        end = self._file.end
        if self._beginning is not None or end == self._synced or now < self._retry_at:
            return
        try:
            self._disk.sync(self._data)
            record = Record(Kind.SYNCED, end)
            self._waiting.append(Append(b"", self._file.synced(end), record))
            self._write_index(now)
            self._disk.sync(self._index)
            if not self._folder_synced:
                self._disk.sync_folder(self._paths[0].parent)
                self._folder_synced = True
            self._synced = end
        except OSError as error:
            self._failed(error, now)

    def finish(self, now: float) -> bool:
        """Make an ordinary MP4 of the file; return False where it has no samples.

        Raises OSError where the disk takes it not; then the file is as it was.
        """
        self._retry_at = 0.0
        if not self._begin(now):
            raise OSError(self.fault)
        self.sync(now)
        self._write_index(now)
        if self._waiting:
            raise OSError(self.fault)
        try:
            writes = self._file.finish()
        except ParseError:
            return False
        try:
            for each in writes:
                write_all(self._disk, self._data, each.data, each.offset)
                self._disk.sync(self._data)
        except ShortWrite:
            if each is writes[0]:
                self._cut()
            raise
        self._finished = True
        return True

    def close(self) -> None:
        """Close the files."""
        for descriptor in (self._data, self._index):
            if descriptor >= 0:
                os.close(descriptor)
        self._data = self._index = -1

    def _begin(self, now: float) -> bool:
        """Make the files; return whether they are there."""
        if self._beginning is None:
            return True
        try:
            if self._data < 0:
                self._data = self._disk.open(self._paths[0])
            if self._index < 0:
                self._index = self._disk.open(self._paths[1])
            write_all(self._disk, self._data, self._beginning.data, 0)
        except OSError as error:
            self._failed(error, now)
            return False
        self._beginning = None
        return True

    def _append(self, parts: list[Part], now: float) -> int:
        """Write parts that have data in one piece; return how many became gaps."""
        if not parts:
            return 0
        written = data = b"".join(part.data for part in parts if part.data is not None)
        try:
            if now < self._retry_at:
                written = b""
            else:
                write_all(self._disk, self._data, data, self._file.end)
                self.fault = ""
        except ShortWrite as error:
            written = data[: error.written]
            self._failed(error, now)
        room = len(written)
        for number, part in enumerate(parts):
            assert part.data is not None
            room -= len(part.data)
            try:
                append = self._file.append(part.data, part.record) if room >= 0 else None
            except ParseError as error:
                self.fault = error.message
                self._cut()
                self._gap(part.record)
                return 1 + self._append(parts[number + 1 :], now)
            if append is None:
                self._cut()
                for lost in parts[number:]:
                    self._gap(lost.record)
                return len(parts) - number
            # Media is not kept while its record waits for the index.
            self._waiting.append(replace(append, data=b""))
            self._totals.add(append.record)
        return 0

    def _gap(self, record: Record) -> None:
        append = self._file.gap(record)
        self._totals.add(append.record)
        before = self._waiting[-1].record if self._waiting else None
        if before is not None and before.kind is Kind.GAP and before.msn == record.msn:
            # Records wait where the disk is full: one for each segment is enough.
            longer = replace(before, duration=before.duration + record.duration)
            self._waiting[-1] = self._file.gap(longer)
        else:
            self._waiting.append(append)

    def _write_index(self, now: float) -> None:
        if self._beginning is not None or not self._waiting:
            return
        data = b"".join(append.index for append in self._waiting)
        written = len(data)
        try:
            write_all(self._disk, self._index, data, self._index_end)
        except ShortWrite as error:
            written = error.written
            self._failed(error, now)
        done = 0
        for append in self._waiting:
            if len(append.index) > written:
                break
            written -= len(append.index)
            self._index_end += len(append.index)
            done += 1
        del self._waiting[:done]

    def _cut(self) -> None:
        """Remove what lies behind the last part; the next write goes there in any case."""
        with contextlib.suppress(OSError):
            self._disk.truncate(self._data, self._file.end)

    def _failed(self, error: OSError, now: float) -> None:
        self.fault = error.strerror or str(error)
        self._retry_at = now + RETRY
