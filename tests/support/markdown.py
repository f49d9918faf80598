"""Parsing of Markdown for the tests of documents: tables, code blocks, headings, links."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def guide(name: str, language: str) -> str:
    """Return the page `name` of the guide in `language`, en or ko."""
    return page(f"guide/{name}", language).read_text()


def page(name: str, language: str) -> Path:
    """Return the path of the page `name` below docs in `language`."""
    return (DOCS if language == "en" else DOCS / language) / name


def documents() -> list[Path]:
    """Return all documents of the repository."""
    return [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]


def without_code(text: str) -> str:
    """Return `text` without its fenced blocks."""
    return _FENCE.sub("", text)


def code_blocks(text: str) -> list[str]:
    """Return the fenced blocks of `text`, with their fences."""
    return [match[0] for match in _FENCE.finditer(text)]


def rows(text: str) -> list[list[str]]:
    """Return the cells of every row of every table, without separator lines."""
    lines = (line for line in without_code(text).splitlines() if line.startswith("|"))
    found = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [cells for cells in found if set("".join(cells)) - set("-| ")]


def headings(text: str) -> list[tuple[int, str]]:
    """Return level and text of every heading."""
    found = re.findall(r"^(#+) (.+)$", without_code(text), re.MULTILINE)
    return [(len(marks), words) for marks, words in found]


def sections(text: str, level: int) -> dict[str, str]:
    """Return the text under each heading of `level`, by heading."""
    parts = re.split(rf"^{'#' * level} (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def anchor(heading: str) -> str:
    """Return the fragment by which GitHub links to `heading`."""
    kept = "".join(c for c in heading.lower() if c.isalnum() or c in " -_")
    return kept.replace(" ", "-")


def links(text: str) -> list[str]:
    """Return the targets of links and images."""
    return _LINK.findall(without_code(text))


def example_of(name: str, language: str) -> str:
    """Return the first code block in `language` on a page of the English guide."""
    start = f"```{language}\n"
    found = next(block for block in code_blocks(guide(name, "en")) if block.startswith(start))
    return found.removeprefix(start).removesuffix("```")
