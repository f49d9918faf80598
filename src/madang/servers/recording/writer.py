"""The thread that writes all recordings of a process."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import threading
from array import array
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from madang.infra.clock import SYSTEM_CLOCK, Clock
from madang.infra.disk import Disk
from madang.recording.manifest import Manifest
from madang.recording.viewers import finishing_until
from madang.servers.recording.counters import RecordingCounters
from madang.servers.recording.growing import Part
from madang.servers.recording.queue import QueuedPart
from madang.servers.recording.recording import Recording
from madang.servers.recording.rows import RecordingRows
from madang.servers.recording.space import DiskSpace, Report, no_report

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WriterLimits:
    """Limits in bytes and seconds.

    Parts are written once there are `batch_bytes` or after `batch_seconds`. Of what waits, no more
    than `queue_bytes` are kept and nothing for longer than `queue_seconds`: the rest becomes gaps.
    `sync` is between two syncs, `space` between two looks at the free space of the disk, of which
    `reserve` is left alone; once it is full, recording goes on where `resume` are free besides,
    and the trouble is over after `calm` with space.
    `retry` is before finishing is tried again. A recording that is kept for its show only is
    removed `removal` after the end, or later while somebody still watches it, which is looked at
    every `watched`.
    """

    batch_bytes: int = 1 << 20
    batch_seconds: float = 0.5
    queue_bytes: int = 256 << 20
    queue_seconds: float = 10.0
    sync: float = 2.0
    space: float = 1.0
    reserve: int = 2_000_000_000
    resume: int = 16 << 20
    calm: float = 600.0
    retry: float = 10.0
    removal: float = 600.0
    watched: float = 60.0


MERGED: Final = 256
"""Parts that became one gap with those before them, and are still in the queue."""


@dataclass(order=True)
class _Timed:
    due: float
    number: int
    work: Callable[[], object] = field(compare=False)


class RecordingWriter:
    """A bounded queue and the thread that empties it.

    `put`, `submit` and `finish` are called on the event loop and never wait for the disk. Without
    `start` there is no thread: `turn` does what it would do.
    """

    def __init__(
        self,
        root: Path,
        limits: WriterLimits,
        *,
        disk: Disk | None = None,
        clock: Clock = SYSTEM_CLOCK,
        report: Report = no_report,
    ) -> None:
        self.root = root
        self.disk = disk or Disk()
        self.clock = clock
        self.counters = RecordingCounters()
        self.space = DiskSpace(
            self.disk,
            root,
            reserve=limits.reserve,
            resume=limits.resume,
            interval=limits.space,
            calm=limits.calm,
            report=report,
        )
        self._limits = limits
        self._now = clock.monotonic
        self._condition = threading.Condition()
        self._queue: deque[QueuedPart | Callable[[], object]] = deque()
        self._waiting: deque[QueuedPart] = deque()
        self._queued_bytes = 0
        self._newest: dict[tuple[Recording, str], int] = {}
        self._gaps: dict[tuple[Recording, str], tuple[int, QueuedPart]] = {}
        self._merged = 0
        self._awake = False
        self._closing = False
        self._thread: threading.Thread | None = None
        self._ids: set[str] = set()
        self._over = threading.Event()
        # These are touched on the thread only.
        self._recordings: set[Recording] = set()
        self._finishing: deque[Recording] = deque()
        self._timed: list[_Timed] = []
        self._numbers = itertools.count()
        self._sync_due = 0.0

    # --- on the event loop ---

    def start(self) -> None:
        """Begin to write. The thread does not keep the process from ending."""
        self._thread = threading.Thread(target=self._run, name="recordings", daemon=True)
        self._thread.start()

    def begin(self, recording: Recording) -> None:
        """Take a recording up."""
        self.counters.in_progress += 1
        self._ids.add(recording.manifest.id)
        self.submit(lambda: self._recordings.add(recording))

    def writes(self, recording_id: str) -> bool:
        """Return whether a recording is being written here. From any thread."""
        return recording_id in self._ids

    def put(self, recording: Recording, rendition: str, part: Part) -> None:
        """Queue a part, as a gap where it does not fit."""
        now = self._now()
        assert part.data is not None
        with self._condition:
            self._expire(now)
            number = self._newest.get((recording, rendition), 0) + 1
            self._newest[recording, rendition] = number
            queued = QueuedPart(
                recording, rendition, part, now, number, array("d", [part.record.duration])
            )
            if self._queued_bytes + len(part.data) > self._limits.queue_bytes:
                self._drop(queued)
            else:
                self._queued_bytes += len(part.data)
                self._waiting.append(queued)
            if not queued.merged:
                self._queue.append(queued)
            if self._queued_bytes >= self._limits.batch_bytes:
                self._wake()

    def submit(self, work: Callable[[], object], *, now: bool = False) -> None:
        """Do `work` on the thread, behind what is queued; what it raises goes to the log.

        With `now` the thread does not wait for more to write.
        """
        with self._condition:
            self._queue.append(work)
            self._gaps.clear()  # it may begin the next file
            if now:
                self._wake()

    def finish(self, recording: Recording, ended_at: float) -> None:
        """Finish a recording whose show is over, at `ended_at` seconds since 1970."""

        def work() -> None:
            recording.ended_at = ended_at
            self._finishing.append(recording)

        self.submit(work, now=True)

    def expire(self) -> None:
        """Make gaps of what has waited for too long; call several times a second."""
        with self._condition:
            self._expire(self._now())

    async def close(self, patience: float) -> None:
        """Write and finish what there is, in at most `patience` seconds; the rest is left to the
        repair at the next start."""
        with self._condition:
            self._closing = True
            self._wake()
        if self._thread is not None:
            await asyncio.to_thread(self._over.wait, patience)
            if not self._over.is_set():
                log.warning("recordings: not everything was finished; the next start does it")

    # --- on the thread ---

    def turn(self) -> None:
        """Do all that is queued, one step of finishing, and what is due."""
        with self._condition:
            jobs, self._queue = self._queue, deque()
            self._waiting.clear()
            self._newest.clear()
            self._gaps.clear()
            self._queued_bytes = self._merged = 0
            self._awake = False
        now = self._now()
        self.space.look(now, sum(each.finishing_size for each in self._recordings))
        batch: dict[tuple[Recording, str], list[Part]] = {}
        for job in jobs:
            if isinstance(job, QueuedPart):
                batch.setdefault((job.recording, job.rendition), []).extend(job.parts())
            else:
                self._write(batch)
                batch = {}
                self._guarded(job)
        self._write(batch)
        if now >= self._sync_due:
            for recording in self._recordings:
                self._guarded(partial(recording.sync, now))
            self._sync_due = self._now() + self._limits.sync
        if self._finishing:
            self._finish_step(self._finishing[0])
        while self._timed and self._timed[0].due <= now:
            self._guarded(heapq.heappop(self._timed).work)

    def discard_later(self, manifest: Manifest, rows: RecordingRows) -> None:
        """Remove a recording that was kept for its show only, in a while. On the thread only."""
        folder = self.root / manifest.id
        # On the thread of the rows: a file of a day's show takes seconds to remove, in which the
        # parts of other shows would wait.
        remove = partial(self._guarded, partial(self.disk.remove, folder))

        def look() -> None:
            if self._is_watched(folder, manifest):
                self._later(self._limits.watched, look)
            else:
                rows.discard(manifest.id, remove)

        self._later(self._limits.removal, look)

    def _is_watched(self, folder: Path, manifest: Manifest) -> bool:
        if manifest.ended_at is None:
            return False
        length = manifest.ended_at - manifest.began_at
        try:
            until = finishing_until(manifest.ended_at, length, folder.stat().st_mtime)
        except OSError:
            return False
        return self.clock.wall() < until

    def _later(self, seconds: float, work: Callable[[], object]) -> None:
        timed = _Timed(self._now() + seconds, next(self._numbers), work)
        heapq.heappush(self._timed, timed)

    def _run(self) -> None:
        try:
            while True:
                with self._condition:
                    if not self._finishing:
                        self._condition.wait_for(lambda: self._awake, self._limits.batch_seconds)
                    closing = self._closing
                self._guarded(self.turn)
                if closing and not self._finishing and not self._queue:
                    break
        finally:
            for recording in self._recordings:
                recording.close()
            self._over.set()

    def _write(self, batch: dict[tuple[Recording, str], list[Part]]) -> None:
        for (recording, rendition), parts in batch.items():
            size = sum(len(part.data) for part in parts if part.data)
            room = self.space.take(size)
            now = self._now()
            self._guarded(partial(recording.write, rendition, parts, now, room=room))
            if room and size:
                self.space.written(recording.fault)

    def _finish_step(self, recording: Recording) -> None:
        try:
            more = recording.finish_step(self._now())
        except OSError as error:
            if self._tries_again(recording, error):
                self._finishing.popleft()
                self._later(self._limits.retry, lambda: self._finishing.append(recording))
                return
            recording.close()
            more = False
        except Exception:
            log.exception("recording %s: it cannot be finished", recording.manifest.id)
            recording.close()
            more = False
        if not more:
            self._finishing.popleft()
            self._recordings.discard(recording)
            self.counters.in_progress -= 1
            self._ids.discard(recording.manifest.id)
            if recording.manifest.temporary:
                self.discard_later(recording.manifest, recording.rows)

    def _tries_again(self, recording: Recording, error: OSError) -> bool:
        """Return whether finishing is tried again; what is removed anyway is not to wait for ever
        for space on a disk that it fills."""
        now = self._now()
        if recording.delayed_at is None:
            recording.delayed_at = now
            name = recording.manifest.id
            log.error("recording %s: it is finished later: %s", name, error)
        over = now >= recording.delayed_at + self._limits.removal
        return not (over and recording.manifest.temporary)

    def _guarded(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception:  # the other recordings go on
            log.exception("recordings: a step failed")

    # --- inside, with the lock held ---

    def _wake(self) -> None:
        self._awake = True
        self._condition.notify()

    def _expire(self, now: float) -> None:
        while self._waiting and self._waiting[0].at < now - self._limits.queue_seconds:
            queued = self._waiting.popleft()
            assert queued.part.data is not None
            self._queued_bytes -= len(queued.part.data)
            self._drop(queued)

    def _drop(self, queued: QueuedPart) -> None:
        """Make a gap of a part, and one with the gap before it: while a write hangs for hours there
        is one for each rendition."""
        queued.part.data = None
        key = queued.recording, queued.rendition
        until, gap = self._gaps.get(key, (0, queued))
        if gap is not queued and queued.number == until + 1 and gap.merge(queued):
            self._merged += 1
        else:
            gap = queued
        self._gaps[key] = queued.number, gap
        if self._merged >= MERGED:
            kept = (e for e in self._queue if not isinstance(e, QueuedPart) or not e.merged)
            self._queue = deque(kept)
            self._merged = 0
