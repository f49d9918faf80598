"""Names of people: which characters they have, and the form in which they are compared."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

INNER_SIGNS: Final = ".-\u0f0b"
"""Signs within a name; the last separates the syllables of Tibetan."""

_ZWNJ: Final = "\u200c"
_ZWJ: Final = "\u200d"
_VIRAMA: Final = 9
"""Canonical combining class of the marks that join two consonants."""

INVISIBLE: Final = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0"
) | frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
"""Letters, marks and variation selectors that show nothing (Default_Ignorable_Code_Point)."""

_LETTER_CLASSES: Final = frozenset({0, 7, 8, _VIRAMA, 84, 91, 103, 107, 118, 122, 129, 130, 132})
"""Canonical combining classes of signs of Indic scripts, kana, Thai, Lao and Tibetan."""

_MOST_MARKS: Final = 4
"""Marks on one letter: a Tibetan stack, or a vowel and a tone of Thai."""
_MOST_ACCENTS: Final = 2


@lru_cache(4096)
def folded(name: str) -> str:
    """Return the form in which names are equal, whatever case and spelling of the letters."""
    return unicodedata.normalize("NFKC", name).casefold()


def is_name(text: str, *, spaces: bool = False) -> bool:
    """Return whether `text` is letters with their marks, digits, `_` and inner signs.

    With `spaces` single ones may stand between them. The length is not checked.
    """
    return bool(text) and _prefix(text, spaces) == len(text)


def name_at_start(text: str) -> str:
    """Return the name without spaces with which `text` begins, perhaps empty."""
    return text[: _prefix(text, False)]


def is_mark_in_place(text: str, at: int) -> bool:
    """Return whether the mark at an index has a letter below it, and not too many others."""
    below = at
    while below and unicodedata.category(text[below])[0] == "M":
        below -= 1
    most = _MOST_ACCENTS if is_accent(text[at]) else _MOST_MARKS
    return below < at <= below + most


def is_accent(mark: str) -> bool:
    """Return whether a mark is of no script: those are piled up for show."""
    return "\u0300" <= mark <= "\u036f" or "\u1ab0" <= mark <= "\u20ff"


def is_letter_part(mark: str) -> bool:
    """Return whether a mark is a vowel, tone, joiner or dot of its script, without which a word is
    another one. Accents, and points that may be left out, are not."""
    return (
        unicodedata.category(mark) in {"Mn", "Mc"}
        and unicodedata.combining(mark) in _LETTER_CLASSES
        and mark not in INVISIBLE
    )


def joins(text: str, at: int) -> bool:
    """Return whether the character at an index is a joiner that changes how a word is written:
    ZWNJ between Arabic letters, ZWNJ or ZWJ after a virama (RFC 5892, appendices A.1 and A.2)."""
    if text[at] not in (_ZWNJ, _ZWJ) or not 0 < at < len(text) - 1:
        return False
    before, after = text[at - 1], text[at + 1]
    if unicodedata.combining(before) == _VIRAMA:
        return True
    return text[at] == _ZWNJ and _is_arabic(before) and _is_arabic(after)


def _prefix(text: str, spaces: bool) -> int:
    """Return how many characters at the beginning of `text` are a name."""
    for at, character in enumerate(text):
        kind = unicodedata.category(character)
        fits = (
            kind[0] in "LN"
            or character == "_"
            or (kind in {"Mn", "Mc"} and _has_letter(text, at) and is_mark_in_place(text, at))
            or (at > 0 and character in INNER_SIGNS)
            or (spaces and at > 0 and character == " " and text[at - 1] != " ")
            or joins(text, at)
        )
        if not fits or character in INVISIBLE:
            return at
    return len(text)


def _is_arabic(character: str) -> bool:
    return "\u0600" <= character <= "\u08ff" and unicodedata.category(character)[0] in "LM"


def _has_letter(text: str, at: int) -> bool:
    return at > 0 and unicodedata.category(text[at - 1])[0] in "LM"
