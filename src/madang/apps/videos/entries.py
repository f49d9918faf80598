"""Videos as pages show them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import ngettext

from madang.apps.api import page_newest
from madang.apps.videos import library, preparation, removals
from madang.apps.videos.addresses import VideoAddresses, paths_of
from madang.apps.videos.descriptions import clock
from madang.apps.videos.models import RemovalReason, State, Video
from madang.apps.videos.preparation import Preparation

PAGE_VIDEOS: Final = 12
MINUTE: Final = 60


@dataclass(frozen=True, slots=True)
class VideoEntry:
    """A video of a list; `gaps` says how much of it is missing, "" for nothing.

    `days_left` until it goes to the bin, or its files go if it is there; None for ever.
    `preparation` is for its owner, None where there is nothing to say. `reason`: why it went to the
    bin, "" where that is not said.
    """

    video: Video
    paths: VideoAddresses
    length: str
    gaps: str
    expires_at: datetime | None
    days_left: int | None
    preparation: Preparation | None = None
    reason: str = ""

    @property
    def version(self) -> str:
        """Text that is another one after the state, or what its owner may do, has changed."""
        about = self.preparation
        return f"{self.video.state} {about.version if about else ''}"

    @property
    def plays(self) -> bool:
        """True where the files are there and whole: a show that is on is watched live."""
        return self.paths.playlist_url is not None and self.video.state != State.RECORDING


def entry_of(video: Video, now: datetime | None = None) -> VideoEntry:
    """Return an entry of `video`, whose channel is loaded."""
    expires = library.expires_at(video)
    left = None
    if expires is not None:
        left = max((expires - (now or timezone.now())).days, 0)
    return VideoEntry(
        video=video,
        paths=paths_of(video),
        length=clock(video.duration),
        gaps=_in_words(video.gaps),
        expires_at=expires,
        days_left=left,
    )


def with_preparations(found: list[VideoEntry]) -> list[VideoEntry]:
    """Return entries that also say what is being done about each video."""
    about = preparation.of_videos([entry.video for entry in found])
    return [replace(entry, preparation=about.get(entry.video.pk)) for entry in found]


def with_reasons(found: list[VideoEntry]) -> list[VideoEntry]:
    """Return entries of videos in the bin that also say why they went there by themselves."""
    why = removals.reasons_of([entry.video.pk for entry in found])
    said = {
        video_id: str(reason.label)
        for video_id, reason in why.items()
        if reason != RemovalReason.HAND
    }
    return [replace(entry, reason=said.get(entry.video.pk, "")) for entry in found]


def _in_words(seconds: float) -> str:
    """Return a length in words, in the active language; "" for less than a second."""
    whole = round(seconds)
    if whole < MINUTE:
        return ngettext("{n} second", "{n} seconds", whole).format(n=whole) if whole else ""
    minutes = round(whole / MINUTE)
    return ngettext("{n} minute", "{n} minutes", minutes).format(n=minutes)


def page(videos: QuerySet[Video], cursor: str | None = None) -> tuple[list[VideoEntry], str | None]:
    """Return a page of `videos`, the newest first, and the cursor of the next one.

    Raises UnknownCursor.
    """
    found, following = page_newest(videos, "created_at", cursor, PAGE_VIDEOS)
    return [entry_of(video) for video in found], following


def page_of_channel(
    slug: str, cursor: str | None = None, *, clips: bool = False
) -> tuple[list[VideoEntry], str | None]:
    """Return a page of what everybody finds of a channel: its clips, or all others. Raises
    UnknownCursor."""
    videos = library.clips() if clips else library.main()
    return page(videos.filter(channel__slug=slug), cursor)
