"""Roots of all errors that Madang raises on purpose."""

from __future__ import annotations

from typing import Protocol


class LazyText(Protocol):
    """A `str`, or a text that `str()` translates into the reader's language, such as the lazy
    translations of Django."""

    def __str__(self) -> str: ...

    def __add__(self, more: str, /) -> str: ...


class MadangError(Exception):
    """Failure with a reason for a person.

    The first argument is one sentence with the reason; `mend` is the remedy, empty if the sentence
    includes it. Neither contains secrets.
    """

    def __init__(self, message: LazyText, *, mend: LazyText = "") -> None:
        super().__init__(message)
        self._message = message
        self._mend = mend

    @property
    def message(self) -> str:
        """Reason, in the active language."""
        return str(self._message)

    @property
    def mend(self) -> str:
        """Remedy, in the active language; may be empty."""
        return str(self._mend)

    def __str__(self) -> str:
        return f"{self.message} {self.mend}".rstrip()


class ParseError(MadangError):
    """Malformed input from outside; base of every parser's error."""


class LimitExceeded(ParseError):
    """Well-formed input from outside that exceeds a named limit.

    `limit` is the limit's name in metrics and documents.
    """

    def __init__(self, limit: str, message: LazyText, *, mend: LazyText = "") -> None:
        super().__init__(message, mend=mend)
        self.limit = limit
