"""Answers of the planner for the page and the API."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, Literal

from django.conf import settings
from django.utils import translation

from madang.apps.planner.files import Known, known
from madang.plan.answer import Answer, Question, as_json, explained, question, work_out
from madang.plan.demand import FIELDS
from madang.plan.errors import DemandError
from madang.plan.formatting import Currency, Formatter

ASKED: Final = (*FIELDS, "shape", "edges", "case")
"""What an address may ask with; everything else in it is somebody else's."""

KEPT: Final = 256
"""Answers that are remembered: a slider goes back and forth, and a shared address is opened by
many at once."""


def facts() -> Known:
    """What the station's operator has put beside what comes with Madang."""
    return known(settings.MADANG_CATALOGUE, settings.MADANG_BENCHMARKS)


def asked(query: Mapping[str, str]) -> Question:
    """The question in an address; what is empty counts as not asked. Raises DemandError."""
    return question({name: query[name] for name in ASKED if query.get(name)})


def answer(about: Question, words: Formatter, why: str = "") -> dict[str, Any]:
    """The whole answer, and where asked the derivation of one of its figures.

    Raises DemandError.
    """
    found = facts()
    worked_out = _worked_out(found.stamp, about)
    told: dict[str, Any] = as_json(found.catalogue, about, worked_out, words)
    told["currency"] = {
        "code": words.currency.code,
        "rate": words.currency.rate,
        "date": words.currency.date,
    }
    if why:
        told["why"] = explained(worked_out.chosen, why, words)
    return told


@lru_cache(maxsize=KEPT)
def _worked_out(stamp: object, about: Question) -> Answer:
    found = facts()
    return work_out(found.catalogue, found.benchmarks, about)


def words(currency: str = "usd", language: str = "") -> Formatter:
    """The reader's language and currency. Raises DemandError."""
    if currency not in {"usd", "krw"}:
        raise DemandError.of("currency", currency, ("usd or krw", "usd나 krw를 적어 주세요."))
    spoken = language or translation.get_language() or "en"
    chosen: Literal["en", "ko"] = "ko" if spoken.startswith("ko") else "en"
    money = Currency()
    if currency == "krw":
        rate, date = settings.MADANG_KRW
        money = Currency("krw", rate, date)
    return Formatter(chosen, money, facts().korean_sources)
