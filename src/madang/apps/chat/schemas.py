"""Schemas of the API of chats."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from ninja import Schema

from madang.apps.api import Body
from madang.chat.model import Message, hue_of, instant


class ModeView(Schema):
    """Settings of the chat; `slow` in seconds."""

    slow: int
    members_only: bool
    emote_only: bool
    links: Literal["off", "moderators", "all"]
    guests: bool


class EmoteView(Schema):
    """An emote; size in pixels."""

    name: str
    url: str
    width: int
    height: int
    station: bool


class ChatView(Schema):
    """A chat as everybody sees it."""

    mode: ModeView
    emotes: list[EmoteView]
    pinned: dict[str, Any] | None
    connected: int


class SettingsView(ModeView):
    """Everything that may be set."""

    words: list[str]
    retention_days: int


class SettingsChange(Body):
    """Values to change; those left out stay."""

    slow: int | None = None
    members_only: bool | None = None
    emote_only: bool | None = None
    links: Literal["off", "moderators", "all"] | None = None
    guests: bool | None = None
    words: list[str] | None = None
    retention_days: int | None = None


class ModeratorView(Schema):
    """Somebody who keeps order."""

    name: str
    since: datetime
    by: str


class Name(Body):
    """An account by its name."""

    name: str


class MessageView(Schema):
    """A message."""

    id: str
    at: datetime
    name: str
    role: str
    person: str
    hue: int
    text: str
    bot: bool
    reply_to: dict[str, str] | None
    deleted: bool


def message_view(message: Message, *, deleted: bool = False) -> MessageView:
    """Return a message as the API shows it."""
    return MessageView(
        id=message.id,
        at=datetime.fromisoformat(instant(message.at)),
        name=message.name,
        role=message.role,
        person=message.person,
        hue=hue_of(message.person, message.name),
        text=message.text,
        bot=message.bot,
        reply_to=dict(message.reply_to) if message.reply_to is not None else None,
        deleted=deleted,
    )


class MessagePage(Schema):
    """Part of a list of messages, the oldest first."""

    items: list[MessageView]
    next_cursor: str | None


class ActView(Schema):
    """Something a moderator did."""

    id: str
    at: datetime
    by: str
    act: str
    person: str
    name: str
    seconds: int | None
    reason: str
    undone_by: str | None
    undone_at: datetime | None
    detail: dict[str, Any]


class BanView(Schema):
    """A ban or a time-out in force; `until` is null for a ban. `address`: of all guests of the
    network address of somebody with this name."""

    person: str
    name: str
    address: bool
    kind: Literal["ban", "timeout"]
    by: str
    at: datetime
    until: datetime | None
    reason: str


class ActRequest(Body):
    """An act, with those of the fields that it has in the event `moderate`."""

    act: str
    id: str | None = None
    person: str | None = None
    name: str | None = None
    seconds: int | None = None
    reason: str | None = None
    on: bool | None = None
    to: str | None = None
    undo: str | None = None
    address: bool | None = None
    dry_run: bool | None = None


class NewMessage(Body):
    """A message to send. With the same `nonce` it is sent once, however often it is tried."""

    text: str
    reply_to: str | None = None
    nonce: str | None = None
