"""Refusals of the chat."""

from __future__ import annotations

from typing import Final

from madang.base.errors import LazyText, MadangError
from madang.base.text import Text as _

AGAIN: Final = 5.0
"""Seconds after which another try is worth while."""


class ChatRefused(MadangError):
    """A request that the chat does not carry out.

    `code` is the stable name of the reason, in acknowledgements, pages and metrics; `retry_after`
    the seconds after which the request may succeed, if known.
    """

    def __init__(self, code: str, words: LazyText, *, retry_after: float | None = None) -> None:
        super().__init__(words)
        self.code = code
        self.retry_after = retry_after

    def as_json(self) -> dict[str, object]:
        """Return the part for programs: the code, and the seconds to wait if known."""
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
    """The person may not join this chat."""

    def __init__(self) -> None:
        super().__init__("banned", _("You are banned from this chat."))


class SignedOut(ChatRefused):
    """The credential with which the person joined is no longer valid."""

    def __init__(self) -> None:
        super().__init__("signed_out", _("Your sign-in has ended, or your token was revoked."))


class ChatAway(ChatRefused):
    """The processes that serve the chats, or a store of theirs, do not answer."""

    def __init__(self, words: LazyText | None = None) -> None:
        super().__init__(
            "unavailable",
            words or _("The chat does not answer now: try again in a moment."),
            retry_after=AGAIN,
        )


class ChatWithoutDatabase(ChatAway):
    """The database does not answer."""

    def __init__(self) -> None:
        super().__init__(_("The station's database does not answer now. Try again in a moment."))


def refused_as(code: str, words: str, retry_after: float | None) -> ChatRefused:
    """Return the refusal of another process."""
    if code == "not_allowed":
        return NotAllowed(words)
    if code == "unavailable":
        return ChatAway(words)
    return ChatRefused(code, words, retry_after=retry_after)
