"""Reads tables of a file that people write, and says in one line what does not fit."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Mapping
from typing import Any

from madang.plan.errors import PlanError


class Table:
    """One entry of a file: every key is asked for by its kind, and none may be left over.

    `name` is how errors call the entry, `error` the kind that is raised.
    """

    def __init__(self, name: str, content: object, error: type[PlanError]) -> None:
        self._name = name
        self._error = error
        if not isinstance(content, Mapping):
            raise error(f"{name} is {_shown(content)}: expected a table.")
        self._left: dict[str, Any] = dict(content)
        self._known: list[str] = []

    def wrong(self, key: str, value: object, expected: str) -> PlanError:
        """The error to raise for a value."""
        return self._error(f"{self._name}: {key} is {_shown(value)}: expected {expected}.")

    def text(self, key: str, default: str | None = None, *, most: int = 200) -> str:
        """A line of text."""
        value = self._take(key, default, "a text")
        if (
            not isinstance(value, str)
            or not value.strip()
            or len(value) > most
            or not value.isprintable()
        ):
            raise self.wrong(key, value, f"one line of 1 to {most} characters")
        return value.strip()

    def choice(self, key: str, allowed: Collection[str], default: str | None = None) -> str:
        """One of a few words."""
        value = self._take(key, default, "one of " + ", ".join(allowed))
        if not isinstance(value, str) or value not in allowed:
            raise self.wrong(key, value, "one of " + ", ".join(allowed))
        return value

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        """A number from `low` to `high`."""
        expected = f"a number from {low:g} to {high:g}"
        value = self._take(key, default, expected)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
        ):
            raise self.wrong(key, value, expected)
        return float(value)

    def whole(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number from `low` to `high`."""
        expected = f"a whole number from {low} to {high}"
        value = self._take(key, default, expected)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.wrong(key, value, expected)
        return value

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._take(key, default, "true or false")
        if not isinstance(value, bool):
            raise self.wrong(key, value, "true or false")
        return value

    def one_of(self, *keys: str) -> str:
        """Which of the keys, that say the same in different units, is there."""
        found = [key for key in keys if key in self._left]
        if len(found) != 1:
            raise self._error(
                f"{self._name} has {len(found)} of {' and '.join(keys)}: expected one."
            )
        return found[0]

    def anything(self, key: str) -> object:
        """What is there, to be read as a table of its own."""
        return self._take(key, None, "a table")

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self._left

    def entries(self, key: str, most: int) -> list[Any]:
        """A list of one to `most` things."""
        value = self._take(key, None, f"a list of 1 to {most}")
        if not isinstance(value, list) or not 1 <= len(value) <= most:
            raise self.wrong(key, value, f"a list of 1 to {most}")
        return value

    def done(self) -> None:
        """Nothing may be left: a misspelt key would be a value that nobody uses."""
        for key in self._left:
            close = difflib.get_close_matches(str(key), self._known, n=1)
            raise self.wrong(
                str(key)[:60], self._left[key], f"no such key; {_allowed(close, self._known)}"
            )

    def _take(self, key: str, default: object, expected: str) -> object:
        self._known.append(key)
        if key in self._left:
            return self._left.pop(key)
        if default is None:
            raise self._error(f"{self._name} has no {key}: expected {expected}.")
        return default


def _allowed(close: list[str], known: list[str]) -> str:
    return f"did you mean {close[0]}?" if close else "there are " + ", ".join(known)


def _shown(value: object) -> str:
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:g}"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
