"""Translations are complete, and keep placeholders and markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_keywords, parse_mapping_cfg
from babel.messages.pofile import read_po

ROOT = Path(__file__).parents[2]
LOCALE = ROOT / "src/madang/web/locale"
DICTIONARIES = ROOT / "frontend/src/i18n"
KEYWORDS = ("gettext_lazy", "gettext_noop", "ngettext_lazy:1,2", "pgettext_lazy:1c,2")


@pytest.fixture(scope="module")
def korean() -> Catalog:
    with (LOCALE / "ko/LC_MESSAGES/django.po").open("rb") as file:
        return read_po(file, locale="ko", domain="django")


@pytest.fixture(scope="module")
def in_the_code() -> list[tuple[str, str | None]]:
    with (LOCALE / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    found = extract_from_dir(
        ROOT / "src",
        methods,
        options,
        keywords={**DEFAULT_KEYWORDS, **parse_keywords(KEYWORDS)},
    )
    return [
        (message[0] if isinstance(message, tuple) else message, context)
        for _file, _line, message, _comments, context in found
    ]


def forms(text: object) -> tuple[str, ...]:
    """Return singular and plural of one side of a catalogue's entry, or its only form."""
    if isinstance(text, str):
        return (text,)
    assert isinstance(text, tuple | list)
    return tuple(text)


def translated(catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Yield each English original (its plural if any) with each of its Korean forms."""
    for message in catalog:
        if message.id:
            yield from ((forms(message.id)[-1], form) for form in forms(message.string))


def marks(text: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)[sd]|%[sd]|\{\w*\}|</?\w+>", text))


def test_every_string_of_the_code_is_in_the_korean_catalogue(
    korean: Catalog, in_the_code: list[tuple[str, str | None]]
) -> None:
    assert len(in_the_code) > 100
    missing = {text for text, context in in_the_code if korean.get(text, context) is None}
    assert not missing


def test_the_korean_catalogue_has_no_string_that_the_code_lost(
    korean: Catalog, in_the_code: list[tuple[str, str | None]]
) -> None:
    known = {text for text, _context in in_the_code}
    assert not {forms(message.id)[0] for message in korean if message.id} - known


def test_every_string_has_a_korean_translation_that_someone_vouched_for(korean: Catalog) -> None:
    assert not [original for original, form in translated(korean) if not form.strip()]
    assert not [message.id for message in korean if message.id and message.fuzzy]


def test_translations_keep_placeholders_and_tags(korean: Catalog) -> None:
    for original, form in translated(korean):
        assert marks(form) == marks(original), original


def entries(language: str) -> dict[str, str]:
    source = (DICTIONARIES / f"{language}.ts").read_text()
    return dict(re.findall(r"^  (\w+):\s+'(.*)',$", source, re.MULTILINE))


def test_the_dictionaries_of_the_scripts_have_the_same_keys_and_marks() -> None:
    english, korean = entries("en"), entries("ko")
    assert len(english) > 40
    assert english.keys() == korean.keys()
    for key, text in english.items():
        assert marks(korean[key]) == marks(text), key
