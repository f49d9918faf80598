"""Skeletons of names: names that look alike have the same one (Unicode TS 39, section 4).

`confusables.txt` is Unicode's own table. Added to it are small capitals, digits and signs that
stand for letters, and what the table has only for the other case of a letter.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

from madang.base.names import INVISIBLE, is_letter_part

_ADDED: Final = str.maketrans("ĸꞓʍⲁⲃⲉᏆᗩᑕᑎᔕᗰᗯᕮ34578@$!€£", "kemabeiacnsmweeastbasiel")
"""Look-alikes that Unicode's table lacks, or maps to a letter that is no other letter's."""

_SMALL_CAPITAL: Final = "LATIN LETTER SMALL CAPITAL "
_TURNS: Final = 4
"""Repetitions of look-up and case folding until nothing changes; two are enough for most."""

_REPEATED: Final = re.compile(r"(.)\1{2,}")


@lru_cache(4096)
def skeleton_of(name: str) -> str:
    """Return the skeleton of a name; it is for comparing only."""
    form = unicodedata.normalize("NFKD", name)
    for _turn in range(_TURNS):
        mapped = "".join(map(_looks_like, form)).translate(_ADDED)
        before, form = form, unicodedata.normalize("NFKD", mapped.casefold())
        if form == before:
            break
    letters = "".join(
        character
        for character in form
        if (unicodedata.category(character)[0] in "LN" and character not in INVISIBLE)
        or is_letter_part(character)
    )
    # A capital I is a small l to the eye, and a small i to case folding.
    return _REPEATED.sub(r"\1", letters).replace("i", "l") or name.casefold()


@lru_cache(4096)
def latin_of(character: str) -> str:
    """Return the small Latin letter that a character looks like, otherwise the character."""
    found = character
    for _turn in range(_TURNS):
        found = "".join(map(_looks_like, found)).translate(_ADDED).casefold()
    return found if len(found) == 1 and found.isascii() and found.isalpha() else character


def _looks_like(character: str) -> str:
    table = _table()
    if character in table:
        return table[character]
    if not character.isascii():
        name = unicodedata.name(character, "")
        if name.startswith(_SMALL_CAPITAL) and len(name) == len(_SMALL_CAPITAL) + 1:
            return name[-1].lower()
        return table.get(character.upper(), character)
    return character


@cache
def _table() -> dict[str, str]:
    text = files("madang.base").joinpath("confusables.txt").read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            code, *targets = line.split()
            found[chr(int(code, 16))] = "".join(chr(int(target, 16)) for target in targets)
    return found
