"""Refusals of the apps and the chat have Korean translations."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from babel.messages.pofile import read_po

from tests.support.markdown import ROOT

SOURCE: Final = ROOT / "src/madang"
MARKS: Final = {"_", "gettext_lazy"}

ENGLISH: Final = {
    "KeyRefused": "encoders show it, which say nothing of a language",
    "TooManyWrongKeys": "as above",
    "NoSuchBroadcast": "only the log has it",
    "There is no channel number": "only the log has it",
    "NotBegun": "as above",
    "UnreadableFile": "the operator's command reads the file, before Django is there",
    "CatalogueError": "as above",
    "BenchmarksError": "as above",
    "DemandError": "it has Korean words of its own: the planner knows no Django",
}
"""Errors, or beginnings of their sentences, that are English, and why."""


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for folder in ("base", "plan", "chat", "apps", "servers/chat"):
        for path in (SOURCE / folder).rglob("*.py"):
            yield path, ast.parse(path.read_text())


def errors() -> set[str]:
    """The names of all classes of errors that these folders define, from their roots down."""
    bases = {
        node.name: {getattr(base, "id", "") for base in node.bases}
        for _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    found = {"MadangError"}
    while more := {name for name, of in bases.items() if of & found} - found:
        found |= more
    return found


def told() -> Iterator[tuple[str, ast.expr]]:
    """Every word that an error of the apps is made with, and where."""
    kinds = errors()
    for path, tree in trees():
        if path.relative_to(SOURCE).parts[0] not in {"apps", "chat", "servers"}:
            continue
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        for scope in (tree, *(each for each in ast.walk(tree) if isinstance(each, functions))):
            for call in (each for each in ast.walk(scope) if isinstance(each, ast.Call)):
                called = getattr(call.func, "id", "")
                inside = isinstance(call.func, ast.Attribute) and call.func.attr == "__init__"
                if not inside and (called not in kinds or called in ENGLISH):
                    continue
                where = f"{path.relative_to(SOURCE)}:{call.lineno}"
                words = [*call.args, *(k.value for k in call.keywords if k.arg == "mend")]
                if scope is not tree:
                    names = {word.id for word in words if isinstance(word, ast.Name)}
                    words += assigned(scope, names)
                yield from ((where, each) for each in words)


def assigned(scope: ast.AST, names: set[str]) -> Iterator[ast.expr]:
    """Return the expressions that a function assigns to variables with these names."""
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id in names:
                    yield node.value


def unmarked(words: ast.expr) -> str:
    """The part of `words` that nobody can translate; empty for none."""
    if isinstance(words, ast.Call) and getattr(words.func, "id", "") in MARKS:
        return ""
    if isinstance(words, ast.Constant):
        text = words.value if isinstance(words.value, str) else ""
        # Codes of refusals have no space.
        return text if " " in text and not text.startswith(tuple(ENGLISH)) else ""
    if isinstance(words, ast.JoinedStr):
        text = "".join(str(part.value) for part in words.values if isinstance(part, ast.Constant))
        return "" if text.startswith(tuple(ENGLISH)) else text
    return "".join(
        unmarked(part) for part in ast.iter_child_nodes(words) if isinstance(part, ast.expr)
    )


def messages(words: ast.expr) -> Iterator[str]:
    """Return the texts that `words` passes to translation."""
    for node in ast.walk(words):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in MARKS:
            yield ast.literal_eval(node.args[0])


def test_whatever_the_apps_refuse_is_marked_for_translation() -> None:
    assert not {where: text for where, words in told() if (text := unmarked(words))}


def test_whatever_the_apps_refuse_has_korean_words() -> None:
    with (SOURCE / "web/locale/ko/LC_MESSAGES/django.po").open("rb") as file:
        korean = read_po(file, locale="ko")
    refused = {message for _, words in told() for message in messages(words)}
    assert len(refused) > 70
    missing = set()
    for message in refused:
        entry = korean.get(message)
        if entry is None or entry.fuzzy or not re.search("[가-힣]", str(entry.string)):
            missing.add(message)
    assert not missing


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ('_("It is gone.")', ""),
        ('format_lazy(_("There is no {name}."), name=f"{x} y")', ""),
        ('"not_allowed"', ""),
        ('"It is gone."', "It is gone."),
        ('f"There is no {name}."', "There is no ."),
        ('words or "It is gone."', "It is gone."),
    ],
)
def test_a_text_that_nobody_marked_is_found(words: str, left: str) -> None:
    assert unmarked(ast.parse(words, mode="eval").body) == left
