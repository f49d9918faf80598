"""The roots of every error that Madang raises on purpose."""

from __future__ import annotations

from typing import Protocol


class LazyText(Protocol):
    """A text, or one that is put into the reader's language at the moment when it is read: what
    `str` makes of it. A `str` is one, and so are the lazy translations of Django."""

    def __str__(self) -> str: ...

    def __add__(self, more: str, /) -> str: ...


class MadangError(Exception):
    """Something failed for a reason that can be told to a person.

    The first argument is one sentence that says what is wrong; `mend` says what to do about it
    (empty where the sentence says it all). Neither contains secrets.
    """

    def __init__(self, message: LazyText, *, mend: LazyText = "") -> None:
        super().__init__(message)
        self._message = message
        self._mend = mend

    @property
    def message(self) -> str:
        """What is wrong, in the language of who reads it now."""
        return str(self._message)

    @property
    def mend(self) -> str:
        """What to do about it, in the same language; empty where the sentence says it all."""
        return str(self._mend)

    def __str__(self) -> str:
        return f"{self.message} {self.mend}".rstrip()


class ParseError(MadangError):
    """Bytes from outside do not follow their format. Every parser's own error derives from it."""


class LimitExceeded(ParseError):
    """Bytes from outside follow their format but pass a named limit.

    `limit` is the limit's name, as it appears in metrics and documents.
    """

    def __init__(self, limit: str, message: LazyText, *, mend: LazyText = "") -> None:
        super().__init__(message, mend=mend)
        self.limit = limit
