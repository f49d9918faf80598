"""Recordings that are being watched: read on threads, shared by all viewers, bounded."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from madang.base.errors import ParseError
from madang.infra.clock import SYSTEM_CLOCK, Clock
from madang.recording.manifest import POSTER, file_name
from madang.recording.storyboard import LIST, folder_name
from madang.recording.trim import Trim
from madang.servers.vod.errors import NothingYet, RecordingUnreadable
from madang.servers.vod.reader import Form, PlaylistText
from madang.servers.vod.recording import OpenFile, Recording, open_file
from madang.servers.vod.trimmed import Excerpt, TrimmedRecording

THREADS: Final = 8
"""Reads that wait for a disk at the same time."""

MAX_OPEN: Final = 256
MAX_BYTES: Final = 128 << 20
"""Recordings in memory, and the bytes of their playlists: 24 hours are 5 MB for a rendition."""

NOTED_SECONDS: Final = 60.0
"""Seconds between two notes that a recording is being read."""

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Entry:
    recording: Recording
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    trimmed: TrimmedRecording | None = None

    @property
    def size(self) -> int:
        """Bytes of memory of playlists and heads of downloads."""
        return self.recording.size + (self.trimmed.size if self.trimmed is not None else 0)


class RecordingStore:
    """The recordings below `folder`, for one event loop, which never waits for the disk.

    All methods raise NoSuchRecording and RecordingUnreadable, those for a rendition NoSuchFile.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock = SYSTEM_CLOCK,
        *,
        max_open: int = MAX_OPEN,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._folder = folder
        self._now = clock.monotonic
        self._wall = clock.wall
        self._max_open = max_open
        self._max_bytes = max_bytes
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="recordings")

    async def multivariant(self, recording_id: str, trim: Trim | None = None) -> PlaylistText:
        """Return the multivariant playlist. Raises NothingYet."""
        if trim is not None:
            return (await self.trimmed(recording_id, trim)).view.multivariant()
        entry = await self._entry(recording_id)
        recording = entry.recording
        for name in recording.unmeasured():
            await self._fresh(entry, name)
        return recording.multivariant()

    async def playlist(
        self, recording_id: str, rendition: str, form: Form, trim: Trim | None = None
    ) -> PlaylistText:
        """Return a media playlist. Raises NothingYet."""
        entry = await self._entry(recording_id)
        recording = entry.recording
        if trim is not None:
            recording = (await self.trimmed(recording_id, trim)).view
            recording.require(rendition, 1)
        else:
            await self._fresh(entry, rendition)
        reader = recording.with_segments(rendition)
        text = reader.known_text(form)
        if text is None:
            async with entry.lock:
                text = await self._run(recording, partial(reader.text, form))
            self._evict()
        return text

    async def file(self, recording_id: str, rendition: str, number: int) -> OpenFile:
        """Open a file of a rendition; the caller closes it."""
        entry = await self._entry(recording_id)
        recording = entry.recording
        recording.require(rendition, number)
        end = None
        if recording.ended_at is None:
            await self._fresh(entry, rendition)
            end = recording.reader(rendition).end_of(number)
        path = recording.folder / file_name(rendition, number)
        return await self._run(recording, partial(open_file, path, end))

    async def trimmed(self, recording_id: str, trim: Trim) -> TrimmedRecording:
        """Return what is left of a recording. Raises NothingYet, and NoSuchFile for nothing."""
        entry = await self._entry(recording_id)
        recording = entry.recording
        if recording.ended_at is None:
            raise NothingYet("The recording is being finished. Try again in a second.")
        if entry.trimmed is None or not entry.trimmed.is_of(recording, trim):
            async with entry.lock:
                if entry.trimmed is None or not entry.trimmed.is_of(recording, trim):
                    work = partial(TrimmedRecording.read, recording, trim)
                    entry.trimmed = await self._run(recording, work)
            self._evict()
        return entry.trimmed

    async def excerpt(self, recording_id: str, rendition: str, trim: Trim) -> Excerpt:
        """Open the ordinary MP4 of what is left of a rendition that has one file there; the caller
        closes it."""
        entry = await self._entry(recording_id)
        trimmed = await self.trimmed(recording_id, trim)
        async with entry.lock:  # tables of a long show take seconds: once
            made = await self._run(entry.recording, partial(trimmed.excerpt, rendition))
        self._evict()
        return made

    async def poster(self, recording_id: str, trim: Trim | None = None) -> OpenFile:
        """Open the picture; the caller closes it."""
        if trim is not None:
            return await self._whole(recording_id, f"{folder_name(trim)}/{POSTER}")
        return await self._whole(recording_id, POSTER)

    async def storyboard(
        self, recording_id: str, sheet: int = 0, trim: Trim | None = None
    ) -> OpenFile:
        """Open a sheet of the storyboard, or for 0 the list; the caller closes it."""
        name = f"{sheet}.jpg" if sheet else LIST
        return await self._whole(recording_id, f"{folder_name(trim)}/{name}")

    async def recording(self, recording_id: str) -> Recording:
        """Return a recording, whose manifest has been read of late."""
        return (await self._entry(recording_id)).recording

    def is_finishing(self, recording: Recording) -> bool:
        """Return whether viewers of the show may still see its end."""
        return self._wall() < recording.finishing_until

    async def note_viewer(self, recording: Recording) -> None:
        """Note that somebody reads a recording, for those who are to remove it."""
        now = self._wall()
        if now >= recording.watched_at + NOTED_SECONDS:
            recording.watched_at = now
            await self._run(recording, partial(recording.note_viewer, now))

    def close(self) -> None:
        """Accept no more work, without waiting for the disk."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _whole(self, recording_id: str, name: str) -> OpenFile:
        recording = (await self._entry(recording_id)).recording
        return await self._run(recording, partial(open_file, recording.folder / name, None))

    async def _entry(self, recording_id: str) -> _Entry:
        entry = self._entries.get(recording_id)
        if entry is None:
            recording = Recording(self._folder / recording_id)
            await self._run(recording, partial(recording.load, self._now()))
            # Another request may have been quicker.
            entry = self._entries.setdefault(recording_id, _Entry(recording))
            self._evict()
        elif entry.recording.load_due(self._now()):
            async with entry.lock:
                if entry.recording.load_due(self._now()):
                    await self._load(recording_id, entry)
        if recording_id in self._entries:
            self._entries.move_to_end(recording_id)
        return entry

    async def _load(self, recording_id: str, entry: _Entry) -> None:
        recording = entry.recording
        try:
            await self._run(recording, partial(recording.load, self._now()))
        except Exception:
            self._entries.pop(recording_id, None)
            raise

    async def _fresh(self, entry: _Entry, rendition: str) -> None:
        recording = entry.recording
        recording.require(rendition, 1)
        if recording.read_due(rendition, self._now()):
            async with entry.lock:
                if recording.read_due(rendition, self._now()):
                    await self._run(recording, partial(recording.read, rendition, self._now()))
            self._evict()

    async def _run(self, recording: Recording, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except (OSError, ParseError) as error:
            log.error("the recording in %s cannot be read: %s", recording.folder, error)
            raise RecordingUnreadable("The recording cannot be read now.") from error

    def _evict(self) -> None:
        """Forget what was not asked for the longest."""
        used = sum(entry.size for entry in self._entries.values())
        for name, entry in list(self._entries.items())[:-1]:
            if len(self._entries) <= self._max_open and used <= self._max_bytes:
                break
            if not entry.lock.locked():
                used -= entry.size
                del self._entries[name]
