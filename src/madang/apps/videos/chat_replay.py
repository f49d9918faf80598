"""The chat of a show beside its recording.

A message belongs where the date of the picture (EXT-X-PROGRAM-DATE-TIME) is its time. Players map
dates to positions, as they know the gaps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import QuerySet

from madang.apps.api import page_oldest
from madang.apps.channels.models import Channel
from madang.apps.chat import store
from madang.apps.chat.models import ChatMessage
from madang.apps.videos import library
from madang.apps.videos.models import Kind, Video
from madang.chat.model import Message


@dataclass(frozen=True, slots=True)
class ReplayPage:
    """Messages of a show, the oldest first.

    `previous_at` and `next_at`: times of the messages before and after the wanted time, None
    without. `version` is another after a message of the show was deleted or brought back.
    """

    began_at: datetime
    messages: list[Message]
    next_cursor: str | None
    previous_at: datetime | None
    next_at: datetime | None
    version: str


def spans_kept() -> Mapping[int, Sequence[store.Span]]:
    """Return the times whose messages videos need, by the key of the channel."""
    found: dict[int, list[store.Span]] = {}
    videos = library.all_videos().filter(kind=Kind.RECORDING, channel__chat_replay=True)
    for channel, began, ended in videos.values_list("channel_id", "created_at", "ended_at"):
        found.setdefault(channel, []).append((began, ended or datetime.max.replace(tzinfo=UTC)))
    return found


def has_messages(video: Video) -> bool:
    """Return whether there is a chat to show beside `video`, whose channel is loaded."""
    return _shown(video) and _of_show(video).exists()


def page(
    video: Video,
    start: float | datetime,
    end: datetime | None,
    cursor: str | None,
    limit: int,
) -> ReplayPage:
    """Return messages from `start` on and before `end`, None for all that follow.

    `start` is an instant, or seconds of the clock after the beginning of the show. Nothing where
    the channel shows no chat beside its videos. Raises UnknownCursor.
    """
    began, ended = _span(video)
    if not isinstance(start, datetime):
        start = began + timedelta(seconds=start)
    start = min(max(start, began), ended)
    end = ended if end is None else min(max(end, start), ended)
    everything = _of_show(video) if _shown(video) else ChatMessage.objects.none()
    wanted = everything.filter(at__gte=start, at__lt=end)
    rows, following = page_oldest(wanted, "at", "key", cursor, limit)
    before = everything.filter(at__lt=start).order_by("-at").values_list("at", flat=True)
    after = everything.filter(at__gte=end).order_by("at").values_list("at", flat=True)
    return ReplayPage(
        began_at=began,
        messages=store.without_deleted_quotes(video.channel, rows),
        next_cursor=following,
        previous_at=before.first(),
        next_at=after.first(),
        version=store.deletions(video.channel, began, ended),
    )


def _shown(video: Video) -> bool:
    return video.kind == Kind.RECORDING and video.channel.chat_replay


def _span(video: Video) -> store.Span:
    return video.created_at, video.ended_at or datetime.now(UTC)


def _of_show(video: Video) -> QuerySet[ChatMessage]:
    channel: Channel = video.channel
    return store.replay(channel, *_span(video))
