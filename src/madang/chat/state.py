"""The state of one chat, and the rules for writing in it."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from madang.base.confusables import skeleton_of
from madang.base.names import is_mark_in_place, is_name, joins, name_at_start
from madang.base.text import Text as _
from madang.chat.emoji import EMOJI, SUBDIVISION_FLAG
from madang.chat.errors import Banned, ChatRefused
from madang.chat.history import History
from madang.chat.model import (
    MOST_MENTIONS,
    NAME_LENGTH,
    TEXT_LENGTH,
    Account,
    Emote,
    Mode,
    Role,
    Sanction,
    hue_of,
)
from madang.chat.people import address_of
from madang.chat.word_filter import WordFilter

_LINK: Final = re.compile(
    r"(?:https?://|www\.)\S|\b[\w-]+\.(?:com|net|org|kr|io|gg|tv|me|co|xyz|info|link|site|shop|ru|cn"
    r"|jp|ly|be|app|dev|live|online|top|club|vip)\b",
    re.IGNORECASE,
)
_MENTION: Final = re.compile(r"@([^\s@]{1,32})")
_EMOTE: Final = re.compile(r":([a-z0-9_]{2,32}):", re.IGNORECASE)
_FLAG: Final = re.compile(SUBDIVISION_FLAG)
_ZWJ: Final = "\u200d"

SANCTIONS_SHOWN: Final = 1000
"""People: 100 kB. The studio lists all of them."""


@dataclass(frozen=True, slots=True)
class Participant:
    """A person in a chat. `name` is empty for a guest who only reads."""

    person: str
    name: str
    role: Role
    manages: bool = False
    bot: bool = False
    account: int | None = None


@dataclass(slots=True)
class ChatState:
    """The state of one chat that every process that serves it shares."""

    channel: int
    slug: str
    owner: int
    owner_name: str
    mode: Mode = field(default_factory=Mode)
    moderators: dict[int, str] = field(default_factory=dict)
    sanctions: dict[str, Sanction] = field(default_factory=dict)
    words: WordFilter = field(default_factory=lambda: WordFilter(()))
    emotes: tuple[Emote, ...] = ()
    pinned: Mapping[str, Any] | None = None
    history: History = field(default_factory=History)

    def branch(self) -> ChatState:
        """Return a copy that shares the messages with this state."""
        return replace(
            self,
            moderators=dict(self.moderators),
            sanctions=dict(self.sanctions),
            history=self.history.branch(),
        )

    def participant(self, account: Account) -> Participant:
        """Return an account as a participant of this chat. Administrators manage every chat."""
        owner = account.id == self.owner
        if owner:
            role = Role.OWNER
        elif account.admin or account.id in self.moderators:
            role = Role.MODERATOR
        else:
            role = Role.MEMBER
        manages = owner or account.admin
        return Participant(account.person, account.name, role, manages, account.bot, account.id)

    def sanction_on(self, person: str, now: float) -> Sanction | None:
        """Return the longest ban or time-out in force on a person, or on a guest's address.

        `now` is in seconds since 1970.
        """
        in_force = []
        for key in {person, address_of(person)} & self.sanctions.keys():
            sanction = self.sanctions[key] = self.sanctions[key].on_clock(now)
            if sanction.holds(now):
                in_force.append(sanction)
        return max(in_force, key=lambda each: each.until or math.inf, default=None)

    def sanctioned(self, now: float) -> dict[str, object]:
        """Return the payload of `sanctions` for a moderator who joins: the last ones in force."""
        sanctions = (each.on_clock(now) for each in self.sanctions.values())
        in_force = [each.as_json() for each in sanctions if each.holds(now)]
        return {"people": in_force[-SANCTIONS_SHOWN:], "all": True}

    def write_block(self, participant: Participant, now: float) -> ChatRefused | None:
        """Return why a participant may not write now, or None."""
        sanction = self.sanction_on(participant.person, now)
        if sanction is not None and sanction.until is None:
            return Banned()
        if sanction is not None and sanction.until is not None:
            return ChatRefused(
                "timed_out",
                _("A moderator gave you a time-out."),
                retry_after=max(1.0, sanction.until - now),
            )
        if participant.role is Role.GUEST and self.mode.members_only:
            return ChatRefused("members_only", _("Only people with an account may write now."))
        if participant.role is Role.GUEST and not self.mode.guests:
            return ChatRefused("guests_off", _("Sign in to write here."))
        if not participant.name:
            return ChatRefused("name_needed", _("Choose a name first."))
        return None

    def me(self, participant: Participant, now: float) -> dict[str, object]:
        """Return the payload of `you`: a participant's own name, role and permissions."""
        write_block = self.write_block(participant, now)
        shown: dict[str, object] = {
            "person": participant.person,
            "name": participant.name,
            "role": participant.role,
            "hue": hue_of(participant.person, participant.name),
            "may_write": write_block is None,
            "may_moderate": participant.role.moderates,
            "may_manage": participant.manages,
            "signed_in": participant.account is not None,
        }
        if write_block is not None:
            shown["reason"] = write_block.code
            sanction = self.sanction_on(participant.person, now)
            if sanction is not None and sanction.until is not None:
                until = datetime.fromtimestamp(sanction.until, UTC)
                shown["until"] = until.isoformat(timespec="seconds").replace("+00:00", "Z")
        return shown

    def check_text(self, participant: Participant, text: str) -> None:
        """Raise ChatRefused where the mode or the word filter does not let the text through."""
        if participant.role.moderates:
            if self.mode.links == "off" and _LINK.search(text):
                raise ChatRefused("links_off", _("Links are not allowed here."))
            return
        if self.mode.emote_only and not self.only_emotes(text):
            raise ChatRefused("emote_only", _("Only emotes and emoji may be sent now."))
        if self.mode.links != "all" and _LINK.search(text):
            raise ChatRefused("links_off", _("Links are not allowed here."))
        if self.words.finds(text):
            raise ChatRefused("words", _("The message contains a word that is not wanted here."))

    def only_emotes(self, text: str) -> bool:
        """Return whether `text` holds only emotes of this chat and emoji."""
        names = {emote.name for emote in self.emotes}
        rest = _EMOTE.sub(lambda found: "" if found[1].lower() in names else found[0], text)
        return not EMOJI.sub("", rest).strip()

    def mentions(self, text: str, is_known: Callable[[str], bool]) -> tuple[str, ...]:
        """Return the names after `@` in `text` for which `is_known` is true."""
        if "@" not in text:
            return ()
        found = dict.fromkeys(name_at_start(after).rstrip(".") for after in _MENTION.findall(text))
        return tuple(name for name in found if name and is_known(name))[:MOST_MENTIONS]

    def quoted(self, reply_to: object) -> dict[str, str] | None:
        """Return the quotation that a reply to the message `reply_to` shows. Raises ChatRefused."""
        if reply_to is None:
            return None
        message = self.history.get(reply_to) if isinstance(reply_to, str) else None
        if message is None:
            raise ChatRefused("unknown_message", _("The message that you reply to is gone."))
        return message.quoted()

    def guest_name(self, given: object, taken: Callable[[str], bool]) -> str:
        """Return `given` as the name of a guest.

        `taken` says whether another reader has a name with this skeleton. Raises ChatRefused with
        `bad_name` or `name_taken`.
        """
        name = unicodedata.normalize("NFKC", given).strip() if isinstance(given, str) else ""
        if len(name) > NAME_LENGTH or not is_name(name, spaces=True):
            raise ChatRefused(
                "bad_name",
                _(
                    "A name has 1 to {most} letters and digits; between them may be spaces and"
                    " the signs . _ -",
                    most=NAME_LENGTH,
                ),
            )
        if self.words.finds(name):
            raise ChatRefused("bad_name", _("This name is not wanted here."))
        skeleton = skeleton_of(name)
        known = {skeleton_of(self.owner_name), *map(skeleton_of, self.moderators.values())}
        if skeleton in known or taken(skeleton):
            raise ChatRefused("name_taken", _("Somebody here has this name. Choose another."))
        return name


