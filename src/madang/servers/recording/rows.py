"""Rows of recordings in the database, written in order on a thread that may wait for it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Protocol

from madang.apps.videos import services
from madang.apps.videos.errors import NotBegun
from madang.apps.videos.services import RecordingResult, RecordingStart

log = logging.getLogger(__name__)


class RecordingRows(Protocol):
    """Port to the records of recordings. Calls return at once, from any thread."""

    def begin(self, start: RecordingStart) -> None:
        """Note that a recording has begun."""

    def finish(
        self, start: RecordingStart, result: RecordingResult, told: Callable[[], None]
    ) -> None:
        """Note that a recording is finished; `told` is called once that is kept."""

    def fail(self, start: RecordingStart, reason: str, told: Callable[[], None]) -> None:
        """Note that there is nothing to play."""

    def lose(self, recording_id: str, reason: str, told: Callable[[], None]) -> None:
        """Note that there is nothing of a recording but its id; it may not have begun."""

    def fail_lost(self, has_files: Callable[[str], bool], reason: str) -> None:
        """Note that there is nothing of those that are said to be written and have no files."""

    def discard(self, recording_id: str, remove: Callable[[], None]) -> None:
        """Forget a recording that was kept for its show only, and then `remove` its files."""


class Submit(Protocol):
    """Runs work on a thread, later again where it is to be kept and the database is away."""

    def __call__(self, work: Callable[[], object], *, keep: bool) -> None: ...


class VideoRows:
    """The rows of the app `videos`. What ends a recording begins it first, where that was not
    possible at the time: every call is idempotent."""

    def __init__(self, submit: Submit) -> None:
        self._submit_to = submit

    def _submit(self, work: Callable[[], object]) -> None:
        # At the end of the process the thread may be over already: the next start tells the rows.
        with contextlib.suppress(RuntimeError):
            self._submit_to(work, keep=True)

    def begin(self, start: RecordingStart) -> None:
        """Note that a recording has begun."""
        self._submit(lambda: services.begin_recording(start))

    def finish(
        self, start: RecordingStart, result: RecordingResult, told: Callable[[], None]
    ) -> None:
        """Note that a recording is finished."""

        def work() -> None:
            services.begin_recording(start)
            services.finish_recording(start.id, result, title=start.title)
            told()

        self._submit(work)

    def fail(self, start: RecordingStart, reason: str, told: Callable[[], None]) -> None:
        """Note that there is nothing to play."""

        def work() -> None:
            services.begin_recording(start)
            services.fail_recording(start.id, reason)
            told()

        self._submit(work)

    def lose(self, recording_id: str, reason: str, told: Callable[[], None]) -> None:
        """Note that there is nothing of a recording but its id."""

        def work() -> None:
            with contextlib.suppress(NotBegun):
                services.fail_recording(recording_id, reason)
            told()

        self._submit(work)

    def fail_lost(self, has_files: Callable[[str], bool], reason: str) -> None:
        """Note that there is nothing of those that are said to be written and have no files."""

        def work() -> None:
            if lost := services.fail_lost(has_files, reason):
                log.error("recordings: the files of %d are gone", lost)

        self._submit(work)

    def discard(self, recording_id: str, remove: Callable[[], None]) -> None:
        """Forget a recording that was kept for its show only."""

        def work() -> None:
            if services.discard_recording(recording_id):
                remove()

        self._submit(work)
