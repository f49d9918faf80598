"""Names of modules and classes are terms of the field, and files stay short."""

from __future__ import annotations

import ast
import re

import pytest

from tests.support.markdown import ROOT

BANNED = {
    "abilities",
    "asker",
    "claims",
    "desk",
    "doing",
    "door",
    "drive",
    "ears",
    "floor",
    "force",
    "hall",
    "journal",
    "keeper",
    "keeping",
    "looker",
    "rooms",
    "spoken",
    "spool",
    "standing",
    "stubborn",
    "teller",
    "warm",
    "wish",
}
"""Metaphors that once stood for a hub, a handshake, a lease, a verifier and the like."""

MAX_LINES = 450

FILES = sorted(path for folder in ("src", "tests") for path in (ROOT / folder).rglob("*.py"))


def words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+", name)}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("ChatHub", {"chat", "hub"}), ("message_writer", {"message", "writer"})],
)
def test_a_name_is_split_into_words(name: str, expected: set[str]) -> None:
    assert words(name) == expected


def test_no_module_or_class_is_named_by_a_metaphor() -> None:
    found = {}
    for path in FILES:
        classes = [
            n.name for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ClassDef)
        ]
        for name in (*path.relative_to(ROOT).with_suffix("").parts, *classes):
            if banned := words(name) & BANNED:
                found[f"{path.relative_to(ROOT)}: {name}"] = banned
    assert found == {}


def test_no_file_is_long() -> None:
    assert len(FILES) > 500
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in FILES}
    assert {path: lines for path, lines in lengths.items() if lines > MAX_LINES} == {}
