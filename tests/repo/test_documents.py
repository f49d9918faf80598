"""Documents: links resolve, and both languages have the same content."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.markdown import (
    DOCS,
    ROOT,
    anchor,
    code_blocks,
    documents,
    headings,
    links,
    page,
    rows,
    without_code,
)

ONE_LANGUAGE = ("decisions", "walkthroughs", "performance.md")
"""Documents for developers, in English only."""

MAX_IMAGE = 250_000
"""Bytes of an image."""


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.fixture(params=documents(), ids=name_of)
def document(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_every_link_inside_the_repository_leads_somewhere(document: Path) -> None:
    for link in links(document.read_text()):
        if re.match(r"https?:|mailto:", link):
            continue
        path, _, fragment = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{name_of(document)} links to {link}"
        if fragment:
            known = {anchor(words) for _, words in headings(target.read_text())}
            assert fragment in known, f"{name_of(document)} links to {link}"


def test_every_file_that_is_named_exists(document: Path) -> None:
    named = re.findall(
        r"`((?:src|tests|docs|frontend|script|bench)/[\w./-]+)`", without_code(document.read_text())
    )
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_image_is_used_and_small() -> None:
    used = {
        (document.parent / link).resolve()
        for document in documents()
        for link in links(document.read_text())
    }
    images = sorted((DOCS / "images").iterdir())
    assert images
    for image in images:
        assert image in used, image.name
        assert image.stat().st_size < MAX_IMAGE, image.name


def test_every_page_of_the_guide_is_in_its_index() -> None:
    for language in ("en", "ko"):
        index = page("README.md", language)
        linked = {(index.parent / link).resolve() for link in links(index.read_text())}
        assert set((index.parent / "guide").glob("*.md")) <= linked


def test_pages_come_in_both_languages() -> None:
    def names(folder: Path) -> set[str]:
        return {str(path.relative_to(folder)) for path in folder.rglob("*.md")}

    korean = names(DOCS / "ko")
    english = {name for name in names(DOCS) if not name.startswith(("ko/", *ONE_LANGUAGE))}
    assert english == korean
    assert (ROOT / "README.ko.md").exists()


PAIRS = [
    (ROOT / "README.md", ROOT / "README.ko.md"),
    *(
        (page(name, "en"), page(name, "ko"))
        for name in sorted(str(path.relative_to(DOCS / "ko")) for path in DOCS.glob("ko/**/*.md"))
    ),
]


@pytest.mark.parametrize(("english", "korean"), PAIRS, ids=[name_of(pair[1]) for pair in PAIRS])
def test_both_languages_have_the_same_parts(english: Path, korean: Path) -> None:
    left, right = english.read_text(), korean.read_text()
    assert [level for level, _ in headings(left)] == [level for level, _ in headings(right)]
    assert code_blocks(left) == code_blocks(right)
    assert [len(cells) for cells in rows(left)] == [len(cells) for cells in rows(right)]
    assert len(re.findall(r"^[-*] |^\d+\. ", left, re.MULTILINE)) == len(
        re.findall(r"^[-*] |^\d+\. ", right, re.MULTILINE)
    )


@pytest.mark.parametrize("korean", [pair[1] for pair in PAIRS], ids=name_of)
def test_the_korean_documents_are_in_korean(korean: Path) -> None:
    words = without_code(korean.read_text())
    hangul = len(re.findall(r"[가-힣]", words))
    english = len(re.findall(r"[A-Za-z]", re.sub(r"`[^`]*`|\([^)]*\)", "", words)))
    assert hangul > english


def test_decisions_are_numbered_listed_and_say_what_enforces_them() -> None:
    records = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    assert [path.name[:4] for path in records] == [f"{n:04}" for n in range(1, len(records) + 1)]
    index = links((DOCS / "decisions/README.md").read_text())
    assert [link for link in index if link[0].isdigit()] == [path.name for path in records]
    for record in records:
        found = headings(record.read_text())
        assert found[0][1].startswith(f"{record.name[:4]} ")
        parts = [words for level, words in found if level == 2]
        assert [part for part in parts if part != "Consequences"] == [
            "Context",
            "Choice",
            "Rejected",
            "Enforced by",
        ], record.name
