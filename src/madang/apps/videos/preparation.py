"""Jobs about videos, in words for their owners; cancelling them, and trying again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from madang.apps.jobs import services as jobs
from madang.apps.jobs.cards import card
from madang.apps.jobs.leases import MOST_ATTEMPTS
from madang.apps.jobs.models import OPEN, Job
from madang.apps.jobs.models import State as JobState
from madang.apps.videos.errors import UnfitState
from madang.apps.videos.jobs import PREPARE, STORYBOARD, TRANSCODE
from madang.apps.videos.models import State, Video

NOBODY_AFTER: Final = timedelta(minutes=1)
"""Time after which a job that is due and that nobody takes lacks a worker."""

_KINDS: Final = (PREPARE, TRANSCODE, STORYBOARD)
"""Kinds of jobs that are told of, what matters most first."""

_MEASURING: Final = 0.95
"""Progress of `transcode-video` from which the loudness alone is left."""

_MINUTE: Final = 60
_HOUR: Final = 3600


@dataclass(frozen=True, slots=True)
class Preparation:
    """What is being done about a video, or what came of it, in words of the active language.

    `progress` is 0 to 1, None while nothing runs. `busy`: it may be cancelled; `retries`: it may be
    tried again; `failed`: it came to nothing.
    """

    words: str
    progress: float | None = None
    busy: bool = False
    retries: bool = False
    failed: bool = False

    @property
    def version(self) -> str:
        """Text that is another one after more than the words and the share have changed."""
        runs = self.progress is not None
        return f"{runs:d}{self.busy:d}{self.retries:d}{self.failed:d}"


def of_videos(videos: Sequence[Video], now: datetime | None = None) -> dict[str, Preparation]:
    """Return the preparations of those of `videos` about which something can be said, by id."""
    about = jobs.of_subjects([video.pk for video in videos])
    if not about:
        return {}
    queue = _Queue(now or timezone.now())
    found = {video.pk: _of_video(video, about.get(video.pk, []), queue) for video in videos}
    return {video_id: each for video_id, each in found.items() if each is not None}


def cancel(video: Video) -> None:
    """Cancel what is being done about a video. Raises UnfitState, UnfitJobState."""
    wanted = [job for job in jobs.of_subject(video.pk) if job.state in OPEN]
    if not wanted:
        raise UnfitState(_("Nothing is being done about this video any more."))
    for job in wanted:
        jobs.cancel(job.pk)


def retry(video: Video) -> None:
    """Try again what came to nothing about a video. Raises UnfitState, UnfitJobState."""
    if video.deleted_at is not None:
        raise UnfitState(_("The video is in the bin."), mend=_("Take it out first."))
    wanted = [job for job in _newest(jobs.of_subject(video.pk)) if _may_retry(job)]
    if not wanted:
        raise UnfitState(_("There is nothing to try again."))
    for job in wanted:
        jobs.retry(job.pk)


class _Queue:
    """What is before the jobs that wait; asked of the database at most once."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._known: tuple[dict[str, int], set[str]] | None = None

    def words(self, job: Job) -> str:
        """Return why a job waits."""
        if job.due_at > self.now:
            return gettext("It did not work: {reason} Tried again in {time}.").format(
                reason=_error_of(job), time=_rough((job.due_at - self.now).total_seconds())
            )
        if self._known is None:
            self._known = jobs.places(_KINDS, self.now), jobs.kinds_running(self.now)
        places, running = self._known
        if job.kind not in running and self.now - job.due_at > NOBODY_AFTER:
            return gettext(
                "Waits, as no worker takes it. Whoever runs the station learns why by "
                "`madang doctor`."
            )
        before = places.get(job.pk, 0)
        if not before:
            return gettext("Waits for its turn: it is the next.")
        return ngettext(
            "Waits for its turn: {n} file is before it.",
            "Waits for its turn: {n} files are before it.",
            before,
        ).format(n=before)


