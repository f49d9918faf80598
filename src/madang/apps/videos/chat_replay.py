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
from madang.apps.chat import emotes as pictures
from madang.apps.chat import store
from madang.apps.chat.models import ChatMessage
from madang.apps.videos import library, trims
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
    """Return the times whose messages videos need, by the key of the channel; of trimmed ones
    those of the whole."""
    found: dict[int, list[store.Span]] = {}
    videos = library.all_videos().filter(kind=Kind.RECORDING, channel__chat_replay=True)
    for channel, began, ended in videos.values_list("channel_id", "created_at", "ended_at"):
        found.setdefault(channel, []).append((began, ended or datetime.max.replace(tzinfo=UTC)))
    return found


def has_messages(video: Video) -> bool:
    """Return whether there is a chat to show beside `video`, whose channel is loaded."""
    return _said(video, *trims.dates(video)).exists()


def emotes(video: Video) -> list[dict[str, str]]:
    """Return the emotes of the chat, with the addresses of their pictures."""
    return [{"name": each.name, "url": each.url} for each in pictures.of(video.channel)]


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
    began, ended = trims.dates(video)
    if not isinstance(start, datetime):
        start = began + timedelta(seconds=start)
    start = min(max(start, began), ended)
    end = ended if end is None else min(max(end, start), ended)
    # Each with one bound on either side: of two, SQLite takes the worse one.
    wanted, before, after = (
        _said(video, *span) for span in ((start, end), (began, start), (end, ended))
    )
    rows, following = page_oldest(wanted, "at", "key", cursor, limit)
    return ReplayPage(
        began_at=began,
        messages=store.without_deleted_quotes(video.channel, rows),
        next_cursor=following,
        previous_at=before.order_by("-at").values_list("at", flat=True).first(),
        next_at=after.order_by("at").values_list("at", flat=True).first(),
        version=store.deletions(video.channel, began, ended),
    )


def _said(video: Video, start: datetime, end: datetime) -> QuerySet[ChatMessage]:
    """Return what is shown of a time, nothing where the channel shows no chat beside videos."""
    channel: Channel = video.channel
    found = store.replay(channel, start, end)
    return found if video.kind == Kind.RECORDING and channel.chat_replay else found.none()
