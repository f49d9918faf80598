"""Lazily translated text, for layers without a translation framework."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final


class Text:
    """A message in English with its values; `str()` translates it into the active language.

    `values` fill the placeholders of `str.format`.
    """

    __slots__ = ("message", "values")

    def __init__(self, message: str, **values: object) -> None:
        self.message: Final = message
        self.values: Final = values

    def __str__(self) -> str:
        translated = _translate(self.message)
        return translated.format(**self.values) if self.values else translated

    def __add__(self, more: str) -> str:
        return str(self) + more


def set_translator(translate: Callable[[str], str]) -> None:
    """Set the function that translates a message into the active language."""
    global _translate  # noqa: PLW0603  # one process has one translation framework
    _translate = translate


def _untranslated(message: str) -> str:
    return message


_translate: Callable[[str], str] = _untranslated
