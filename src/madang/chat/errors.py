"""What the chat refuses."""

from __future__ import annotations

from typing import Final

from madang.base.errors import LazyText, MadangError
from madang.base.text import Text as _

AGAIN: Final = 5.0
"""Seconds after which it is worth trying again to reach what is away."""


class ChatRefused(MadangError):
    """Something that a person asked of the chat is not done.

    `code` is its stable name, in acknowledgements, pages and metrics; `retry_after` says after how
    many seconds it may be done, where that is known.
    """

    def __init__(self, code: str, words: LazyText, *, retry_after: float | None = None) -> None:
        super().__init__(words)
        self.code = code
        self.retry_after = retry_after

    def as_json(self) -> dict[str, object]:
        """What programs read of it, beside its words: the code, and seconds to wait if known."""
        answer: dict[str, object] = {"code": self.code}
        if self.retry_after is not None:
            answer["retry_after"] = round(self.retry_after, 1)
        return answer


class NotAllowed(ChatRefused):
    """The account may not do this in this chat."""

    def __init__(self, words: LazyText | None = None) -> None:
        if words is None:
            words = _("Only the channel's moderators may do this.")
        super().__init__("not_allowed", words)


class Banned(ChatRefused):
    """The person may not come into this chat."""

    def __init__(self) -> None:
        super().__init__("banned", _("You are banned from this chat."))


class SignedOut(ChatRefused):
    """What the person came in with is in force no longer."""

    def __init__(self) -> None:
        super().__init__("signed_out", _("Your sign-in has ended, or your token was revoked."))


class ChatAway(ChatRefused):
    """The processes that carry the chats, or what they need, do not answer."""

    def __init__(self, words: LazyText | None = None) -> None:
        super().__init__(
            "unavailable",
            words or _("The chat does not answer now: try again in a moment."),
            retry_after=AGAIN,
        )


class ChatWithoutDatabase(ChatAway):
    """What was asked for is in the database, which does not answer."""

    def __init__(self) -> None:
        super().__init__(_("The station's database does not answer now. Try again in a moment."))


def refused_as(code: str, words: str, retry_after: float | None) -> ChatRefused:
    """The refusal of another process again."""
    if code == "not_allowed":
        return NotAllowed(words)
    if code == "unavailable":
        return ChatAway(words)
    return ChatRefused(code, words, retry_after=retry_after)