def clean_text(given: object) -> str:
    """Return the text of a message, without control characters, line breaks and stacks of
    combining marks. Raises ChatRefused."""
    if not isinstance(given, str):
        raise ChatRefused("bad_payload", _("A message is {text}, and the text a string."))
    text = given.strip() if given.isascii() and given.isprintable() else _normalized(given)
    if not text:
        raise ChatRefused("empty", _("The message is empty."))
    if len(text) > TEXT_LENGTH:
        raise ChatRefused(
            "too_long", _("A message has at most {most} characters.", most=TEXT_LENGTH)
        )
    return text


def _normalized(given: str) -> str:
    text = unicodedata.normalize("NFC", given[: 4 * TEXT_LENGTH])
    tags = {at for flag in _FLAG.finditer(text) for at in range(*flag.span())}
    kept: list[str] = []
    for at, character in enumerate(text):
        category = unicodedata.category(character)
        if category in {"Zl", "Zp"} or character in "\t\r\n":
            kept.append(" ")
        elif category == "Cf":
            # Others turn the direction of all text after them, or carry what nobody sees.
            if character == _ZWJ or at in tags or joins(text, at):
                kept.append(character)
        elif category != "Cc" and (category[0] != "M" or is_mark_in_place(text, at)):
            kept.append(character)
    return "".join(kept).strip()
