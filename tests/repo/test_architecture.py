"""The page on architecture names files, classes and functions that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.support.markdown import ROOT, page, without_code

SOURCE = ROOT / "src/madang"

NAMED = re.compile(r"`([a-z_][\w/]*\.py)`(?: `([A-Za-z_][\w.]*)`)?")
"""A file below the source, and a class, function or constant in it."""

METHOD = re.compile(r"`([A-Z]\w+\.\w+)`")
"""A method whose file has been named before."""


@pytest.fixture(params=["en", "ko"])
def text(request: pytest.FixtureRequest) -> str:
    return without_code(page("architecture.md", request.param).read_text())


@cache
def names_in(path: Path) -> set[str]:
    """Return `name` and `Class.name` of what a module defines."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        found |= names_of(node)
        if isinstance(node, ast.ClassDef):
            inner = {name for child in node.body for name in names_of(child)}
            found |= {f"{node.name}.{name}" for name in inner}
    return found


def names_of(node: ast.stmt) -> set[str]:
    match node:
        case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            return {node.name}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
        case ast.Assign(targets=[ast.Name(id=name)]):
            return {name}
    return set()


def test_every_file_and_name_exists(text: str) -> None:
    found = NAMED.findall(text)
    assert len(found) > 150
    wrong = []
    for file, name in found:
        if file == "urls.py" or file.startswith(("services", "tests/")):
            continue  # of each app; below the root, see test_documents
        path = SOURCE / file
        if not path.is_file() or (name and name not in names_in(path)):
            wrong.append(f"{file} {name}".strip())
    everything = set().union(*(names_in(path) for path in SOURCE.rglob("*.py")))
    assert set(METHOD.findall(text)) - everything == set()
    assert wrong == []


def test_both_languages_name_the_same() -> None:
    spans = [
        re.findall(r"`[^`]+`", without_code(page("architecture.md", language).read_text()))
        for language in ("en", "ko")
    ]
    assert sorted(spans[0]) == sorted(spans[1])
