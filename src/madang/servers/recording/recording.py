"""The folder of a recording while it is being written."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from django.utils.translation import gettext_noop

from madang.infra.disk import Disk
from madang.live.rendition import SOURCE
from madang.recording.manifest import (
    LOCK,
    MANIFEST,
    POSTER,
    Manifest,
    RecordedFile,
    RecordedRendition,
    encode,
    file_name,
    index_name,
)
from madang.recording.totals import Totals
from madang.servers.recording.counters import RecordingCounters
from madang.servers.recording.growing import GrowingFile, Part
from madang.servers.recording.rows import RecordingRows
from madang.servers.recording.summary import (
    complete_renditions,
    finished_manifest,
    result_of,
    start_of,
)

NOTHING_RECORDED: Final = gettext_noop("Nothing was recorded that can be played.")

log = logging.getLogger(__name__)


class Recording:
    """A recording in a folder. Used on the writer's thread."""

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        rows: RecordingRows,
        disk: Disk,
        counters: RecordingCounters,
    ) -> None:
        self.folder = folder
        self.manifest = manifest
        self.ended_at: float | None = None
        self.delayed_at: float | None = None
        """Time at which finishing failed first; it is tried again."""
        self.rows = rows
        self._disk = disk
        self._counters = counters
        self._files: dict[str, list[GrowingFile]] = {}
        self._totals: dict[str, Totals] = {}
        self._dropped: set[str] = set()
        self._unfinished: list[GrowingFile] | None = None
        self._playable = False
        self._manifest_due = False
        self._unlisted = False
        self._fault = ""
        self._lock = -1
        self._missing = 0.0

    @property
    def fault(self) -> str:
        """Reason why the disk refused the last write; empty where it did not."""
        faults = (files[-1].fault for files in self._files.values())
        return self._fault or next(filter(None, faults), "")

    @property
    def finishing_size(self) -> int:
        """Bytes that finishing takes, at most."""
        return sum(each.finishing_size for files in self._files.values() for each in files)

    # --- while the show is on ---

    def begin_file(self, rendition: str, about: RecordedFile, init: bytes) -> None:
        """Begin the next file of a rendition, and then list it in the manifest."""
        if rendition in self._dropped:
            return
        files = self._files.setdefault(rendition, [])
        totals = self._totals.setdefault(rendition, Totals(self.manifest.target_duration))
        number = len(files) + 1
        data = self.folder / file_name(rendition, number)
        index = self.folder / index_name(rendition, number)
        files.append(GrowingFile(self._disk, data, index, init, totals))
        self._unlisted = True
        with contextlib.suppress(OSError):
            self._take_lock()
            files[-1].write((), 0.0, room=True)
        renditions = {each.name: each for each in self.manifest.renditions}
        before = renditions.get(rendition, RecordedRendition(rendition))
        renditions[rendition] = replace(before, files=(*before.files, about))
        self._change(renditions)

    def write(self, rendition: str, parts: Sequence[Part], now: float, *, room: bool) -> None:
        """Append parts to the newest file of a rendition."""
        files = self._files.get(rendition)
        if not files:
            return
        room = room and not self._unlisted
        file, totals = files[-1], self._totals[rendition]
        size, gaps = totals.bytes, totals.gaps
        file.write(parts, now, room=room)
        self._counters.bytes += totals.bytes - size
        self._counters.gaps += totals.gaps - gaps
        if room and rendition == SOURCE:
            self._report_gaps(totals.gaps - gaps, file.fault)

    def drop(self, rendition: str) -> None:
        """Take a rendition out that ended before the show; its files stay until the end."""
        self._dropped.add(rendition)
        for file in self._files.pop(rendition, []):
            file.close()
        self._totals.pop(rendition, None)
        self._change({e.name: e for e in self.manifest.renditions if e.name != rendition})

    def write_poster(self, jpeg: bytes) -> None:
        """Keep a picture of the show."""
        self._disk.replace(self.folder / POSTER, jpeg)

    def sync(self, now: float) -> None:
        """Bring to the disk what was written."""
        if self._manifest_due:
            self._write_manifest()
        for files in self._files.values():
            for file in files:
                file.sync(now)

    # --- at the end ---

    def finish_step(self, now: float) -> bool:
        """Do the next step of finishing; return whether there are more. Raises OSError."""
        assert self.ended_at is not None
        if self._unfinished is None:
            self._unfinished = self._begin_finishing()
        if self._unfinished:
            file = self._unfinished[0]
            finished = file.finish(now)
            self._playable |= finished and file in self._files[SOURCE]
            file.close()
            del self._unfinished[0]
            return True
        self._complete()
        return False

    def close(self) -> None:
        """Close all files as they are, and let the lock go."""
        for files in self._files.values():
            for file in files:
                file.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _begin_finishing(self) -> list[GrowingFile]:
        if SOURCE in self._files:
            kept = complete_renditions(SOURCE, self._totals)
            for name in [name for name in self._files if name not in kept]:
                self._leave_incomplete(name)
        for name in self._dropped:
            self._disk.remove(self.folder / name)
        return [file for files in self._files.values() for file in files]

    def _leave_incomplete(self, name: str) -> None:
        for file in self._files.pop(name):
            file.close()
        self.manifest = replace(
            self.manifest,
            renditions=tuple(
                replace(each, incomplete=each.incomplete or each.name == name)
                for each in self.manifest.renditions
            ),
        )

    def _complete(self) -> None:
        assert self.ended_at is not None
        if self._playable:
            self.manifest = finished_manifest(self.manifest, self._totals, self.ended_at)
        else:
            self.manifest = replace(self.manifest, ended_at=self.ended_at)
        self._take_lock()
        self._disk.replace(self.folder / MANIFEST, encode(self.manifest))
        self._manifest_due = False
        start = start_of(self.manifest)
        if self._playable:
            result = result_of(self.folder, self.manifest, self._totals[SOURCE])
            log.info(
                "recording %s: finished, %.0f s, %d bytes, %.1f s missing",
                start.id,
                result.duration,
                result.bytes,
                result.gaps,
            )
            self.rows.finish(start, result, lambda: remove_lock(self.folder))
        else:
            log.warning("recording %s: %s", start.id, NOTHING_RECORDED)
            self.rows.fail(start, NOTHING_RECORDED, lambda: remove_lock(self.folder))
        self.close()

    # --- inside ---

    def _change(self, renditions: dict[str, RecordedRendition]) -> None:
        self.manifest = replace(self.manifest, renditions=tuple(renditions.values()))
        self._manifest_due = True
        self._write_manifest()

    def _write_manifest(self) -> None:
        """Write the manifest; on failure it stays due, and so does what it does not list."""
        try:
            self._take_lock()
            self._disk.replace(self.folder / MANIFEST, encode(self.manifest))
            self._manifest_due = self._unlisted = False
            self._fault = ""
        except OSError as error:
            self._fault = error.strerror or str(error)
            log.error("recording %s: the manifest cannot be written: %s", self.manifest.id, error)

    def _take_lock(self) -> None:
        if self._lock < 0:
            descriptor = self._disk.open(self.folder / LOCK)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._disk.sync_folder(self.folder.parent)
            except OSError:
                os.close(descriptor)
                raise
            self._lock = descriptor

    def _report_gaps(self, missing: float, fault: str) -> None:
        """Say once that parts are missing, and once that they are not any more."""
        if missing:
            if not self._missing:
                reason = fault or "the disk is too slow"
                log.warning("recording %s: parts are missing: %s", self.manifest.id, reason)
            self._missing += missing
        elif self._missing:
            log.info("recording %s: it goes on, %.1f s missing", self.manifest.id, self._missing)
            self._missing = 0.0


def remove_lock(folder: Path) -> None:
    """Remove the file that marks a recording as not finished or not in its row."""
    (folder / LOCK).unlink(missing_ok=True)
