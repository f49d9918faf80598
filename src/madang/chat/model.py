"""Values of chat: roles, modes, accounts, messages and actions of moderators."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Literal

from madang.chat.people import is_address

TEXT_LENGTH: Final = 500
"""Characters of a message: three lines on a page, a paragraph on a phone."""

NAME_LENGTH: Final = 24
"""Characters of a guest's name."""

QUOTE_LENGTH: Final = 80
"""Characters of the quotation that a reply shows."""

MOST_MENTIONS: Final = 10
"""Mentions in one message."""

REACTIONS: Final = ("❤️", "👏", "😂", "😮", "😢", "🔥", "🎉", "👍")

Links = Literal["off", "moderators", "all"]


class Role(enum.StrEnum):
    """The role of a person in one chat."""

    OWNER = "owner"
    MODERATOR = "moderator"
    MEMBER = "member"
    GUEST = "guest"

    @property
    def moderates(self) -> bool:
        """Return whether this role may moderate."""
        return self in {Role.OWNER, Role.MODERATOR}


@dataclass(frozen=True, slots=True)
class Mode:
    """The mode of a chat. `slow` is the seconds between two messages of a person, or 0."""

    slow: int = 0
    members_only: bool = False
    emote_only: bool = False
    links: Links = "all"
    guests: bool = True

    def as_json(self) -> dict[str, object]:
        """Return the form for clients."""
        return asdict(self)

    def with_part(self, name: str, value: Any) -> Mode:
        """Return the mode with one field changed."""
        return replace(self, **{name: value})


@dataclass(frozen=True, slots=True)
class Account:
    """An account, used by its person or by a program with a token (`bot`)."""

    id: int
    name: str
    admin: bool
    bot: bool = False

    @property
    def person(self) -> str:
        """The id of the account's person in chats."""
        return person_of_account(self.id)


def person_of_account(account: int) -> str:
    """Return the id in chats of the account with the key `account`."""
    return f"u{account}"


@dataclass(frozen=True, slots=True)
class Emote:
    """A picture in place of `:name:` in a text. Size in pixels."""

    name: str
    url: str
    width: int
    height: int
    station: bool

    def as_json(self) -> dict[str, object]:
        """Return the form for clients."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Sanction:
    """A ban (`until` is None) or a time-out; `until` in seconds since 1970.

    `person` may stand for all guests of an address; then `name` is one of theirs. `seconds` is the
    duration of a time-out, None where it is unknown.
    """

    person: str
    name: str
    until: float | None
    reason: str = ""
    seconds: float | None = None

    def holds(self, now: float) -> bool:
        """Return whether it is in force at `now`."""
        return self.until is None or now < self.until

    def on_clock(self, now: float) -> Sanction:
        """Return the sanction, beginning at `now` where the clock has been set back before its
        beginning: a minute must not become the hours by which the clock was wrong."""
        if self.until is None or self.seconds is None or self.until - now <= self.seconds:
            return self
        return replace(self, until=now + self.seconds)

    def as_json(self) -> dict[str, object]:
        """Return the form for clients of moderators."""
        shown: dict[str, object] = {"person": self.person, "name": self.name, "kind": "ban"}
        if is_address(self.person):
            shown["address"] = True
        if self.until is not None:
            shown |= {"kind": "timeout", "until": instant(round(self.until * 1000))}
        return shown


@dataclass(frozen=True, slots=True)
class Message:
    """A message. `at` in milliseconds since 1970; `reply_to` is the quotation in a reply."""

    id: str
    at: int
    person: str
    name: str
    role: Role
    text: str
    bot: bool = False
    nonce: str = ""
    reply_to: Mapping[str, str] | None = None
    mentions: tuple[str, ...] = ()
    restored: bool = False

    def as_json(self) -> dict[str, object]:
        """Return the form for clients."""
        shown: dict[str, object] = {
            "id": self.id,
            "at": instant(self.at),
            "name": self.name,
            "role": self.role,
            "person": self.person,
            "hue": hue_of(self.person, self.name),
            "text": self.text,
        }
        if self.reply_to is not None:
            shown["reply_to"] = self.reply_to
        if self.mentions:
            shown["mentions"] = self.mentions
        if self.bot:
            shown["bot"] = True
        if self.nonce:
            shown["nonce"] = self.nonce
        if self.restored:
            shown["restored"] = True
        return shown

    def quoted(self) -> dict[str, str]:
        """Return the quotation that a reply shows."""
        return {"id": self.id, "name": self.name, "text": self.text[:QUOTE_LENGTH]}


@dataclass(frozen=True, slots=True)
class ModerationAction:
    """An action of a moderator. `at` in milliseconds since 1970, `seconds` a duration.

    `ids` are the messages that it hides; `before` and `after` are the values that it changes, for
    its undoing; `undoes` is the id of the action that an undo reverts.
    """

    id: str
    at: int
    by: str
    by_name: str
    kind: str
    person: str = ""
    name: str = ""
    seconds: int | None = None
    reason: str = ""
    ids: tuple[str, ...] = ()
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    undoes: str = ""


def instant(milliseconds: int) -> str:
    """Return milliseconds since 1970 as RFC 3339 in UTC."""
    days, rest = divmod(milliseconds, 86_400_000)
    if days != _Day.number:
        _Day.number, _Day.text = days, _civil(days)
    seconds, ms = divmod(rest, 1000)
    minutes, s = divmod(seconds, 60)
    h, m = divmod(minutes, 60)
    return f"{_Day.text}T{h:02}:{m:02}:{s:02}.{ms:03}Z"


class _Day:
    """Cache of the last day: thousands of messages a second share it."""

    number = 0
    text = "1970-01-01"


def _civil(days: int) -> str:
    from datetime import date, timedelta

    return (date(1970, 1, 1) + timedelta(days=days)).isoformat()


def hue_of(person: str, name: str) -> int:
    """Return the colour of a name, in degrees of the colour circle: always the same."""
    if (known := _hues.get((person, name))) is not None:
        return known
    if len(_hues) >= _MOST_HUES:
        _hues.clear()
    digest = hashlib.blake2b(f"{person} {name}".encode(), digest_size=2).digest()
    hue = _hues[person, name] = int.from_bytes(digest) % 360
    return hue


_MOST_HUES: Final = 20_000
_hues: dict[tuple[str, str], int] = {}
