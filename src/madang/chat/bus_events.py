"""What happens in chats, as the processes of a station tell one another through Redis.

One stream has it in one order for all who serve chats. Whoever serves none, such as a process for
pages, adds to it what they are to take over from the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from madang.chat.model import Message

STREAM: Final = "madang:chat"
FIELD: Final = b"n"

STUBBORN: Final = "madang:chat:stubborn"
"""Channel of who goes on although the chats refuse him, one line of text each, for the machine that
his connections reach first."""

LONGEST: Final = 50_000
"""Entries that the stream keeps: what a process that was cut off for minutes can catch up on."""


class BusEvent(msgspec.Struct, frozen=True, array_like=True):
    """Something that happened in the chat of `slug`, for every process that serves it; empty: in
    none alone.

    `origin` is the process that says it, `number` its count of notes from there: rising, and never
    used twice. `body` depends on the kind: a message, an act, or a mapping; `restored` are the
    messages that an undo brings back. What was said while Redis was away comes `apart`: the people
    of its process had it before the others.
    """

    origin: str
    number: int
    slug: str
    kind: str
    body: Any
    restored: list[Message] = []
    apart: bool = False


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(list[BusEvent]).decode


def encode(notes: Sequence[BusEvent]) -> bytes:
    """Notes as one entry of the stream."""
    return _encode(notes)


def decode(data: bytes) -> list[BusEvent]:
    """The notes of an entry. Raises msgspec.DecodeError for what are none."""
    return _decode(data)
