"""Retention of videos, and deletion of their files. Runs where the storage is."""

from __future__ import annotations

import fcntl
import logging
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from django.conf import settings
from django.utils import timezone

from madang.apps.channels.models import Channel
from madang.apps.channels.services import retention_days
from madang.apps.videos.library import BIN_TIME
from madang.apps.videos.models import State, Video
from madang.recording.manifest import LOCK, RECORDINGS
from madang.recording.viewers import FINISHING, finishing_until

_QUERY_SIZE: Final = 500
"""Ids in one query: SQLite limits the number of values."""

log = logging.getLogger(__name__)


def folder_of(video_id: str) -> Path:
    """Return the folder of a video's files."""
    media: Path = settings.MADANG_MEDIA_FOLDER
    return media / RECORDINGS / video_id


def apply(now: datetime | None = None) -> None:
    """Put into the bin what is over age or was not answered for; delete the files of what was in
    the bin for long, and of shows that are not kept."""
    at = now or timezone.now()
    binned = _bin_unanswered(at) + _bin_over_age(at)
    emptied = _empty_bin(at)
    _end_temporary(at)
    _delete_files()
    if binned or emptied:
        log.info("videos: %d into the bin, %d deleted", binned, emptied)


def _bin_unanswered(at: datetime) -> int:
    waiting = Video.objects.filter(state=State.ASKING, asked_until__lte=at, deleted_at=None)
    return waiting.update(deleted_at=at)


def _bin_over_age(at: datetime) -> int:
    binned = 0
    for channel in Channel.objects.filter(videos__deleted_at=None).distinct():
        if days := retention_days(channel):
            binned += channel.videos.filter(
                state__in=(State.READY, State.FAILED),
                temporary=False,
                keep=False,
                deleted_at=None,
                ended_at__lte=at - timedelta(days=days),
            ).update(deleted_at=at)
    return binned


def _empty_bin(at: datetime) -> int:
    """Mark as deleted what was in the bin for long: it cannot be taken out from then on."""
    old = Video.objects.filter(deleted_at__lte=at - BIN_TIME).exclude(state=State.DELETED)
    return old.exclude(state=State.RECORDING).update(state=State.DELETED)


def _end_temporary(at: datetime) -> None:
    over = Video.objects.filter(temporary=True, ended_at__lte=at - timedelta(seconds=FINISHING))
    for video in over.exclude(state__in=(State.RECORDING, State.DELETED)):
        if not _is_watched(video, at):
            Video.objects.filter(pk=video.pk).update(state=State.DELETED)


def _is_watched(video: Video, at: datetime) -> bool:
    assert video.ended_at is not None
    try:
        watched_at = folder_of(video.pk).stat().st_mtime
    except OSError:
        return False
    until = finishing_until(video.ended_at.timestamp(), video.duration, watched_at)
    return at.timestamp() < until


def _delete_files() -> None:
    """Delete the folders of deleted videos, also of those where a run before was interrupted."""
    for video_id in _deleted_on_disk():
        try:
            if not _is_written(folder_of(video_id)):
                shutil.rmtree(folder_of(video_id))
        except OSError as error:
            log.warning("the files of video %s cannot be deleted: %s", video_id, error)
    left = _deleted_on_disk()
    Video.objects.filter(temporary=True, state=State.DELETED).exclude(pk__in=left).delete()


def _deleted_on_disk() -> list[str]:
    """Return the ids of deleted videos that have a folder."""
    try:
        names = sorted(
            entry.name for entry in (settings.MADANG_MEDIA_FOLDER / RECORDINGS).iterdir()
        )
    except FileNotFoundError:
        return []
    found: list[str] = []
    for start in range(0, len(names), _QUERY_SIZE):
        some = Video.objects.filter(pk__in=names[start : start + _QUERY_SIZE], state=State.DELETED)
        found += some.values_list("pk", flat=True)
    return found


def _is_written(folder: Path) -> bool:
    """Return true while a recorder holds the lock of the folder."""
    try:
        with (folder / LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
