"""Retention of videos: what goes to the bin by itself, and why."""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db.models import QuerySet, Sum
from django.utils import timezone

from madang.apps.channels.models import Channel
from madang.apps.videos import files, removals, station_time
from madang.apps.videos.ages import longest_days
from madang.apps.videos.library import BIN_TIME
from madang.apps.videos.models import RemovalReason, State, Video
from madang.apps.videos.services import TIME_TO_ANSWER
from madang.apps.videos.station_time import StationTime
from madang.infra.storage import storage_id
from madang.recording.retention import DAY, Candidate, Rules, Space, due

GB: Final = 1_000_000_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Due:
    """A video that goes to the bin, and why."""

    video: Video
    reason: RemovalReason


def apply(now: datetime | None = None) -> list[Due]:
    """Put into the bin what the rules say or was not answered for, and return it; delete the files
    of what was in the bin for long, and of shows that are not kept."""
    at = now or timezone.now()
    time = station_time.advance(at)
    found = _due(time)
    binned = removals.put_into_bin({each.video.pk: each.reason for each in found}, at)
    emptied = _empty_bin(time)
    files.end_temporary(at)
    files.delete_files()
    if binned or emptied:
        log.info("videos: %d into the bin, %d deleted", binned, emptied)
    return found


def plan(now: datetime | None = None) -> list[Due]:
    """Return what `apply` would put into the bin."""
    return _due(station_time.current(now or timezone.now()))


def rules() -> Rules:
    """Return the rules in force beside those of age."""
    section = settings.MADANG_RETENTION
    limited = Channel.objects.exclude(retention_gb=0).values_list("pk", "retention_gb")
    return Rules(
        few_views=section.few_views,
        few_views_age=section.few_views_days * DAY,
        min_free=int(section.min_free_gb * GB),
        max_used=int(section.max_used_gb * GB),
        channels={channel: limit * GB for channel, limit in limited},
    )


def _due(time: StationTime) -> list[Due]:
    unanswered = _unanswered(time)
    kept = _kept().select_related("channel")
    videos = {video.pk: video for video in kept}
    candidates = [_candidate(video, time) for video in videos.values()]
    found = due(candidates, rules(), _space(time.now))
    return [
        *(Due(video, RemovalReason.UNANSWERED) for video in unanswered),
        *(Due(videos[video_id], RemovalReason(reason.value)) for video_id, reason in found),
    ]


def _kept() -> QuerySet[Video]:
    """Return the videos that rules are for."""
    return Video.objects.filter(
        state__in=(State.READY, State.FAILED),
        temporary=False,
        deleted_at=None,
        ended_at__isnull=False,
    )


def _candidate(video: Video, time: StationTime) -> Candidate:
    assert video.ended_at is not None
    days = longest_days(video)
    return Candidate(
        id=video.pk,
        channel=video.channel_id,
        size=video.bytes,
        age=time.passed(video.ended_at).total_seconds(),
        views=video.views,
        longest=days * DAY if days else None,
        exempt=video.keep,
        watched=files.is_read(video.pk, time.now),
    )


def _space(now: datetime) -> Space:
    folder: Path = settings.MADANG_MEDIA_FOLDER
    if storage_id(folder) is None:  # not mounted, or elsewhere: another disk says nothing
        return Space(free=sys.maxsize, in_bin=0)
    free = shutil.disk_usage(folder).free
    binned = Video.objects.exclude(deleted_at=None).exclude(state=State.DELETED)
    come = Video.objects.filter(ended_at__gt=now - BIN_TIME, temporary=False)
    return Space(free, _bytes(binned), _bytes(come))


def _bytes(videos: QuerySet[Video]) -> int:
    total: int | None = videos.aggregate(total=Sum("bytes"))["total"]
    return total or 0


def _unanswered(time: StationTime) -> Iterable[Video]:
    waiting = Video.objects.filter(state=State.ASKING, asked_until__lte=time.now, deleted_at=None)
    return [
        video
        for video in waiting.select_related("channel")
        if video.asked_until and time.has_passed(TIME_TO_ANSWER, video.asked_until - TIME_TO_ANSWER)
    ]


def _empty_bin(time: StationTime) -> int:
    """Mark as deleted what was in the bin for long."""
    old = Video.objects.filter(deleted_at__lte=time.now - BIN_TIME)
    old = old.exclude(state__in=(State.RECORDING, State.DELETED))
    over = [
        video_id
        for video_id, deleted_at in old.values_list("pk", "deleted_at")
        if deleted_at and time.has_passed(BIN_TIME, deleted_at)
    ]
    return removals.mark_deleted(over, time.now)
