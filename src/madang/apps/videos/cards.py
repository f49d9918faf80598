"""A video as the API and `madang video --json` print it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext

from madang.apps.videos import trims
from madang.apps.videos.addresses import addresses_of
from madang.apps.videos.library import expires_at
from madang.apps.videos.models import Kind, State, Video, Visibility


@dataclass(frozen=True, slots=True)
class ClipCard:
    """The source of a clip, and where in it the clip truly begins, in seconds; None until known."""

    video: str
    start: float | None


@dataclass(frozen=True, slots=True)
class VideoCard:
    """Fields of a video. Times are UTC, sizes in bytes, `duration` and `gaps` in seconds.

    `visibility` is `private` for one that waits for its owner's answer.

    `state` is `deleted` for one in the bin, `reason` is in the active language. `expires_at` is
    when it goes to the bin, or its files go if it is there; None for never. `publish_at` is when it
    becomes public by itself. Of a trimmed video length and sizes are those of what is left.
    """

    id: str
    channel: str
    title: str
    description: str
    tags: list[str]
    language: str
    kind: str
    state: str
    reason: str
    duration: float
    bytes: int
    views: int
    visibility: str
    created_at: datetime
    ended_at: datetime | None
    gaps: float
    keep: bool
    expires_at: datetime | None
    publish_at: datetime | None
    watch_url: str
    playlist_url: str | None
    download_url: str | None
    poster_url: str | None
    storyboard_url: str | None
    renditions: list[dict[str, Any]]
    trim: trims.TrimCard | None
    clip: ClipCard | None


def card(video: Video, base: str | None = None) -> VideoCard:
    """Return the fields of `video`, whose channel is loaded, with addresses below `base`."""
    addresses = addresses_of(video, base)
    return VideoCard(
        id=video.pk,
        channel=video.channel.slug,
        title=video.title,
        description=video.description,
        tags=[tag.name for tag in video.tags.all()],
        language=video.language,
        kind=video.kind,
        state=State.DELETED if video.deleted_at is not None else video.state,
        reason=gettext(video.reason),
        duration=video.duration,
        bytes=trims.shown_bytes(video),
        views=video.views,
        visibility=Visibility.PRIVATE if video.state == State.ASKING else video.visibility,
        created_at=video.created_at,
        ended_at=video.ended_at,
        gaps=video.gaps,
        keep=video.keep,
        expires_at=expires_at(video),
        publish_at=video.publish_at,
        watch_url=addresses.watch_url,
        playlist_url=addresses.playlist_url,
        download_url=addresses.download_url,
        poster_url=addresses.poster_url,
        storyboard_url=addresses.storyboard_url,
        renditions=video.renditions,
        trim=trims.card(video),
        clip=_clip(video),
    )


def _clip(video: Video) -> ClipCard | None:
    if video.kind != Kind.CLIP:
        return None
    return ClipCard(video.clip_of, video.clip_start if video.state == State.READY else None)
