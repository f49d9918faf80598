"""Answers of the planner for the page and the API."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, Literal

from django.conf import settings
from django.utils import translation

from madang.apps.planner.files import PlannerData, load_planner_data
from madang.plan.answer import Answer, Question, explain, parse_question, solve, to_json
from madang.plan.demand import FIELDS
from madang.plan.errors import DemandError
from madang.plan.formatting import Currency, Formatter

PARAMETERS: Final = (*FIELDS, "shape", "edges", "case")
"""Parameters taken from a query string; others are ignored."""

CACHED_ANSWERS: Final = 256
"""Cached answers: sliders go back and forth, and a shared address is opened by many at once."""


def planner_data() -> PlannerData:
    """Return catalogue and benchmarks of the station."""
    return load_planner_data(settings.MADANG_CATALOGUE, settings.MADANG_BENCHMARKS)


def parse_query(query: Mapping[str, str]) -> Question:
    """Return the question in a query string; empty values are ignored. Raises DemandError."""
    given = {name: query[name] for name in PARAMETERS if query.get(name)}
    return parse_question({**settings.MADANG_PLANNED_DEMAND, **given})


def answer(about: Question, fmt: Formatter, why: str = "") -> dict[str, Any]:
    """Return the answer as JSON, with the derivation of the figure `why` if given.

    Raises DemandError.
    """
    found = planner_data()
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
    found = planner_data()
    return solve(found.catalogue, found.benchmarks, about)


def formatter(currency: str = "usd", language: str = "") -> Formatter:
    """Return a formatter for currency and language. Raises DemandError."""
    if currency not in {"usd", "krw"}:
        raise DemandError.of("currency", currency, ("usd or krw", "usd나 krw를 적어 주세요."))
    code = language or translation.get_language() or "en"
    chosen: Literal["en", "ko"] = "ko" if code.startswith("ko") else "en"
    money = Currency()
    if currency == "krw":
        rate, date = settings.MADANG_KRW
        money = Currency("krw", rate, date)
    return Formatter(chosen, money, planner_data().korean_sources)
