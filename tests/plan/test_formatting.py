"""Formatting of numbers in both languages and currencies."""

from __future__ import annotations

import math
import re
import string

import pytest

from madang.plan import labels, sentences
from madang.plan.formatting import Currency, Formatter

WON = Currency("krw", 1400, "2026-11")


@pytest.mark.parametrize(
    ("usd", "dollars", "won"),
    [
        (146, "$146", "204,400원"),
        (146.5, "$146.50", "205,100원"),
        (0.0136, "$0.0136", "19원"),
        (0.1, "$0.10", "140원"),
        (-397.63, "−$397.63", "−556,682원"),
        (5252.83, "$5,253", "7,353,962원"),
        (0, "$0", "0원"),
    ],
)
def test_money(usd: float, dollars: str, won: str) -> None:
    assert Formatter("en").money(usd) == dollars
    assert Formatter("ko", WON).money(usd) == won


@pytest.mark.parametrize(
    ("size", "text"),
    [(5e12, "5 TB"), (1.125e9, "1.125 GB"), (112.5e9, "112.5 GB"), (0, "0 B"), (999.99e9, "1 TB")],
)
def test_sizes(size: float, text: str) -> None:
    assert Formatter("en").size(size) == text


def test_what_has_no_limit_is_said_so() -> None:
    assert Formatter("en").months(math.inf) == "never"
    assert Formatter("ko").months(math.inf) == "차지 않음"
    assert Formatter("en").number(math.inf) == "without limit"


def pairs() -> list[labels.Pair]:
    tables: list[dict[str, labels.Pair]] = [
        value for value in vars(labels).values() if isinstance(value, dict)
    ]
    found = [pair for table in [*tables, sentences._ADVICE] for pair in table.values()]
    assert len(found) > 150
    return [pair for pair in found if isinstance(pair, tuple)]


def test_every_text_is_in_both_languages_with_the_same_marks() -> None:
    def marks(text: str) -> list[str]:
        return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name)

    for english, korean in pairs():
        assert bool(english) == bool(korean)
        assert marks(english) == marks(korean), english
        assert not re.search("[가-힣]", english)
        assert not korean or re.search("[가-힣]", korean), korean
