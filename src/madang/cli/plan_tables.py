"""Tables of the planner's answer for a terminal."""

from __future__ import annotations

import math
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from madang.plan.formatting import Formatter

BAR: Final = 16
"""Characters of a full bar."""

STYLES: Final = {"holds": "green", "tight": "yellow", "fails": "red"}


def show(result: dict[str, Any], fmt: Formatter, *, compare: bool) -> None:
    """Print `result`, the JSON form of an answer."""
    console = Console()
    texts = result["words"]
    text = fmt.text
    style = STYLES[result["verdict"]]
    console.print(f"[bold {style}]{escape(texts['verdict'])}[/]")
    console.print(escape(texts["first_limit"]))
    console.print()
    _checks(console, result, fmt)
    _costs(console, result, fmt)
    console.print(f"[bold]{text(('What to do', '무엇을 할까요'))}[/]")
    for number, item in enumerate(result["advice"], 1):
        saves = text((" (saves {usd})", " ({usd} 절약)"), usd=item["saves_words"])
        line = item["words"] + (saves if item["saves_words"] else "")
        console.print(Text(f"{number:>2}. {line}"), soft_wrap=False)
    console.print()
    if compare:
        _compare(console, result, fmt)
        _growth(console, result, fmt)
    for note in texts["notes"]:
        console.print(Text(note, style="dim"))
    if not compare:
        hint = text(
            (
                "More: --compare for other shapes and providers, --why KEY for one answer.",
                "더 보기: --compare(다른 구성과 업체 비교), --why KEY(답 하나의 근거).",
            )
        )
        console.print(Text(hint, style="dim"))


def bar(required: float, available: float | None) -> str:
    """Return the bar of a check: full at the available amount, with a + beyond it."""
    if not available:
        return ("█" * BAR + "+") if required else "░" * BAR
    share = required / available if math.isfinite(available) else 0.0
    filled = min(BAR, round(share * BAR))
    return "█" * filled + "░" * (BAR - filled) + ("+" if share > 1 else "")


def _checks(console: Console, result: dict[str, Any], fmt: Formatter) -> None:
    text = fmt.text
    table = Table(box=None, header_style="bold", pad_edge=False)
    console.print(Text(f"{result['shape']} · {result['provider']}", style="bold"))
    table.add_column("")
    table.add_column(text(("asked", "필요")), justify="right")
    table.add_column(text(("holds", "감당")), justify="right")
    table.add_column("")
    for check in result["checks"]:
        drawn = Text(bar(check["asked"], check["there"]), style=STYLES[check["verdict"]])
        table.add_row(check["words"], check["asked_words"], check["there_words"], drawn)
    console.print(table)
    console.print()


def _costs(console: Console, result: dict[str, Any], fmt: Formatter) -> None:
    text, values, names = fmt.text, result["words"]["values"], result["words"]["names"]
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column("")
    table.add_column("", justify="right")
    for part in result["words"]["cost_parts"]:
        table.add_row(part["words"], part["value"])
    table.add_row(Text(names["whole_cost"], style="bold"), Text(values["whole_cost"], style="bold"))
    for key in (
        "viewer_hour_cost",
        "possible_viewer_hours",
        "hours_at_demand",
        "break_even_subscribers",
        "break_even_adverts",
        "whole_break_even_subscribers",
        "profit",
    ):
        table.add_row(names[key], values[key])
    console.print(f"[bold]{text(('Money and transfer', '돈과 전송량'))}[/]")
    console.print(table)
    console.print()


def _compare(console: Console, result: dict[str, Any], fmt: Formatter) -> None:
    text = fmt.text
    most = max(offer["monthly_usd"] for offer in result["compare"]) or 1.0
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(text(("The same month", "같은 한 달")))
    table.add_column(text(("costs", "비용")), justify="right")
    table.add_column("")
    table.add_column(text(("price from", "요금 출처")), style="dim")
    for offer in result["compare"]:
        share = offer["monthly_usd"] / most
        drawn = Text("█" * max(1, round(share * BAR)), style=STYLES[offer["verdict"]])
        best = offer["kind"] == "shape" and offer["name"] == result["cheapest"]
        name = Text(offer["name"], style="bold" if best else "")
        table.add_row(name, offer["value"], drawn, offer["source"])
    console.print(table)
    console.print()


def _growth(console: Console, result: dict[str, Any], fmt: Formatter) -> None:
    text = fmt.text
    table = Table(box=None, header_style="bold", pad_edge=False)
    heads = (
        ("month", "개월"),
        ("viewers", "시청자"),
        ("cheapest shape", "가장 싼 구성"),
        ("costs", "비용"),
        ("income", "수입"),
        ("left", "남는 돈"),
    )
    for number, head in enumerate(heads):
        table.add_column(text(head), justify="left" if number == 2 else "right")
    for step in result["growth"]["months"]:
        table.add_row(
            str(step["month"]), fmt.number(step["viewers"]), step["shape"] or "-", *step["words"]
        )
    console.print(table)
    for sentence in result["growth"]["outgrown_words"]:
        console.print(sentence)
    console.print()
