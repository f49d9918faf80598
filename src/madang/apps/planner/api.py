"""API of the planner."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router

from madang.apps.planner import services

router = Router(tags=["plan"])


@router.get("/plan", response=dict[str, Any], summary="What a server holds and costs")
def plan(
    request: HttpRequest,
    currency: Annotated[str, Query(max_length=10)] = "usd",
    language: Annotated[str, Query(max_length=10)] = "",
    why: Annotated[str, Query(max_length=100)] = "",
) -> dict[str, Any]:
    """Answer as `madang plan --json` does, to the names of its options as parameters.

    `why` explains one figure; `currency` (usd, krw) and `language` (en, ko) are those of the words.
    """
    question = services.parse_query(request.GET.dict())
    return services.answer(question, services.formatter(currency, language), why)
