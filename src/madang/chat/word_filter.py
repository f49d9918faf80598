"""The word filter, and the normal forms by which it sees through tricks of spelling.

Korean is compared as syllables composed of jamo, Latin as letters without accents, digits and
look-alikes. A word is searched in one token of the text, not across spaces (다시 발견 is no swear
word), except in a row of single letters or syllables.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from madang.base.confusables import latin_of
from madang.base.names import is_letter_part

MOST_WORDS: Final = 500
WORD_LENGTH: Final = 40

_LOOK_ALIKES: Final = str.maketrans(
    "аеорсухіјѕһԁɡӏԛԝвнмткαβεηικνορτυχ013457@$!|€£",
    "aeopcyxijshdglqwbhmtkabenikvoptuxoieastasiiel",
)
"""Cyrillic, Greek, digits and signs that look like Latin letters, after case folding."""

_EDGES: Final = "!?|.,;:()[]{}'\"~*-_"
"""Signs around a word; inside a word they may stand for letters."""

_LEADS: Final = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS: Final = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_TAILS: Final = " ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
_FIRST: Final = 0xAC00
_LAST: Final = 0xD7A3
_REPEATED: Final = re.compile(r"(.)\1{2,}")


def tokens(text: str) -> list[str]:
    """Return the normal forms of the words of `text`; a row of single letters is one word."""
    found: list[str] = []
    single = ""
    for part in _visible(text).split():
        token = _normal(part)
        if len(token) == 1:
            single += token
            continue
        if single:
            found.append(_recomposed(single))
            single = ""
        if token:
            found.append(token)
    if single:
        found.append(_recomposed(single))
    return found


def normal_word(word: str) -> str:
    """Return the normal form of a word of the filter; empty if it holds no letters."""
    return _normal("".join(_visible(word).split()))


class WordFilter:
    """Finds unwanted words: Korean ones inside words as well, Latin ones only as whole words, so
    that `class` passes."""

    def __init__(self, words: Iterable[str]) -> None:
        normal = {form for word in words if (form := normal_word(word))}
        self._korean = tuple(word for word in normal if _is_hangul(word))
        self._whole = frozenset(normal - set(self._korean))

    def finds(self, text: str) -> bool:
        """Return whether `text` contains one of the words."""
        if not self._korean and not self._whole:
            return False
        return any(
            token in self._whole
            or token.removesuffix("s") in self._whole
            or any(word in token for word in self._korean)
            for token in tokens(text)
        )


def _visible(text: str) -> str:
    # NFKD separates accents from letters, but syllables as well, which NFC composes again.
    parts = unicodedata.normalize("NFKD", text).casefold()
    return "".join(
        character
        for character in unicodedata.normalize("NFC", parts)
        if is_letter_part(character)
        or unicodedata.category(character) not in {"Cf", "Mn", "Cc"}
        or character.isspace()
    )


def _normal(token: str) -> str:
    if any(_is_hangul(character) for character in token):
        return _recomposed("".join(c for c in token if _is_hangul(c)))
    base = unicodedata.normalize("NFD", token.strip(_EDGES)).translate(_LOOK_ALIKES)
    letters = "".join(
        character if character.isascii() else latin_of(character)
        for character in base
        if character.isalpha() or is_letter_part(character)
    )
    return _REPEATED.sub(r"\1", letters)


def _is_hangul(text: str) -> bool:
    first = text[0]
    return "가" <= first <= "힣" or "ㄱ" <= first <= "ㅣ" or "ᄀ" <= first <= "ᇿ"


def _recomposed(text: str) -> str:
    """Return `text` with jamo composed to syllables as a keyboard does."""
    if not any(_is_hangul(character) for character in text):
        return text
    jamo = "".join(_jamo(character) for character in text)
    made: list[str] = []
    at = 0
    while at < len(jamo):
        lead = _LEADS.find(jamo[at])
        vowel = _VOWELS.find(jamo[at + 1]) if lead >= 0 and at + 1 < len(jamo) else -1
        if vowel < 0:
            made.append(jamo[at])
            at += 1
            continue
        at += 2
        tail = 0
        followed = at + 1 < len(jamo) and jamo[at + 1] in _VOWELS
        if at < len(jamo) and not followed and jamo[at] in _TAILS:
            tail = _TAILS.index(jamo[at])
            at += 1
        made.append(chr(_FIRST + (lead * 21 + vowel) * 28 + tail))
    return "".join(made)


def _jamo(character: str) -> str:
    code = ord(character)
    if _FIRST <= code <= _LAST:
        lead, rest = divmod(code - _FIRST, 21 * 28)
        vowel, tail = divmod(rest, 28)
        return _LEADS[lead] + _VOWELS[vowel] + (_TAILS[tail] if tail else "")
    if 0x1100 <= code <= 0x1112:
        return _LEADS[code - 0x1100]
    if 0x1161 <= code <= 0x1175:
        return _VOWELS[code - 0x1161]
    if 0x11A8 <= code <= 0x11C2:
        return _TAILS[code - 0x11A7]
    return character
