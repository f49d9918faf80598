"""Rows of recordings and uploads, for what makes their files and for the server of these.

The data plane calls these in a thread. Each is idempotent by the id: a call that is repeated after
a lost connection changes nothing.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Any, Final

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from madang.apps.channels.errors import NoSuchChannel
from madang.apps.channels.models import Channel
from madang.apps.jobs import services as jobs
from madang.apps.videos import trims
from madang.apps.videos.errors import NotBegun
from madang.apps.videos.jobs import STORYBOARD, TRANSCODE
from madang.apps.videos.models import Kind, State, Subtitles, Video, Visibility
from madang.apps.videos.signals import video_failed, video_ready
from madang.recording.trim import Trim

TIME_TO_ANSWER: Final = timedelta(hours=24)
"""Time for the owner to keep a recording whose channel asks; after it the recording is in the
bin."""

_OWNERS_ALONE: Final = (State.ASKING, State.QUEUED, State.PROCESSING, State.FAILED)
"""States of videos that nobody but the owner sees, whatever their visibility."""


SAME_SHOW: Final = timedelta(minutes=10)
"""Time after the end of a show in which the title of the channel is still that of the show: one
that a crash cut off may be finished days later."""

_PROBES: Final = 20
"""Recordings that are looked for to know whether the storage is there."""


@dataclass(frozen=True, slots=True)
class RecordingStart:
    """Beginning of a recording, as the recorder reports it.

    `temporary`: it is deleted after the show. `ask`: the owner decides after the show.
    """

    id: str
    channel_id: int
    title: str
    began_at: datetime
    temporary: bool = False
    ask: bool = False


@dataclass(frozen=True, slots=True)
class RenditionResult:
    """A rendition of a finished recording. Size in pixels and bytes, bit rate in bits per second;
    a rendition of sound alone has the size 0 x 0. One whose codecs changed has several `files`."""

    name: str
    width: int
    height: int
    codecs: str
    bitrate: int
    bytes: int
    files: int = 1


@dataclass(frozen=True, slots=True)
class RecordingResult:
    """A finished recording. `duration` and `gaps`, what is missing of it, in seconds."""

    duration: float
    bytes: int
    ended_at: datetime
    renditions: tuple[RenditionResult, ...] = ()
    gaps: float = 0.0


@dataclass(frozen=True, slots=True)
class VideoAccess:
    """Facts that decide who may get the files of a video.

    `finishing`: the show, which everybody could watch, is over, and waits for its owner's answer.
    `poster`: somebody chose its picture.
    """

    id: str
    channel_id: int
    channel_slug: str
    owner_id: int
    visibility: str
    state: str
    title: str
    finishing: bool = False
    trim: Trim | None = None
    poster: bool = False


def rows_of(result: RecordingResult) -> list[dict[str, Any]]:
    """Return the renditions of a result as the row of its video has them."""
    return [asdict(rendition) for rendition in result.renditions]


@transaction.atomic
def begin_recording(start: RecordingStart) -> None:
    """Add the row of a recording, with description and language of its channel.

    Raises NoSuchChannel.
    """
    channel = Channel.objects.filter(pk=start.channel_id).first()
    if channel is None:
        raise NoSuchChannel(f"There is no channel number {start.channel_id}.")
    Video.objects.get_or_create(
        pk=start.id,
        defaults={
            "channel": channel,
            "kind": Kind.RECORDING,
            "state": State.RECORDING,
            "title": start.title or channel.title,
            "description": channel.description,
            "language": channel.language,
            "created_at": start.began_at,
            "temporary": start.temporary,
            "ask": start.ask and not start.temporary,
        },
    )


@transaction.atomic
def finish_recording(
    video_id: str, result: RecordingResult, *, title: str = "", now: datetime | None = None
) -> None:
    """Complete the row of a recording: it is ready, or waits for the owner's answer.

    Where it still has the `title` of the beginning it gets that of the channel at the end.

    The answer may have come during the show, by `keep`. One that failed before may have been
    repaired. Raises NotBegun.
    """
    video = _locked(video_id)
    if video.state not in {State.RECORDING, State.FAILED}:
        return
    at = now or timezone.now()
    video.state, video.reason = State.READY, ""
    video.duration, video.bytes, video.gaps = result.duration, result.bytes, result.gaps
    video.ended_at = result.ended_at
    video.renditions = rows_of(result)
    if video.title == title and at - result.ended_at < SAME_SHOW:
        video.title = video.channel.title
    if video.ask and not video.keep:
        video.state, video.asked_until = State.ASKING, at + TIME_TO_ANSWER
    video.save()
    if video.state == State.READY and not video.temporary and video.deleted_at is None:
        video_ready.send(Video, video=video, at=at)


@transaction.atomic
def fail_recording(video_id: str, reason: str, *, now: datetime | None = None) -> None:
    """Mark a recording that came to nothing, with a reason for its owner. Raises NotBegun."""
    video = _locked(video_id)
    if video.state != State.RECORDING:
        return
    at = now or timezone.now()
    video.state, video.ended_at = State.FAILED, at
    video.reason = reason[: Video._meta.get_field("reason").max_length]
    video.save(update_fields=["state", "ended_at", "reason"])
    if not video.temporary:
        video_failed.send(Video, video=video, at=at)


def fail_lost(has_files: Callable[[str], bool], reason: str, *, now: datetime | None = None) -> int:
    """Mark as failed the recordings that are being written and have no files; return how many.

    Where the files of all other recordings are missing as well the storage is not there: nothing
    is changed.
    """
    recordings = Video.objects.filter(kind=Kind.RECORDING).order_by("-created_at")
    begun = recordings.filter(state=State.RECORDING).values_list("pk", flat=True)
    lost = [video_id for video_id in begun if not has_files(video_id)]
    if not lost:
        return 0
    others = recordings.exclude(state__in=(State.FAILED, State.DELETED)).exclude(pk__in=lost)
    known = list(others.values_list("pk", flat=True)[:_PROBES])
    if known and not any(map(has_files, known)):
        return 0
    for video_id in lost:
        fail_recording(video_id, reason, now=now)
    return len(lost)


@transaction.atomic
def begin_upload(
    video_id: str,
    channel_id: int,
    title: str,
    filename: str,
    bytes: int,
    *,
    language: str = "",
    now: datetime | None = None,
) -> None:
    """Add the row of an uploaded file, called `filename` and `bytes` long, that waits to be
    prepared. Without a title it has the name of the file.

    Raises NoSuchChannel.
    """
    channel = Channel.objects.filter(pk=channel_id).first()
    if channel is None:
        raise NoSuchChannel(f"There is no channel number {channel_id}.")
    name = unicodedata.normalize("NFC", title or PurePath(filename).stem or channel.title)
    Video.objects.get_or_create(
        pk=video_id,
        defaults={
            "channel": channel,
            "kind": Kind.UPLOAD,
            "state": State.QUEUED,
            "title": name.replace("\0", "")[: Video._meta.get_field("title").max_length],
            "language": language or channel.language,
            "created_at": now or timezone.now(),
            "bytes": bytes,
        },
    )


@transaction.atomic
def process_upload(video_id: str) -> bool:
    """Mark an upload that is being prepared, for the first time or again after a failure.

    Returns False where there is no such video any more, or its files are deleted.
    """
    video = _upload(video_id)
    if video is not None and video.state in {State.QUEUED, State.FAILED}:
        video.state, video.reason = State.PROCESSING, ""
        video.save(update_fields=["state", "reason"])
    return video is not None


def has_files(video_id: str) -> bool:
    """Return whether there still is a video whose files can be replaced."""
    return replaceable().filter(pk=video_id).exists()


def replaceable() -> QuerySet[Video]:
    """Return the videos whose files can be replaced: what is shown, or came to nothing."""
    return Video.objects.filter(state__in=(State.READY, State.FAILED), deleted_at=None)


@transaction.atomic
def replace_files(video_id: str) -> None:
    """Note that the files of a video are replaced by an uploaded one: it is an upload from now on,
    and what was to be made of the files before is cancelled."""
    for kind in (TRANSCODE, STORYBOARD):
        jobs.cancel_subject(video_id, kind=kind)
    Subtitles.objects.filter(video_id=video_id, stream__isnull=False).delete()
    Video.objects.filter(pk=video_id).update(
        kind=Kind.UPLOAD,
        state=State.PROCESSING,
        keep=True,
        storyboard=False,
        trim_start=None,
        trim_end=None,
        trim_view=None,
        untrimmed=None,
    )


@transaction.atomic
def publish_upload(video_id: str, result: RecordingResult, *, now: datetime | None = None) -> bool:
    """Show what there is of an upload: it is ready, or has more renditions than before.

    `result` is of the whole, also where it is trimmed.

    Returns False where there is no such video any more, or its files are deleted.
    """
    video = _upload(video_id)
    if video is None:
        return False
    at = now or timezone.now()
    first = video.state != State.READY
    video.state, video.reason = State.READY, ""
    video.duration, video.bytes, video.gaps = result.duration, result.bytes, result.gaps
    video.renditions = rows_of(result)
    if first:
        video.ended_at = result.ended_at
    video.save()
    if trims.wanted(video) is not None:
        trims.expect(video)
    if first and video.deleted_at is None:
        video_ready.send(Video, video=video, at=at)
    return True


@transaction.atomic
def fail_upload(video_id: str, reason: str, *, now: datetime | None = None) -> None:
    """Mark an upload of which no video can be made, with a reason for its owner."""
    video = _upload(video_id)
    if video is None or video.state not in {State.QUEUED, State.PROCESSING}:
        return
    at = now or timezone.now()
    video.state, video.ended_at = State.FAILED, at
    video.reason = reason[: Video._meta.get_field("reason").max_length]
    video.save(update_fields=["state", "ended_at", "reason"])
    if video.deleted_at is None:
        video_failed.send(Video, video=video, at=at)


@transaction.atomic
def requeue_upload(video_id: str) -> None:
    """Mark an upload that failed and is to be prepared again."""
    video = _upload(video_id)
    if video is not None and video.state == State.FAILED:
        video.state, video.reason, video.ended_at = State.QUEUED, "", None
        video.save(update_fields=["state", "reason", "ended_at"])


def note_storyboard(video_id: str) -> bool:
    """Note that a video has a storyboard; return False where there is no such video any more."""
    return bool(
        Video.objects.filter(pk=video_id).exclude(state=State.DELETED).update(storyboard=True)
    )


def discard_recording(video_id: str) -> bool:
    """Delete the row of a recording that was kept for its show only.

    Returns False where it is to stay, True where its files may go.
    """
    Video.objects.filter(pk=video_id, temporary=True).delete()
    return not Video.objects.filter(pk=video_id).exists()


def access(video_id: str) -> VideoAccess | None:
    """Return who may get the files of a video; None if there is none, or it is in the bin.

    Recordings that are kept only during the show are among them, and those that were deleted while
    the show is still on: viewers go back in it until it ends. What failed or is not ready is
    private.
    """
    video = (
        Video.objects.select_related("channel")
        .filter(Q(deleted_at=None) | Q(state=State.RECORDING), pk=video_id)
        .exclude(state=State.DELETED)
        .first()
        if "\0" not in video_id  # PostgreSQL refuses texts with a zero byte
        else None
    )
    if video is None:
        return None
    return VideoAccess(
        id=video.pk,
        channel_id=video.channel_id,
        channel_slug=video.channel.slug,
        owner_id=video.channel.owner_id,
        visibility=Visibility.PRIVATE if video.state in _OWNERS_ALONE else video.visibility,
        state=video.state,
        title=video.title,
        finishing=video.state == State.ASKING and video.visibility != Visibility.PRIVATE,
        trim=trims.wanted(video),
        poster=video.poster_at is not None,
    )


def _upload(video_id: str) -> Video | None:
    videos = Video.objects.select_for_update(of=("self",)).select_related("channel")
    return videos.filter(pk=video_id, kind=Kind.UPLOAD).exclude(state=State.DELETED).first()


def _locked(video_id: str) -> Video:
    video = (
        Video.objects.select_for_update(of=("self",))
        .select_related("channel")
        .filter(pk=video_id)
        .first()
    )
    if video is None:
        raise NotBegun(f"The recording {video_id} has never begun.")
    return video
