"""Text that is translated when it is read, for layers that know no translation framework."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final


class Text:
    """A message in English and its values; `str` puts it into the active language.

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
    """Translate with `translate` from now on, which returns a message in the active language."""
    global _translate  # noqa: PLW0603  # one process has one translation framework
    _translate = translate


def _untranslated(message: str) -> str:
    return message


_translate: Callable[[str], str] = _untranslated
