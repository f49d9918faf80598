"""Files of videos that are deleted or not kept. Runs where the storage is."""

from __future__ import annotations

import logging
import shutil
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings

from madang.apps.videos import posters, subtitles
from madang.apps.videos.folders import folder_of
from madang.apps.videos.models import State, Video
from madang.apps.videos.removals import batches
from madang.infra.file_lock import locked
from madang.recording.manifest import LOCK, RECORDINGS
from madang.recording.viewers import FINISHING, finishing_until

log = logging.getLogger(__name__)


def is_read(video_id: str, at: datetime) -> bool:
    """Return whether somebody has read files of a video within FINISHING of `at`: a clock that was
    set back leaves times that are yet to come."""
    read_at = _read_at(video_id)
    return read_at is not None and abs(at.timestamp() - read_at) < FINISHING


def end_temporary(at: datetime) -> None:
    """Mark as deleted what is not kept and nobody watches any more."""
    over = Video.objects.filter(temporary=True, ended_at__lte=at - timedelta(seconds=FINISHING))
    for video in over.exclude(state__in=(State.RECORDING, State.DELETED)):
        if not _is_finishing(video, at):
            Video.objects.filter(pk=video.pk).update(state=State.DELETED)


def delete_files() -> None:
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


def _read_at(video_id: str) -> float | None:
    """Return when a video was read last, in seconds since 1970; None where it has no folder."""
    try:
        return folder_of(video_id).stat().st_mtime
    except OSError:
        return None


def _is_finishing(video: Video, at: datetime) -> bool:
    """Return whether viewers of a show that is not kept may still see its end."""
    assert video.ended_at is not None
    read_at = _read_at(video.pk)
    if read_at is None:
        return False
    return at.timestamp() < finishing_until(video.ended_at.timestamp(), video.duration, read_at)


def _deleted_on_disk() -> list[str]:
    """Return the ids of deleted videos that have a folder."""
    try:
        names = sorted(
            entry.name for entry in (settings.MADANG_MEDIA_FOLDER / RECORDINGS).iterdir()
        )
    except FileNotFoundError:
        return []
    found: list[str] = []
    for some in batches(names):
        deleted = Video.objects.filter(pk__in=some, state=State.DELETED)
        found += deleted.values_list("pk", flat=True)
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