def _of_video(video: Video, about: list[Job], queue: _Queue) -> Preparation | None:
    newest = _newest(about)
    told = [job for job in newest if job.state in OPEN] or newest
    job = next((job for job in told if job.state != JobState.DONE), None)
    if job is None:
        return None
    if job.state == JobState.RUNNING:
        return Preparation(_running(video, job, queue.now), job.progress, busy=True)
    if job.state == JobState.QUEUED:
        return Preparation(" ".join((*_coming(job), queue.words(job))), busy=True)
    retries = any(_may_retry(job) for job in newest)
    return Preparation(_ended(video, job), retries=retries, failed=True)


def _newest(about: list[Job]) -> list[Job]:
    """Return the newest job of each kind, what matters most first."""
    newest = {job.kind: job for job in reversed(about)}
    return [newest[kind] for kind in _KINDS if kind in newest]


def _coming(job: Job) -> list[str]:
    """Return what a video that there is already gets by a job that waits."""
    if job.kind == TRANSCODE:
        return [gettext("Other renditions follow.")]
    if job.kind == STORYBOARD:
        return [gettext("Pictures for the seek bar follow.")]
    return [gettext("Another file replaces it.")] if _replaces(job) else []


def _replaces(job: Job) -> bool:
    return bool(job.arguments.get("replaces"))


def _may_retry(job: Job) -> bool:
    """Return false where another attempt would fail as well: such a job has some left."""
    if job.state == JobState.FAILED:
        return job.attempt >= MOST_ATTEMPTS
    return job.state == JobState.CANCELLED


def _running(video: Video, job: Job, now: datetime) -> str:
    remaining = card(job, now).remaining_seconds
    parts = [*(_coming(job) if _replaces(job) else ()), _step(video, job)]
    if remaining is not None and job.progress:
        parts.append(gettext("Left: {time}.").format(time=_rough(remaining)))
    if job.attempt > 1 and job.error:
        parts.append(
            gettext("Attempt {n} of {most}; the last one: {reason}").format(
                n=job.attempt, most=MOST_ATTEMPTS, reason=_error_of(job)
            )
        )
    return " ".join(parts)


def _step(video: Video, job: Job) -> str:
    """Return what is done now, and how much of it."""
    percent = int(job.progress * 100)
    if job.kind == PREPARE:
        if not job.progress and not job.checkpoint:
            return gettext("The file is being examined.")
        if not job.checkpoint:
            return gettext("The file is being packaged: {percent}%.").format(percent=percent)
        return gettext("The first rendition is being encoded: {percent}%.").format(percent=percent)
    if job.kind == STORYBOARD:
        return gettext("Pictures for the seek bar are being drawn: {percent}%.").format(
            percent=percent
        )
    if job.progress >= _MEASURING:
        return gettext("The loudness is being measured: {percent}%.").format(percent=percent)
    there = {each["name"] for each in video.renditions}
    names = [name for name in job.arguments.get("renditions", ()) if name not in there]
    if not names:
        return gettext("Other renditions are being made: {percent}%.").format(percent=percent)
    return gettext("Other renditions are being made ({names}): {percent}%.").format(
        names=", ".join(names), percent=percent
    )


def _ended(video: Video, job: Job) -> str:
    if _replaces(job):
        if job.state == JobState.CANCELLED:
            return gettext("Replacing its file was cancelled.")
        return gettext("Its file was not replaced: {reason}").format(reason=_error_of(job))
    if video.state == State.FAILED:
        return gettext(video.reason) if video.reason else gettext("It failed.")
    if job.kind == STORYBOARD:
        if job.state == JobState.CANCELLED:
            return gettext("Pictures for the seek bar were cancelled.")
        return gettext("There are no pictures for the seek bar: {reason}").format(
            reason=_error_of(job)
        )
    if job.state == JobState.CANCELLED:
        return gettext("The other renditions were cancelled.")
    return gettext("The other renditions came to nothing: {reason}").format(reason=_error_of(job))


def _error_of(job: Job) -> str:
    return gettext(job.error) if job.error else gettext("It failed.")


def _rough(seconds: float) -> str:
    """Return a time in words that does not change with every second."""
    if seconds < _MINUTE:
        return gettext("less than a minute")
    if seconds < _HOUR:
        minutes = round(seconds / _MINUTE)
        return ngettext("about {n} minute", "about {n} minutes", minutes).format(n=minutes)
    hours = round(seconds / _HOUR)
    return ngettext("about {n} hour", "about {n} hours", hours).format(n=hours)
