"""Page of the planner. It needs no account; its address contains the whole plan."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from madang.apps.planner import services
from madang.apps.planner.controls import GROUPS, Control, Group, Lazy
from madang.plan.answer import Question
from madang.plan.demand import Demand, serialize_demand
from madang.plan.errors import DemandError
from madang.plan.fleet import MAX_EDGES


@dataclass(frozen=True, slots=True)
class ControlValue:
    """A control with its value."""

    control: Control
    value: object
    choices: tuple[tuple[str, Lazy], ...]


@dataclass(frozen=True, slots=True)
class GroupValues:
    """A group with the values of its controls."""

    group: Group
    controls: tuple[ControlValue, ...]


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Show the plan of the query string, or the default one."""
    currency = request.GET.get("currency") or ("krw" if get_language() == "ko" else "usd")
    error = ""
    try:
        fmt = services.formatter(currency)
        question = services.parse_query(request.GET.dict())
        answer = services.answer(question, fmt)
    except DemandError as refusal:
        error, question = refusal.message_in(get_language() or ""), Question(Demand())
        fmt = services.formatter()
        answer = services.answer(question, fmt)
    context = {
        "groups": _filled(serialize_demand(question.demand)),
        "defaults": {**serialize_demand(Demand()), "shape": Question(Demand()).shape, "edges": 1},
        "shapes": list(services.planner_data().catalogue.shapes),
        "growing": [n for n, s in services.planner_data().catalogue.shapes.items() if s.may_grow],
        "question": question,
        "most_edges": MAX_EDGES,
        "answer": answer,
        "currency": fmt.currency.code,
        "error": error,
    }
    return render(request, "plan/index.html", context, status=400 if error else 200)


def _filled(values: dict[str, object]) -> list[GroupValues]:
    return [GroupValues(g, tuple(_control(c, values[c.name]) for c in g.controls)) for g in GROUPS]


def _control(control: Control, value: object) -> ControlValue:
    choices = control.choices
    if choices and str(value) not in {name for name, _ in choices}:
        # Keep a custom profile or ladder of the query string selectable.
        choices = (*choices, (str(value), str(value)))
    return ControlValue(control, control.shown(value), choices)
