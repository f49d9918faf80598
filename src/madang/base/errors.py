"""The roots of every error that Madang raises on purpose."""

from __future__ import annotations


class MadangError(Exception):
    """Something failed for a reason that can be told to a person.

    The first argument is one sentence that says what is wrong; `mend` says what to do about it
    (empty where the sentence says it all). Neither contains secrets.
    """

    def __init__(self, message: str, *, mend: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend

    def __str__(self) -> str:
        return f"{self.message} {self.mend}".rstrip()


class ParseError(MadangError):
    """Bytes from outside do not follow their format. Every parser's own error derives from it."""


class LimitExceeded(ParseError):
    """Bytes from outside follow their format but pass a named limit.

    `limit` is the limit's name, as it appears in metrics and documents.
    """

    def __init__(self, limit: str, message: str, *, mend: str = "") -> None:
        super().__init__(message, mend=mend)
        self.limit = limit
