"""Repair of recordings that a crash cut off, at the start of the process that records."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from django.utils.translation import gettext_noop

from madang.base.errors import ParseError
from madang.infra.clock import SYSTEM_CLOCK
from madang.infra.disk import Disk, write_all
from madang.infra.file_lock import locked
from madang.live.rendition import SOURCE
from madang.recording.file import RecordingFile
from madang.recording.index import MAGIC, RECORD_SIZE, Record, decode
from madang.recording.manifest import (
    ID_PATTERN,
    LOCK,
    MANIFEST,
    Manifest,
    encode,
    file_name,
    index_name,
)
from madang.recording.manifest import decode as decode_manifest
from madang.recording.repair import repair
from madang.recording.totals import Totals
from madang.recording.viewers import latest_viewing
from madang.servers.recording.recording import NOTHING_RECORDED, remove_lock
from madang.servers.recording.rows import RecordingRows
from madang.servers.recording.summary import (
    complete_renditions,
    finished_manifest,
    result_of,
    start_of,
    without_incomplete,
)

FIRST_PAUSE: Final = 60.0
LONGEST_PAUSE: Final = 3600.0
"""Seconds before what is left is tried again, which double each time; the latter is also between
two looks where nothing is left."""

FILES_GONE: Final = gettext_noop("The files of this recording are gone from the storage.")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RepairedFile:
    """Records of a file that was repaired; `playable` where it has samples."""

    records: list[Record]
    playable: bool


@dataclass(frozen=True, slots=True)
class RecordingRepair:
    """Finishes what a process left that was killed, and tells the rows again what they may not
    have been told. It may be interrupted anywhere, and done again.

    `discard` is called for recordings that were kept for their show only, `writes` tells which are
    being written by this process.
    """

    root: Path
    rows: RecordingRows
    disk: Disk
    discard: Callable[[Manifest], None]
    writes: Callable[[str], bool]
    wall: Callable[[], float] = SYSTEM_CLOCK.wall

    def run(self) -> int:
        """Repair every recording that nobody writes; return how many are left for another time."""
        busy = 0
        with contextlib.suppress(FileNotFoundError):
            for folder in sorted(self.root.iterdir()):
                if not re.fullmatch(ID_PATTERN, folder.name) or self.writes(folder.name):
                    continue
                try:
                    busy += not self._look_at(folder)
                except OSError as error:
                    log.error("recording %s: it is repaired later: %s", folder.name, error)
                    busy += 1
                except Exception:  # the others are repaired
                    log.exception("recording %s: it cannot be repaired", folder.name)
        self.rows.fail_lost(self._has_files, FILES_GONE)
        return busy

    def _has_files(self, recording_id: str) -> bool:
        return self.writes(recording_id) or (self.root / recording_id).is_dir()

    def _look_at(self, folder: Path) -> bool:
        """Repair a recording where that is needed; return False where it is being written."""
        manifest = _read_manifest(folder)
        if manifest is None or manifest.ended_at is None or (folder / LOCK).exists():
            with locked(folder / LOCK) as taken:
                if not taken:
                    return False
                try:
                    manifest = self._repair(folder)
                except OSError:
                    # It may be what fills the disk.
                    if manifest is not None and manifest.temporary:
                        self.discard(manifest)
                    raise
        if manifest is None:
            self.rows.lose(folder.name, NOTHING_RECORDED, lambda: _remove_empty(folder))
        elif manifest.temporary:
            self.discard(manifest)
        else:
            self._remove_incomplete(folder, manifest)
        return True

    def _remove_incomplete(self, folder: Path, manifest: Manifest) -> None:
        """Remove renditions that lack some of the show, once its viewers have seen its end."""
        incomplete = [each.name for each in manifest.renditions if each.incomplete]
        if not incomplete or manifest.ended_at is None:
            return
        length = manifest.ended_at - manifest.began_at
        if self.wall() >= latest_viewing(manifest.ended_at, length):
            self.disk.replace(folder / MANIFEST, encode(without_incomplete(manifest)))
            for name in incomplete:
                self.disk.remove(folder / name)

    def _repair(self, folder: Path) -> Manifest | None:
        def told() -> None:
            remove_lock(folder)

        manifest = _read_manifest(folder)
        if manifest is None:
            return None
        found = {
            rendition.name: self._repair_rendition(folder, rendition.name, len(rendition.files))
            for rendition in manifest.renditions
        }
        totals = {name: Totals(manifest.target_duration) for name in found}
        for name, files in found.items():
            for file in files:
                totals[name].add_all(file.records)
        start = start_of(manifest)
        if not any(file.playable for file in found.get(SOURCE, ())):
            manifest = replace(manifest, ended_at=manifest.ended_at or manifest.began_at)
            self.disk.replace(folder / MANIFEST, encode(manifest))
            log.warning("recording %s: %s", manifest.id, NOTHING_RECORDED)
            self.rows.fail(start, NOTHING_RECORDED, told)
            return manifest
        kept = complete_renditions(SOURCE, totals)
        renditions = tuple(
            replace(each, files=each.files[: len(found[each.name])])
            for each in manifest.renditions
            if each.name in kept
        )
        ended_at = manifest.ended_at or totals[SOURCE].ended_at
        manifest = finished_manifest(replace(manifest, renditions=renditions), totals, ended_at)
        self.disk.replace(folder / MANIFEST, encode(manifest))
        for child in folder.iterdir():
            if child.is_dir() and child.name not in kept:
                self.disk.remove(child)
        result = result_of(folder, manifest, totals[SOURCE])
        log.info("recording %s: repaired, %.0f s", manifest.id, result.duration)
        self.rows.finish(start, result, told)
        return manifest

    def _repair_rendition(self, folder: Path, name: str, files: int) -> list[RepairedFile]:
        """Return the files of a rendition; those at the end are left out that have no samples."""
        found = []
        for number in range(1, files + 1):
            data, index = folder / file_name(name, number), folder / index_name(name, number)
            try:
                found.append(self._repair_file(data, index))
            except (ParseError, FileNotFoundError) as error:
                log.warning("recording %s: %s/%d: %s", folder.name, name, number, error)
                found.append(RepairedFile([], playable=False))
        while found and not found[-1].playable:
            found.pop()
        return found

    def _repair_file(self, data: Path, index: Path) -> RepairedFile:
        """Cut a file and its index off behind the last whole part, and finish the file.

        Raises ParseError where nothing of it is whole, FileNotFoundError.
        """
        listed = decode(index.read_bytes())
        size = data.stat().st_size
        with self._open(data) as media, self._open(index) as listing:

            def read(offset: int, count: int) -> bytes:
                return os.pread(media, count, offset)

            repaired = repair(read, size, listed)
            self.disk.truncate(listing, len(MAGIC) + RECORD_SIZE * len(repaired.records))
            self.disk.sync(listing)
            if repaired.finished:
                return RepairedFile(repaired.records, playable=True)
            self.disk.truncate(media, repaired.end)
            self.disk.sync(media)
            file = RecordingFile.resume(repaired, read)
            try:
                writes = file.finish()
            except ParseError:
                return RepairedFile(repaired.records, playable=False)
            for each in writes:
                write_all(self.disk, media, each.data, each.offset)
                self.disk.sync(media)
            return RepairedFile(repaired.records, playable=True)

    @contextlib.contextmanager
    def _open(self, path: Path) -> Iterator[int]:
        descriptor = self.disk.open(path)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def _read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest, None where there is none. Raises ParseError."""
    try:
        return decode_manifest((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        return None


def _remove_empty(folder: Path) -> None:
    """Remove a folder whose recording ended before there was a manifest, unless it has media, or
    somebody writes it."""
    with locked(folder / LOCK) as taken:
        media = folder.glob("*/*.mp4")
        if taken and not (folder / MANIFEST).exists() and not any(e.stat().st_size for e in media):
            shutil.rmtree(folder)


def repair_while_running(run: Callable[[], int], wait: Callable[[float], bool]) -> None:
    """Repair at once, and again for as long as the station runs.

    `run` returns how many recordings are left; `wait` waits for so many seconds, and returns True
    when the station ends.
    """
    pause = FIRST_PAUSE
    while True:
        try:
            left = run()
        except Exception:  # it is tried again
            log.exception("recordings: the repair failed")
            left = 1
        if wait(pause if left else LONGEST_PAUSE):
            return
        pause = min(2 * pause, LONGEST_PAUSE) if left else FIRST_PAUSE
