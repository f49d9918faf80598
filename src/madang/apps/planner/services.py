"""Answers of the planner for the page and the API."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, Literal

from django.conf import settings
from django.utils import translation

from madang.apps.planner.files import Known, known
from madang.plan.answer import Answer, Question, explain, parse_question, solve, to_json
from madang.plan.demand import FIELDS
from madang.plan.errors import DemandError
from madang.plan.formatting import Currency, Formatter

PARAMETERS: Final = (*FIELDS, "shape", "edges", "case")
"""What an address may ask with; everything else in it is somebody else's."""

CACHED_ANSWERS: Final = 256
"""Answers that are remembered: a slider goes back and forth, and a shared address is opened by
many at once."""


def facts() -> Known:
    """What the station's operator has put beside what comes with Madang."""
    return known(settings.MADANG_CATALOGUE, settings.MADANG_BENCHMARKS)


def parse_query(query: Mapping[str, str]) -> Question:
    """The question in an address; what is empty counts as not asked. Raises DemandError."""
    return parse_question({name: query[name] for name in PARAMETERS if query.get(name)})


def answer(about: Question, fmt: Formatter, why: str = "") -> dict[str, Any]:
    """The whole answer, and where asked the derivation of one of its figures.

    Raises DemandError.
    """
    found = facts()
    solved = _solve(found.stamp, about)
    result: dict[str, Any] = to_json(found.catalogue, about, solved, fmt)
    result["currency"] = {
        "code": fmt.currency.code,
        "rate": fmt.currency.rate,
        "date": fmt.currency.date,
    }
    if why:
        result["why"] = explain(solved.chosen, why, fmt)
    return result


@lru_cache(maxsize=CACHED_ANSWERS)
def _solve(stamp: object, about: Question) -> Answer:
    found = facts()
    return solve(found.catalogue, found.benchmarks, about)


def formatter(currency: str = "usd", language: str = "") -> Formatter:
    """The reader's language and currency. Raises DemandError."""
    if currency not in {"usd", "krw"}:
        raise DemandError.of("currency", currency, ("usd or krw", "usd나 krw를 적어 주세요."))
    code = language or translation.get_language() or "en"
    chosen: Literal["en", "ko"] = "ko" if code.startswith("ko") else "en"
    money = Currency()
    if currency == "krw":
        rate, date = settings.MADANG_KRW
        money = Currency("krw", rate, date)
    return Formatter(chosen, money, facts().korean_sources)
