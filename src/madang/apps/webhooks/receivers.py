"""Receivers of the signals of `madang.apps.broadcasts` and `madang.apps.videos`.

They run in the transaction that changes the row of the show or the video: row and deliveries are
both kept, or neither.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from madang.apps.broadcasts.models import Broadcast
from madang.apps.videos.addresses import addresses_of
from madang.apps.videos.models import Video
from madang.apps.webhooks import services


def show_began(show: Broadcast, at: datetime, **_: Any) -> None:
    """Queue the event `live.begins`."""
    _queue("live.begins", show, at)


def show_ended(show: Broadcast, at: datetime, **_: Any) -> None:
    """Queue the event `live.ends`."""
    _queue("live.ends", show, at)


def video_ready(video: Video, at: datetime, **_: Any) -> None:
    """Queue the event `video.ready`."""
    addresses = addresses_of(video)
    content = {
        **_words(video),
        "duration": video.duration,
        "visibility": video.visibility,
        "playlist_url": addresses.playlist_url,
        "download_url": addresses.download_url,
    }
    services.queue(video.channel_id, "video.ready", content, at)


def video_failed(video: Video, at: datetime, **_: Any) -> None:
    """Queue the event `video.failed`."""
    content = {**_words(video), "reason": video.reason}
    services.queue(video.channel_id, "video.failed", content, at)


def _words(video: Video) -> dict[str, Any]:
    return {
        "slug": video.channel.slug,
        "id": video.pk,
        "title": video.title,
        "watch_url": addresses_of(video).watch_url,
    }


def _queue(event: str, show: Broadcast, at: datetime) -> None:
    content = {"slug": show.channel.slug, "title": show.title}
    services.queue(show.channel_id, event, content, at)
