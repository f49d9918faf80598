"""`madang plan`: the planner's answer in tables and bars, or as one JSON object."""

from __future__ import annotations

import sys
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from madang.cli.common import Config, Data, Json, load_settings, report

if TYPE_CHECKING:
    from madang.plan.formatting import Formatter
    from madang.station.config.settings import Settings


class AnswerLanguage(StrEnum):
    """Languages of the answer."""

    EN = "en"
    KO = "ko"


class CurrencyCode(StrEnum):
    """Currencies of the answer."""

    USD = "usd"
    KRW = "krw"


def _option(help_text: str) -> object:
    return typer.Option(help=help_text, show_default=False)


def plan(
    *,
    shape: Annotated[str | None, _option("minimal, single, split, scaled or one's own.")] = None,
    edges: Annotated[str | None, _option("Edges of a shape that has any.")] = None,
    case: Annotated[str | None, _option("A phase of the plan: mvp, growth, expansion.")] = None,
    viewers: Annotated[str | None, _option("People at the peak.")] = None,
    bitrate: Annotated[str | None, _option("Of the stream: 2.5M, 800k.")] = None,
    hours: Annotated[str | None, _option("On the air, a month.")] = None,
    ladder: Annotated[str | None, _option("Renditions: 720p:2.5:0.6,360p:0.8:0.4.")] = None,
    profile: Annotated[str | None, _option("evening, weekend, school, church, steady …")] = None,
    channels: Annotated[str | None, _option("On the air at once.")] = None,
    chat: Annotated[str | None, _option("Chat connections at once.")] = None,
    messages: Annotated[str | None, _option("Chat messages a second.")] = None,
    api: Annotated[str | None, _option("API requests a second.")] = None,
    uploads: Annotated[str | None, _option("Uploads at once.")] = None,
    upload_gb: Annotated[str | None, _option("The largest upload, in GB.")] = None,
    files: Annotated[str | None, _option("Uploads a month.")] = None,
    file_mb: Annotated[str | None, _option("An upload on average, in MB.")] = None,
    keep_days: Annotated[str | None, _option("Days that recordings are kept.")] = None,
    archive: Annotated[str | None, _option("none, h265 or av1.")] = None,
    replays: Annotated[str | None, _option("Hours replayed for each hour watched live.")] = None,
    peers: Annotated[str | None, _option("Share that viewers carry: 0 to 0.9.")] = None,
    subscribers: Annotated[str | None, _option("Who pay each month.")] = None,
    price: Annotated[str | None, _option("Of a subscription, in dollars.")] = None,
    adverts: Annotated[str | None, _option("Income a month, in dollars.")] = None,
    growth: Annotated[str | None, _option("Of the audience each month: 0.1 is 10%.")] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Other shapes and providers.")] = False,
    why: Annotated[str | None, typer.Option(metavar="KEY", help="Explain one answer.")] = None,
    from_file: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Demand from a TOML file.")
    ] = None,
    language: Annotated[AnswerLanguage | None, _option("en or ko [default: the station's]")] = None,
    currency: Annotated[
        CurrencyCode, typer.Option(help="Of the words; JSON is in dollars.")
    ] = CurrencyCode.USD,
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Predict what a server holds, what it costs, and what breaks first."""
    from madang.apps.planner.files import load_planner_data
    from madang.plan import answer as answers
    from madang.plan.demand import FIELDS
    from madang.plan.errors import DemandError

    given = locals()
    settings = load_settings(data, config)
    planner_data = load_planner_data(settings.catalogue_file, settings.benchmarks_file)
    fmt = _formatter(settings, language, currency, planner_data.korean_sources)
    try:
        asked = {**settings.planned_demand, **(_from_file(from_file) if from_file else {})}
        asked |= {
            name: given[name]
            for name in ("shape", "edges", "case", *FIELDS)
            if given[name] is not None
        }
        question = answers.parse_question(asked)
        answer = answers.solve(planner_data.catalogue, planner_data.benchmarks, question)
        explained = answers.explain(answer.chosen, why, fmt) if why else []
    except DemandError as error:
        print(f"madang: {error.message_in(fmt.language)}", file=sys.stderr)
        raise typer.Exit(2) from None
    result = answers.to_json(planner_data.catalogue, question, answer, fmt)
    if why:
        lines = [f"{'  ' * _depth(line)}{line['text']}" for line in explained]
        report(as_json, {**result, "why": explained}, lines)
    elif as_json:
        report(True, result, [])
    else:
        from madang.cli.plan_tables import show

        show(result, fmt, compare=compare)


def _depth(line: dict[str, object]) -> int:
    depth = line["depth"]
    return depth if isinstance(depth, int) else 0


def _formatter(
    settings: Settings,
    language: AnswerLanguage | None,
    currency: CurrencyCode,
    sources: dict[str, str],
) -> Formatter:
    from madang.plan.formatting import Currency, Formatter

    chosen = language.value if language else settings.station.language
    money = Currency()
    if currency is CurrencyCode.KRW:
        money = Currency("krw", settings.plan.krw_per_usd, settings.plan.krw_date)
    return Formatter(chosen, money, sources)


def _from_file(path: Path) -> dict[str, object]:
    """Return the table `[plan]` of a TOML file, or the whole file if it has none."""
    from madang.plan.errors import DemandError

    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DemandError(
            f"{path} cannot be read: {reason}.", f"{path} 파일을 읽을 수 없습니다: {reason}."
        ) from None
    table = document.get("plan", document)
    if not isinstance(table, dict):
        raise DemandError(
            f"{path}: expected a table [plan].", f"{path}: [plan] 표가 있어야 합니다."
        )
    return {str(name).replace("-", "_"): value for name, value in table.items()}
