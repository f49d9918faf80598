"""Messages and actions in the database.

The servers write beside the fan-out, in batches and in order. Each write may come twice, as after
an outage of the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone

from madang.apps.channels.models import Channel
from madang.apps.chat.models import ChatAct, ChatMessage, ChatSettings, Moderator, Sanction
from madang.chat.model import Message, ModerationAction, Role
from madang.chat.people import is_address

BATCH: Final = 500
DEFAULT_RETENTION: Final = 90
"""Days, without settings of the channel."""
ACTS_KEPT: Final = timedelta(days=365)

Span = tuple[datetime, datetime]
"""Beginning and end; the end is not part of it."""

_COLUMNS: Final = (
    *("key", "channel_id", "at", "person", "name", "role", "bot", "text", "reply_to", "deleted_by"),
)
"""Columns of a message that `save_messages` writes."""

_MODE: Final = {"slow", "members_only", "emote_only", "links", "guests"}


def save_messages(messages: Sequence[tuple[int, Message]]) -> None:
    """Save messages, each with the key of its channel.

    Plain SQL: Django's `bulk_create` holds the interpreter for 50 microseconds a message, 40 ms for
    half a second of a busy chat, in which the event loop of the process stands still. This takes a
    quarter of it, and releases the interpreter after every row.
    """
    instant = connection.ops.adapt_datetimefield_value
    json = ChatMessage._meta.get_field("reply_to").get_db_prep_save
    rows = [
        (
            message.id,
            channel,
            instant(_instant(message.at)),
            message.person,
            message.name,
            message.role.value,
            message.bot,
            message.text,
            json(dict(message.reply_to), connection) if message.reply_to is not None else None,
            "",
        )
        for channel, message in messages
    ]
    table = connection.ops.quote_name(ChatMessage._meta.db_table)
    columns = ", ".join(map(connection.ops.quote_name, _COLUMNS))
    values = ", ".join(["%s"] * len(_COLUMNS))
    insert = f"INSERT INTO {table} ({columns}) VALUES ({values}) ON CONFLICT DO NOTHING"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(insert, rows)


def last_messages(channel: int, count: int) -> list[Message]:
    """Return the newest messages that are not deleted, the oldest of them first."""
    rows = ChatMessage.objects.filter(channel_id=channel, deleted_by="").order_by("-key")[:count]
    return [message_of(row) for row in reversed(rows)]


def message_of(row: ChatMessage) -> Message:
    """Return a row as a message."""
    return Message(
        id=row.key,
        at=round(row.at.timestamp() * 1000),
        person=row.person,
        name=row.name,
        role=Role(row.role),
        text=row.text,
        bot=row.bot,
        reply_to=row.reply_to,
    )


@transaction.atomic
def save_action(channel: int, action: ModerationAction) -> None:
    """Save an action of a moderator and its effect."""
    _, new = ChatAct.objects.get_or_create(
        key=action.id,
        defaults={
            "channel_id": channel,
            "at": _instant(action.at),
            "by": action.by,
            "by_name": action.by_name,
            "kind": action.kind,
            "person": action.person,
            "name": action.name,
            "seconds": action.seconds,
            "reason": action.reason,
            "detail": {
                "before": dict(action.before),
                "after": dict(action.after),
                "undoes": action.undoes,
                "ids": len(action.ids),
            },
        },
    )
    if not new:
        return
    match action.kind:
        case "timeout" | "ban":
            until = None if action.seconds is None else action.at / 1000 + action.seconds
            _sanction(channel, action, until)
        case "untimeout" | "unban":
            Sanction.objects.filter(channel_id=channel, person=action.person).delete()
        case "mod" | "unmod":
            _moderator(channel, action, add=action.kind == "mod")
        case "undo":
            _undo(channel, action)
        case "delete" | "clear":
            pass
        case _:
            _settings(channel, action.after)
    if action.ids:
        for at in range(0, len(action.ids), BATCH):
            ChatMessage.objects.filter(
                channel_id=channel, key__in=action.ids[at : at + BATCH], deleted_by=""
            ).update(deleted_by=action.id)
    if action.kind == "clear":
        ChatMessage.objects.filter(channel_id=channel, key__lt=action.id, deleted_by="").update(
            deleted_by=action.id
        )
    elif action.kind in {"timeout", "ban"}:
        match = "person__startswith" if is_address(action.person) else "person"
        ChatMessage.objects.filter(
            channel_id=channel, key__lt=action.id, deleted_by="", **{match: action.person}
        ).update(deleted_by=action.id)


def _undo(channel: int, action: ModerationAction) -> None:
    ChatMessage.objects.filter(channel_id=channel, deleted_by=action.undoes).update(deleted_by="")
    undone = ChatAct.objects.filter(channel_id=channel, key=action.undoes).first()
    if undone is None:
        return
    undone.undone_by, undone.undone_at = action.by_name, _instant(action.at)
    undone.save(update_fields=["undone_by", "undone_at"])
    before: dict[str, Any] = undone.detail.get("before", {})
    match undone.kind:
        case "timeout" | "ban" | "untimeout" | "unban":
            Sanction.objects.filter(channel_id=channel, person=undone.person).delete()
            if (sanction := before.get("sanction")) is not None:
                Sanction.objects.create(
                    channel_id=channel,
                    person=sanction["person"],
                    name=sanction["name"],
                    by_name=undone.by_name,
                    at=_instant(action.at),
                    until=_moment(sanction["until"]),
                    reason=sanction["reason"],
                )
        case "mod" | "unmod":
            _moderator(channel, _restored(undone), add=undone.kind == "unmod")
        case "delete" | "clear":
            pass
        case _:
            _settings(channel, before)


def recent_acts(channel: int, count: int) -> list[ModerationAction]:
    """Return the newest actions, to be undone after a restart; the oldest of them first."""
    rows = ChatAct.objects.filter(channel_id=channel).order_by("-key")[:count]
    return [_restored(row) for row in reversed(rows)]


def _restored(row: ChatAct) -> ModerationAction:
    return ModerationAction(
        id=row.key,
        at=round(row.at.timestamp() * 1000),
        by=row.by,
        by_name=row.by_name,
        kind=row.kind,
        person=row.person,
        name=row.name,
        seconds=row.seconds,
        reason=row.reason,
        before=row.detail.get("before", {}),
        after=row.detail.get("after", {}),
        undoes=row.detail.get("undoes", ""),
    )


def hidden_by(channel: int, action: str) -> list[Message]:
    """Return the messages that an action hides, oldest first."""
    rows = ChatMessage.objects.filter(channel_id=channel, deleted_by=action).order_by("key")[:1000]
    return [message_of(row) for row in rows]


def replay(channel: Channel, start: datetime, end: datetime) -> QuerySet[ChatMessage]:
    """Return the messages between two instants, in order, for a recording of that time."""
    return ChatMessage.objects.filter(
        channel=channel,
        at__gte=start,
        at__lt=end,
        deleted_by="",
    )


def without_deleted_quotes(channel: Channel, rows: Sequence[ChatMessage]) -> list[Message]:
    """Return rows as messages; one that answers a deleted message quotes nothing."""
    messages = [message_of(row) for row in rows]
    quoted = {each.reply_to["id"] for each in messages if each.reply_to is not None}
    if not quoted:
        return messages
    deleted = ChatMessage.objects.filter(channel=channel, key__in=quoted).exclude(deleted_by="")
    gone = set(deleted.values_list("key", flat=True))
    return [
        replace(each, reply_to=None) if each.reply_to and each.reply_to["id"] in gone else each
        for each in messages
    ]


def deletions(channel: Channel, start: datetime, end: datetime) -> str:
    """Return a text that changes when a message between two instants is deleted or brought back."""
    deleted = ChatMessage.objects.filter(
        ~Q(deleted_by=""), channel=channel, at__gte=start, at__lt=end
    )
    found = deleted.aggregate(count=Count("pk"), last=Max("deleted_by"))
    return f"{found['count']}-{found['last'] or ''}"


def search(
    channel: Channel, *, words: str = "", person: str = "", deleted: bool | None = None
) -> QuerySet[ChatMessage]:
    """Return messages with `words` in text or name; `deleted` None includes deleted ones."""
    found = ChatMessage.objects.filter(channel=channel)
    for word in words.split():
        found = found.filter(text__icontains=word) | found.filter(name__icontains=word)
    if person:
        found = found.filter(person=person)
    if deleted is not None:
        found = found.exclude(deleted_by="") if deleted else found.filter(deleted_by="")
    return found


def prune(now: datetime, kept: Mapping[int, Iterable[Span]]) -> int:
    """Delete messages older than their channel's retention, old actions and past sanctions.

    `kept` has times, by the key of a channel, whose messages stay whatever their age. Return how
    many messages were deleted.
    """
    own = dict(ChatSettings.objects.values_list("channel_id", "retention_days"))
    gone = 0
    for channel in Channel.objects.values_list("pk", flat=True):
        oldest = now - timedelta(days=own.get(channel, DEFAULT_RETENTION))
        for start, end in between(kept.get(channel, ()), oldest):
            gone += ChatMessage.objects.filter(
                channel_id=channel, at__gte=start, at__lt=end
            ).delete()[0]
    ChatAct.objects.filter(at__lt=now - ACTS_KEPT).delete()
    Sanction.objects.filter(until__lt=now - timedelta(days=1)).delete()
    return gone


def between(spans: Iterable[Span], end: datetime) -> list[Span]:
    """Return the times before `end` that no span covers, in order."""
    free: list[Span] = []
    start = datetime.min.replace(tzinfo=UTC)
    for began, ended in sorted(spans):
        if start < min(began, end):
            free.append((start, min(began, end)))
        start = max(start, ended)
    return [*free, (start, end)] if start < end else free


def _sanction(channel: int, action: ModerationAction, until: float | None) -> None:
    Sanction.objects.update_or_create(
        channel_id=channel,
        person=action.person,
        defaults={
            "name": action.name,
            "by_name": action.by_name,
            "at": _instant(action.at),
            "until": _moment(until),
            "reason": action.reason,
        },
    )


def _moderator(channel: int, action: ModerationAction, *, add: bool) -> None:
    user = int(action.after["account"])
    if add:
        Moderator.objects.get_or_create(
            channel_id=channel,
            user_id=user,
            defaults={"by": action.by_name, "since": timezone.now()},
        )
    else:
        Moderator.objects.filter(channel_id=channel, user_id=user).delete()


def _settings(channel: int, parts: dict[str, Any] | Any) -> None:
    fields = {name: value for name, value in parts.items() if name in _MODE or name == "pinned"}
    if fields:
        ChatSettings.objects.update_or_create(channel_id=channel, defaults=fields)


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
