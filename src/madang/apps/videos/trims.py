"""Trimmed videos: start and end are moved, and moved back. The files stay as they are.

A row says what is wanted, what of that is true (cuts are made between parts of the recording), and
what the video was before. Where the storage is on another machine, `settle` there finds out.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from madang.apps.jobs import services as jobs
from madang.apps.videos.errors import InvalidVideo, UnfitState
from madang.apps.videos.folders import folder_of
from madang.apps.videos.jobs import STORYBOARD
from madang.apps.videos.models import Kind, State, Video
from madang.apps.videos.times import exact_clock
from madang.base.errors import ParseError
from madang.infra.storage import storage_id
from madang.recording.manifest import MANIFEST, decode
from madang.recording.trim import Cut, NothingLeft, Trim, cut, read_indexes

log = logging.getLogger(__name__)

_FIELDS = ("duration", "gaps", "renditions")
"""Fields of a row that are those of what is left. Its `bytes` are those on the disk."""


@dataclass(frozen=True, slots=True)
class TrimCard:
    """A trim as the API shows it, in seconds of the whole. `start` and `end` are the true ones,
    None until they are known; the wanted ones are None where nothing is cut away."""

    start: float | None
    end: float | None
    wanted_start: float | None
    wanted_end: float | None
    whole_duration: float


def wanted(video: Video) -> Trim | None:
    """Return where a video is to be cut; None for nowhere."""
    if video.trim_start is None and video.trim_end is None:
        return None
    return Trim(video.trim_start, video.trim_end)


def whole(video: Video) -> dict[str, Any]:
    """Return duration, gaps and renditions of the whole of a video."""
    return video.untrimmed or {name: getattr(video, name) for name in _FIELDS}


def shown_bytes(video: Video) -> int:
    """Return the bytes of what viewers get."""
    if wanted(video) is None:
        return video.bytes
    return sum(int(each["bytes"]) for each in video.renditions)


def card(video: Video) -> TrimCard | None:
    """Return how a video is trimmed; None for not at all."""
    trim = wanted(video)
    if trim is None:
        return None
    true = video.trim_view or {}
    duration = whole(video)["duration"]
    return TrimCard(true.get("start"), true.get("end"), trim.start, trim.end, duration)


def dates(video: Video) -> tuple[datetime, datetime]:
    """Return when what a recording shows began and ended."""
    began, ended = video.created_at, video.ended_at or datetime.now(UTC)
    if video.kind != Kind.RECORDING:  # times of others are no dates
        return began, ended
    if video.trim_view and "began_at" in video.trim_view:
        first, last = (
            datetime.fromtimestamp(video.trim_view[name], UTC) for name in ("began_at", "ended_at")
        )
        return max(began, first), min(ended, last)
    trim = wanted(video)
    if trim is None:
        return began, ended
    first = began + timedelta(seconds=trim.start or 0.0)
    return first, ended if trim.end is None else max(first, began + timedelta(seconds=trim.end))


def require_trimmable(video: Video) -> None:
    """Raise UnfitState unless a video is finished, and not in the bin."""
    if video.deleted_at is not None:
        raise UnfitState(_("The video is in the bin."), mend=_("Take it out first."))
    if video.state != State.READY:
        raise UnfitState(_("Only a video that is finished and ready can be trimmed."))


@dataclass(frozen=True, slots=True)
class Plan:
    """What a trim will leave of a video that `was` more; `trim` is None for all. `found` is None
    where the storage is not at hand."""

    trim: Trim | None
    found: Cut | None
    was: dict[str, Any]


def plan(video: Video, start: float | None, end: float | None) -> Plan:
    """Return what is left of a video between two times of the whole, in seconds. Reads the disk.

    None, and a time at the very beginning or end, cuts nothing away there. The cut is never outside
    of these times. Raises InvalidVideo, UnfitState.
    """
    require_trimmable(video)
    was = whole(video)
    duration = was["duration"]
    start = start if start is not None and start > 0 else None
    if start is not None and start >= duration:
        raise InvalidVideo(
            format_lazy(
                _("The start lies behind the end of the video, which is {length} long."),
                length=exact_clock(duration),
            )
        )
    end = end if end is not None and end < duration else None
    if end is not None and end <= (start or 0.0):
        raise InvalidVideo(_("The end has to come after the start."))
    if start is None and end is None:
        return Plan(None, None, was)
    trim = Trim(start, end)
    return Plan(trim, _read_cut(video.pk, trim), was)


@transaction.atomic
def apply(video: Video, plan: Plan) -> Video:
    """Let viewers get what is left of a video; return it. Raises UnfitState."""
    video = _locked(video.pk)
    require_trimmable(video)
    was = whole(video)
    video.poster_at = None  # it may be a picture that is cut away
    video.trim_start = plan.trim.start if plan.trim else None
    video.trim_end = plan.trim.end if plan.trim else None
    _save(video, was, plan.found if plan.was == was else None)
    transaction.on_commit(lambda: _queue_pictures(video))
    return video


def trim(video: Video, start: float | None, end: float | None) -> Video:
    """Leave of a video what lies between two times, as `plan` says; return it. Raises InvalidVideo,
    UnfitState."""
    return apply(video, plan(video, start, end))


def undo(video: Video) -> Video:
    """Show the whole of a video again; return it. Raises UnfitState."""
    return trim(video, None, None)


def expect(video: Video) -> None:
    """Save a trimmed video, whose row is locked and has the values of a whole that has changed;
    `settle` finds out what is left of that."""
    video.untrimmed = None
    _save(video, whole(video), None)


def settle() -> None:
    """Find out what trims have become whose storage was not at hand, or whose video has changed."""
    waiting = Video.objects.filter(
        Q(trim_start__isnull=False) | Q(trim_end__isnull=False),
        trim_view__isnull=True,
        state=State.READY,
    )
    for video in waiting:
        trim = wanted(video)
        if trim is None:
            continue
        nothing = False
        try:
            found = _read_cut(video.pk, trim)
        except InvalidVideo as error:
            log.warning("the trim of video %s: %s", video.pk, error)
            nothing = True
        if not nothing and found is None:
            continue
        with transaction.atomic():
            now = _locked(video.pk)
            if (wanted(now), whole(now), now.trim_view) != (trim, whole(video), None):
                continue
            if nothing:  # viewers get that; the owner sees how it is trimmed
                now.trim_view, now.duration, now.renditions = {}, 0.0, []
                now.save(update_fields=["trim_view", "duration", "renditions"])
            else:
                _save(now, whole(now), found)
        _queue_pictures(now)


def of(video_id: str) -> Trim | None:
    """Return where a video is to be cut; None for nowhere, or no video."""
    video = Video.objects.filter(pk=video_id).first()
    return None if video is None else wanted(video)


def note_pictures(video_id: str, trim: Trim) -> bool:
    """Note that there are pictures of what a trim leaves; return False where it is another."""
    video = Video.objects.select_for_update().filter(pk=video_id).first()
    if video is None or wanted(video) != trim or not video.trim_view:
        return False
    video.trim_view = {**video.trim_view, "drawn": True}
    video.save(update_fields=["trim_view"])
    return True


def _queue_pictures(video: Video) -> None:
    """Queue the drawing of pictures of what is left of a video, or of all, where there are
    none."""
    if video.renditions and (video.trim_view or not (wanted(video) or video.storyboard)):
        storage = storage_id(settings.MADANG_MEDIA_FOLDER) or ""
        jobs.enqueue(STORYBOARD, video.pk, storage=storage)


def _save(video: Video, was: dict[str, Any], found: Cut | None) -> None:
    """Save what is left of a video that `was` more; `found` is None where that is not known."""
    trim = wanted(video)
    if trim is None:
        shown, video.untrimmed, video.trim_view = was, None, None
    elif found is None:
        shown, video.untrimmed, video.trim_view = _expected(was, trim), was, None
    else:
        left = found.leading
        shown, video.untrimmed = _left(was, found), was
        video.trim_view = {
            "start": round(left.start, 3),
            "end": round(left.end, 3),
            "began_at": left.began_at,
            "ended_at": left.ended_at,
        }
    for name in _FIELDS:
        setattr(video, name, shown[name])
    video.save(
        update_fields=[*_FIELDS, "trim_start", "trim_end", "trim_view", "untrimmed", "poster_at"]
    )


def _read_cut(video_id: str, trim: Trim) -> Cut | None:
    """Return what a trim leaves; None where the storage is not at hand. Raises InvalidVideo."""
    folder = folder_of(video_id)

    def read(name: str) -> bytes:
        return (folder / name).read_bytes()

    try:
        return cut(read_indexes(decode(read(MANIFEST)), read), trim)
    except NothingLeft:
        raise InvalidVideo(
            _("Nothing would be left: a cut is made at a key frame, and none lies in between."),
            mend=_("Leave more of the video."),
        ) from None
    except FileNotFoundError:
        return None
    except (OSError, ParseError) as error:
        log.warning("the recording of video %s cannot be read: %s", video_id, error)
        return None


def _expected(was: dict[str, Any], trim: Trim) -> dict[str, Any]:
    """Return what is left by the wanted times alone."""
    end = was["duration"] if trim.end is None else trim.end
    duration = max(0.0, end - (trim.start or 0.0))
    share = duration / was["duration"] if was["duration"] else 0.0
    renditions = [{**each, "bytes": round(each["bytes"] * share)} for each in was["renditions"]]
    return {
        "duration": duration,
        "gaps": was["gaps"],
        "renditions": renditions,
    }


def _left(was: dict[str, Any], found: Cut) -> dict[str, Any]:
    renditions = [
        {**each, "bytes": found.renditions[each["name"]].bytes}
        for each in was["renditions"]
        if each["name"] in found.renditions
    ]
    return {
        "duration": round(found.leading.end - found.leading.start, 3),
        "gaps": found.leading.gaps,
        "renditions": renditions,
    }


def _locked(video_id: str) -> Video:
    videos = Video.objects.select_for_update(of=("self",)).select_related("channel__owner")
    return videos.get(pk=video_id)
