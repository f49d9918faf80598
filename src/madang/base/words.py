"""Text as search compares it: normalised words, and their grams."""

from __future__ import annotations

import itertools
import unicodedata
from typing import Final

_MARKS_AND_SYMBOLS: Final = "MS"
"""First letters of categories that belong to words beyond ASCII: accents, vowel signs, emoji."""


def words(text: str) -> list[str]:
    """Return the words of a text: in NFKC, case-folded, without invisible characters."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(map(_in_word, folded)).split()


def grams(words: list[str]) -> set[str]:
    """Return the characters of words, and their pairs of neighbours.

    Every word that another one contains has all of its grams, and a word of one or two characters
    is one of them.
    """
    pairs = {first + second for word in words for first, second in itertools.pairwise(word)}
    return pairs.union(*words)


def _in_word(character: str) -> str:
    """Return a character of a word itself, "" for an invisible one, a space for all others."""
    if character.isalnum():
        return character
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    return character if character > "\x7f" and category[0] in _MARKS_AND_SYMBOLS else " "
