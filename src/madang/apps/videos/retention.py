"""Retention of videos, and deletion of their files. Runs where the storage is."""

from __future__ import annotations

import logging
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from madang.apps.channels.models import Channel
from madang.apps.channels.services import retention_days
from madang.apps.videos import posters, station_time, subtitles
from madang.apps.videos.folders import folder_of
from madang.apps.videos.library import BIN_TIME
from madang.apps.videos.models import State, Video
from madang.apps.videos.services import TIME_TO_ANSWER
from madang.apps.videos.station_time import StationTime
from madang.infra.file_lock import locked
from madang.recording.manifest import LOCK, RECORDINGS
from madang.recording.viewers import FINISHING, finishing_until

_QUERY_SIZE: Final = 500
"""Ids in one query: SQLite limits the number of values."""

log = logging.getLogger(__name__)


def apply(now: datetime | None = None) -> None:
    """Put into the bin what is over age or was not answered for; delete the files of what was in
    the bin for long, and of shows that are not kept."""
    at = now or timezone.now()
    time = station_time.advance(at)
    binned = _bin_unanswered(time) + _bin_over_age(time)
    emptied = _empty_bin(time)
    _end_temporary(at)
    _delete_files()
    if binned or emptied:
        log.info("videos: %d into the bin, %d deleted", binned, emptied)


def _bin_unanswered(time: StationTime) -> int:
    waiting = Video.objects.filter(state=State.ASKING, asked_until__lte=time.now, deleted_at=None)
    over = [
        video.pk
        for video in waiting
        if video.asked_until and time.has_passed(TIME_TO_ANSWER, video.asked_until - TIME_TO_ANSWER)
    ]
    return _update(over, deleted_at=time.now)


def _bin_over_age(time: StationTime) -> int:
    binned = 0
    for channel in Channel.objects.filter(videos__deleted_at=None).distinct():
        if days := retention_days(channel):
            age = timedelta(days=days)
            old = channel.videos.filter(
                state__in=(State.READY, State.FAILED),
                temporary=False,
                keep=False,
                deleted_at=None,
                ended_at__lte=time.now - age,
            ).values_list("pk", "ended_at")
            over = [
                video_id
                for video_id, ended_at in old
                if ended_at and time.has_passed(age, ended_at)
            ]
            binned += _update(over, deleted_at=time.now)
    return binned


def _empty_bin(time: StationTime) -> int:
    """Mark as deleted what was in the bin for long: it cannot be taken out from then on."""
    old = Video.objects.filter(deleted_at__lte=time.now - BIN_TIME)
    old = old.exclude(state__in=(State.RECORDING, State.DELETED))
    over = [
        video_id
        for video_id, deleted_at in old.values_list("pk", "deleted_at")
        if deleted_at and time.has_passed(BIN_TIME, deleted_at)
    ]
    return _update(over, state=State.DELETED)


def _update(video_ids: list[str], **values: Any) -> int:
    return sum(
        Video.objects.filter(pk__in=video_ids[start : start + _QUERY_SIZE]).update(**values)
        for start in range(0, len(video_ids), _QUERY_SIZE)
    )


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
            _delete_folder(folder_of(video_id))
        except OSError as error:
            log.warning("the files of video %s cannot be deleted: %s", video_id, error)
    subtitles.delete_unneeded()
    posters.delete_unneeded()
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


def _delete_folder(folder: Path) -> None:
    """Delete a folder that nobody writes; its lock is held meanwhile, and goes last."""
    with locked(folder / LOCK) as taken:
        if not taken:
            return
        for child in folder.iterdir():
            if child.is_dir():
                shutil.rmtree(child)
            elif child.name != LOCK:
                child.unlink()
        shutil.rmtree(folder)
