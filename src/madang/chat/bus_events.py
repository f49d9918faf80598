"""Events that the processes of a station exchange about chats, and their form in Redis.

All events are entries of one stream, so that every process sees them in one order. A process that
serves no chat, such as one for pages, appends events only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from madang.chat.model import Message, ModerationAction

STREAM: Final = "madang:chat"
FIELD: Final = b"n"

LONGEST: Final = 50_000
"""Entries that the stream keeps: minutes in which a process may be cut off."""


class BusEvent(msgspec.Struct, frozen=True, array_like=True):
    """An event in the chat of `slug`, or about no single chat if `slug` is empty.

    `origin` is the publishing process, `number` its own counter: rising, never used twice. `body`
    depends on `kind`: a Message ("say"), a ModerationAction ("act") or a mapping. `restored` are
    the messages that an undo shows again. `partitioned` marks an event that its origin delivered
    before it could reach Redis, so that readers there had it in another order. On the wire it is
    an array: the order of the fields is the format.
    """

    origin: str
    number: int
    slug: str
    kind: str
    body: Any
    restored: list[Message] = []
    partitioned: bool = False


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(list[BusEvent]).decode


def encode(events: Sequence[BusEvent]) -> bytes:
    """Return events as one entry of the stream."""
    return _encode(events)


def decode(data: bytes) -> list[BusEvent]:
    """Return the events of an entry. Raises msgspec.DecodeError."""
    return _decode(data)


def message_of(event: BusEvent) -> Message:
    """Return the message in an event of the kind "say"; decoded events hold a mapping."""
    body = event.body
    return body if isinstance(body, Message) else msgspec.convert(body, Message)


def action_of(event: BusEvent) -> ModerationAction:
    """Return the action in an event of the kind "act"; decoded events hold a mapping."""
    body = event.body
    return body if isinstance(body, ModerationAction) else msgspec.convert(body, ModerationAction)
