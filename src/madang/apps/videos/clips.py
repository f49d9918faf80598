"""Clips: up to a minute of a show or a video, cut by viewers where the channel allows it."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.text import format_lazy
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from madang.apps.accounts.models import User
from madang.apps.channels.models import TITLE_LENGTH, Channel, Clips
from madang.apps.channels.services import may_run
from madang.apps.ids import new_id
from madang.apps.videos import clip_files, library, services, trims
from madang.apps.videos.errors import ClipsRefused, InvalidClip, UnfitState
from madang.apps.videos.folders import folder_of
from madang.apps.videos.models import Kind, State, Video
from madang.apps.videos.signals import video_failed, video_ready
from madang.apps.videos.times import exact_clock
from madang.base.addresses import neighbourhood
from madang.base.errors import ParseError
from madang.infra.disk import Disk
from madang.recording.trim import SLACK

LONGEST: Final = 60.0
SHORTEST: Final = 1.0
"""Seconds of a clip; it begins up to a key frame earlier."""

LATEST: Final = 300.0
"""Seconds before now at which the end of a clip of a show may be, given from its end."""

HOUR: Final = timedelta(hours=1)
PER_HOUR: Final = 20
"""Clips of one person, or of one address without accounts, in an hour."""

PATIENCE: Final = timedelta(minutes=5)
"""Time for which the machine with the storage is waited for."""

FAILED: Final = gettext_noop("The clip could not be written.")

log = logging.getLogger(__name__)


def may_clip(channel: Channel, user: User | None) -> bool:
    """Return whether somebody may make clips of a channel."""
    if user is not None and may_run(user, channel):
        return True
    if channel.clips == Clips.ACCOUNTS:
        return user is not None
    return channel.clips == Clips.EVERYBODY


def last(
    video_id: str, user: User | None, length: float, behind: float, now: datetime | None = None
) -> tuple[float, float]:
    """Return start and end of the last `length` seconds of a show that is on, for a viewer who is
    `behind` by some seconds. Raises NoSuchVideo, InvalidClip."""
    video = library.find(video_id, user)
    if video.state != State.RECORDING:
        raise InvalidClip(_("The show is over."), mend=_("Say start and end of the clip."))
    behind = min(max(behind, 0.0), LATEST)
    end = ((now or timezone.now()) - video.created_at).total_seconds() - behind
    return max(0.0, end - length), max(0.0, end)


def create(
    video_id: str,
    user: User | None,
    address: str,
    *,
    start: float,
    end: float,
    title: str = "",
    now: datetime | None = None,
) -> Video:
    """Make a clip of a video that `user` may open, between two times in seconds; return it.

    It is ready at once where the storage is at hand, otherwise within seconds. It has the
    visibility of its source. Raises NoSuchVideo, ClipsRefused, InvalidClip, UnfitState.
    """
    at = now or timezone.now()
    source = library.find(video_id, user)
    if not may_clip(source.channel, user):
        raise ClipsRefused(
            _("This channel allows no clips."),
            mend=_("Sign in, or ask its owner.") if user is None else "",
        )
    if source.kind == Kind.CLIP:
        raise UnfitState(_("Of a clip no clip is made."), mend=_("Make one of its source."))
    trim = trims.wanted(source)
    if (
        source.state not in {State.RECORDING, State.READY}
        or source.deleted_at is not None
        or (trim is not None and not source.trim_view)
    ):
        raise UnfitState(_("The video is not ready."))
    if source.state == State.READY and end > source.duration + SLACK:
        raise InvalidClip(
            _("There is nothing of the recording between these times."),
            mend=_("Choose others, or wait a moment where the show has only come so far."),
        )
    length = end - start
    if start < 0 or not SHORTEST <= length <= LONGEST:
        raise InvalidClip(
            format_lazy(
                _("A clip is {least} to {most} seconds long."),
                least=f"{SHORTEST:g}",
                most=f"{LONGEST:g}",
            )
        )
    maker = _maker(user, address)
    recent = Video.objects.filter(kind=Kind.CLIP, clip_maker=maker, created_at__gt=at - HOUR)
    if recent.count() >= PER_HOUR:
        raise ClipsRefused(
            _("You have made many clips within an hour."), mend=_("Go on a little later.")
        )
    shift = (source.trim_view or {}).get("start", 0.0)
    clip = Video.objects.create(
        id=new_id(),
        channel=source.channel,
        kind=Kind.CLIP,
        state=State.QUEUED,
        title=_title(source, title, start),
        language=source.language,
        visibility=source.visibility,
        created_at=at,
        duration=length,
        clip_of=source.pk,
        clip_start=shift + start,
        clip_end=shift + end,
        clip_maker=maker,
    )
    try:
        _make(clip, at)
    except InvalidClip:
        clip.delete()
        raise
    clip.refresh_from_db()
    return clip


def settle(now: datetime | None = None) -> None:
    """Make clips whose storage was not at hand where they were asked for; those that wait for it
    too long fail."""
    at = now or timezone.now()
    queued = Video.objects.filter(kind=Kind.CLIP, state=State.QUEUED, created_at__gt=at - HOUR)
    for clip in queued.select_related("channel"):
        try:
            made = _make(clip, at)
        except InvalidClip as error:
            _fail(clip, str(error), at)
            continue
        if not made and at - clip.created_at > PATIENCE:
            _fail(clip, FAILED, at)


def _make(clip: Video, at: datetime) -> bool:
    """Write the files of a clip and show it; return False where the storage is not at hand. Raises
    InvalidClip."""
    assert clip.clip_start is not None
    assert clip.clip_end is not None
    media: Path = settings.MADANG_MEDIA_FOLDER
    draft = media / "clips" / clip.pk
    try:
        if not folder_of(clip.clip_of).is_dir():
            return False
        _require_room(media)
        clip_files.remove(draft)
        draft.mkdir(parents=True)
        made = clip_files.make(
            folder_of(clip.clip_of),
            draft,
            clip.pk,
            start=clip.clip_start,
            end=clip.clip_end,
            now=at,
        )
        with transaction.atomic():
            row = Video.objects.select_for_update().filter(pk=clip.pk, state=State.QUEUED).first()
            if row is None:
                return True  # made, or deleted, by another process meanwhile
            clip_files.move(draft, folder_of(clip.pk))
            result = made.result
            row.state, row.clip_start = State.READY, round(made.start, 3)
            row.duration, row.bytes, row.gaps = result.duration, result.bytes, result.gaps
            row.renditions = services.rows_of(result)
            row.ended_at = at
            row.save()
            video_ready.send(Video, video=row, at=at)
    except FileNotFoundError:
        return False
    except (OSError, ParseError) as error:
        log.warning("clip %s: it cannot be written: %s", clip.pk, error)
        return False
    finally:
        clip_files.remove(draft)
    return True


def _require_room(media: Path) -> None:
    """Raise InvalidClip where the reserve of the disk would be touched."""
    if Disk().free(media) < settings.MADANG_RESERVE_BYTES:
        raise InvalidClip(_("The station has no room for clips at the moment."))


def _fail(clip: Video, reason: str, at: datetime) -> None:
    with transaction.atomic():
        row = Video.objects.select_for_update().get(pk=clip.pk)
        if row.state == State.QUEUED:
            row.state, row.reason, row.ended_at = State.FAILED, reason[:300], at
            row.save(update_fields=["state", "reason", "ended_at"])
            video_failed.send(Video, video=row, at=at)


def _title(source: Video, title: str, start: float) -> str:
    wanted = title.replace("\0", "").strip()
    if not wanted:
        wanted = gettext("{title}, from {time}").format(title=source.title, time=exact_clock(start))
    return wanted[:TITLE_LENGTH]


def _maker(user: User | None, address: str) -> str:
    """Return a name of who makes a clip: their account, or a hash of their address."""
    if user is not None:
        return f"user {user.pk}"
    return salted_hmac("madang.clips", neighbourhood(address)).hexdigest()[:32]


def position_in(clip: Video, source: Video) -> float:
    """Return where a clip begins in what viewers get of its source, in seconds."""
    begin: float = (source.trim_view or {}).get("start", 0.0)
    return max(0.0, (clip.clip_start or 0.0) - begin)


def source_of(clip: Video, user: User | None) -> Video | None:
    """Return the video that a clip is of, where `user` may open it."""
    if clip.kind != Kind.CLIP or not clip.clip_of:
        return None
    return library.visible_to(user).filter(pk=clip.clip_of, deleted_at=None).first()
