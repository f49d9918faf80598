"""Posters of videos that somebody chose, in place of the automatic ones."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from madang.apps.chat import emotes
from madang.apps.chat.errors import InvalidChat
from madang.apps.videos.errors import InvalidPoster, UnfitState
from madang.apps.videos.models import Poster, State, Video

LARGEST_FILE: Final = emotes.LARGEST_FILE
"""Bytes of an upload."""

_DECODER_MODE: Final = "poster"


def choose(video: Video, data: bytes, *, now: datetime | None = None) -> Video:
    """Make a PNG, GIF, WebP or JPEG file the poster of a video, and return the video.

    A confined process decodes it: call outside transactions. Raises InvalidPoster, UnfitState,
    DecoderBusy.
    """
    try:
        picture, _width, _height = emotes.resized(data, _DECODER_MODE)
    except InvalidChat as error:
        raise InvalidPoster(error.message, mend=error.mend) from None
    return _save(video, picture, now or timezone.now())


@transaction.atomic
def restore(video: Video) -> Video:
    """Give a video its automatic poster again, and return the video."""
    locked = _locked(video)
    locked.poster_at = None
    locked.save(update_fields=["poster_at"])
    Poster.objects.filter(video=locked).delete()
    return locked


def picture_of(video_id: str) -> bytes | None:
    """Return the poster that was chosen for a video; None where none was."""
    row = Poster.objects.filter(video_id=video_id).first()
    return None if row is None else bytes(row.picture)


def delete_unneeded() -> None:
    """Delete posters of videos whose files are deleted."""
    Poster.objects.filter(video__state=State.DELETED).delete()


@transaction.atomic
def _save(video: Video, picture: bytes, at: datetime) -> Video:
    locked = _locked(video)
    if locked.state == State.DELETED:
        raise UnfitState(_("The files of this video are deleted."))
    locked.poster_at = at
    locked.save(update_fields=["poster_at"])
    Poster.objects.update_or_create(video=locked, defaults={"picture": picture})
    return locked


def _locked(video: Video) -> Video:
    rows = Video.objects.select_for_update(of=("self",)).select_related("channel__owner")
    return rows.get(pk=video.pk)
