"""Reader of tables in files that people write, with one-line errors."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Mapping
from typing import Any

from madang.plan.errors import PlanError


class TableReader:
    """One entry of a file: every key is read by type, and unread keys are an error.

    `name` is the entry's name in errors, `error` the class that is raised.
    """

    def __init__(self, name: str, content: object, error: type[PlanError]) -> None:
        self._name = name
        self._error = error
        if not isinstance(content, Mapping):
            raise error(f"{name} is {_short_repr(content)}: expected a table.")
        self._unread: dict[str, Any] = dict(content)
        self._known: list[str] = []

    def invalid(self, key: str, value: object, expected: str) -> PlanError:
        """Return the error for a value."""
        return self._error(f"{self._name}: {key} is {_short_repr(value)}: expected {expected}.")

    def text(self, key: str, default: str | None = None, *, most: int = 200) -> str:
        """Read a line of text."""
        value = self._take(key, default, "a text")
        if (
            not isinstance(value, str)
            or not value.strip()
            or len(value) > most
            or not value.isprintable()
        ):
            raise self.invalid(key, value, f"one line of 1 to {most} characters")
        return value.strip()

    def choice(self, key: str, allowed: Collection[str], default: str | None = None) -> str:
        """Read one of a few words."""
        value = self._take(key, default, "one of " + ", ".join(allowed))
        if not isinstance(value, str) or value not in allowed:
            raise self.invalid(key, value, "one of " + ", ".join(allowed))
        return value

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        """Read a number from `low` to `high`."""
        expected = f"a number from {low:g} to {high:g}"
        value = self._take(key, default, expected)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
        ):
            raise self.invalid(key, value, expected)
        return float(value)

    def integer(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """Read a whole number from `low` to `high`."""
        expected = f"a whole number from {low} to {high}"
        value = self._take(key, default, expected)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.invalid(key, value, expected)
        return value

    def boolean(self, key: str, default: bool) -> bool:
        """Read true or false."""
        value = self._take(key, default, "true or false")
        if not isinstance(value, bool):
            raise self.invalid(key, value, "true or false")
        return value

    def exactly_one(self, *keys: str) -> str:
        """Return the one key that is present of several, which differ in unit."""
        found = [key for key in keys if key in self._unread]
        if len(found) != 1:
            raise self._error(
                f"{self._name} has {len(found)} of {' and '.join(keys)}: expected one."
            )
        return found[0]

    def value(self, key: str) -> object:
        """Read a value of any type, to be read as a table of its own."""
        return self._take(key, None, "a table")

    def has(self, key: str) -> bool:
        """Return True if the key is present."""
        return key in self._unread

    def entries(self, key: str, most: int) -> list[Any]:
        """Read a list of one to `most` entries."""
        value = self._take(key, None, f"a list of 1 to {most}")
        if not isinstance(value, list) or not 1 <= len(value) <= most:
            raise self.invalid(key, value, f"a list of 1 to {most}")
        return value

    def finish(self) -> None:
        """Raise for a key that was not read: it is likely misspelt."""
        for key in self._unread:
            close = difflib.get_close_matches(str(key), self._known, n=1)
            raise self.invalid(
                str(key)[:60], self._unread[key], f"no such key; {_hint(close, self._known)}"
            )

    def _take(self, key: str, default: object, expected: str) -> object:
        self._known.append(key)
        if key in self._unread:
            return self._unread.pop(key)
        if default is None:
            raise self._error(f"{self._name} has no {key}: expected {expected}.")
        return default


def _hint(close: list[str], known: list[str]) -> str:
    return f"did you mean {close[0]}?" if close else "there are " + ", ".join(known)


def _short_repr(value: object) -> str:
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:g}"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
