"""Formatting of the planner's numbers: English or Korean, dollars or won."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from madang.plan.figures import Figure, Formula, Quantity
from madang.plan.labels import FIGURES, ORIGINS, PROFILES, Pair

Language = Literal["en", "ko"]
DEPTH: Final = 12
"""Levels of a derivation that are shown; the deepest has nine."""

_OPERATORS: Final = {
    Formula.SUM: " + ",
    Formula.DIFFERENCE: " − ",
    Formula.PRODUCT: " × ",
    Formula.QUOTIENT: " ÷ ",
}
_PREFIXES: Final[dict[Formula, Pair]] = {
    Formula.LEAST: ("the least of", "가장 작은 값:"),
    Formula.MOST: ("the most of", "가장 큰 값:"),
    Formula.FLOOR: ("rounded down from", "내림:"),
    Formula.CEILING: ("rounded up from", "올림:"),
    Formula.NOT_BELOW_ZERO: ("not below 0:", "0 이상:"),
}


@dataclass(frozen=True, slots=True)
class Currency:
    """Currency of amounts. `rate` is units per US dollar, as of `date`."""

    code: Literal["usd", "krw"] = "usd"
    rate: float = 1.0
    date: str = ""


@dataclass(frozen=True, slots=True)
class Formatter:
    """Formatter for one language and currency. `sources` maps the catalogue's sources to Korean."""

    language: Language = "en"
    currency: Currency = field(default_factory=Currency)
    sources: Mapping[str, str] = field(default_factory=dict)

    def text(self, pair: Pair, **values: str) -> str:
        """Return the text in this language, with its placeholders filled."""
        return pair[self.language == "ko"].format(**values)

    def number(self, value: float, digits: int = 0) -> str:
        """Format with thousands separators, without trailing zeros."""
        if math.isinf(value):
            return self.text(("without limit", "제한 없음"))
        text = f"{value:,.{digits}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text

    def money(self, usd: float) -> str:
        """Format an amount of money, with cents only where they matter."""
        if math.isinf(usd):
            return self.number(usd)
        if self.currency.code == "krw":
            won = usd * self.currency.rate
            amount = f"{abs(won):,.0f}" if abs(won) >= 100 else self.number(abs(won), 1)
            sign = "−" if won <= -0.05 else ""
            return f"{sign}{amount}원" if self.language == "ko" else f"{sign}₩{amount}"
        size = abs(usd)
        digits = 4 if 0 < size < 0.1 else 2
        whole = size >= 1000 or math.isclose(size, round(size), abs_tol=0.005)
        amount = f"{size:,.0f}" if whole and not 0 < size < 0.1 else f"{size:,.{digits}f}"
        return f"{'−' if usd <= -0.005 else ''}${amount}"

    def size(self, size: float) -> str:
        """Format bytes in decimal units."""
        for scale, unit in ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "KB")):
            if abs(size) >= scale * 0.9995:
                return f"{self.number(size / scale, 3 if size < 10 * scale else 1)} {unit}"
        return f"{self.number(size)} B"

    def rate(self, bits: float) -> str:
        """Format bits per second."""
        for scale, unit in ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s")):
            if bits >= scale:
                return f"{self.number(bits / scale, 2)} {unit}"
        return f"{self.number(bits)} bit/s"

    def hours(self, hours: float) -> str:
        """Format hours."""
        return self.text(("{n} h", "{n}시간"), n=self.number(hours, 1 if hours < 100 else 0))

    def months(self, months: float) -> str:
        """Format months."""
        if math.isinf(months):
            return self.text(("never", "차지 않음"))
        return self.text(("{n} months", "{n}개월"), n=self.number(months, 1))

    def value(self, figure: Figure) -> str:
        """Format a figure with its unit."""
        value = figure.value
        match figure.unit:
            case Quantity.USD:
                return self.money(value)
            case Quantity.BYTES:
                return self.size(value)
            case Quantity.BYTES_PER_SECOND:
                return f"{self.size(value)}/s"
            case Quantity.BITS_PER_SECOND:
                return self.rate(value)
            case Quantity.HOURS:
                return self.hours(value)
            case Quantity.VIEWER_HOURS:
                return self.text(("{n} viewer-hours", "시청 {n}시간"), n=self.number(value))
            case Quantity.PEOPLE:
                return self.text(("{n} people", "{n}명"), n=self.number(value))
            case Quantity.MONTHS:
                return self.months(value)
            case Quantity.SHARE:
                return f"{self.number(value * 100, 1)}%"
            case Quantity.CORES:
                one = ("{n} core", "코어 {n}개")
                pair = one if value == 1 else ("{n} cores", "코어 {n}개")
                return self.text(pair, n=self._significant(value))
            case Quantity.CORE_HOURS:
                return self.text(("{n} core-hours", "{n} 코어시간"), n=self._significant(value))
            case Quantity.PER_SECOND:
                return self.text(("{n}/s", "초당 {n}"), n=self._significant(value))
            case _:
                return self._significant(value)

    def _significant(self, value: float) -> str:
        """Format with three significant digits."""
        if not value or math.isinf(value) or abs(value) >= 100:
            return self.number(value)
        if abs(value) < 1e-4:
            return f"{value:.3g}"
        return self.number(value, max(0, 2 - math.floor(math.log10(abs(value)))))

    def name(self, figure: Figure) -> str:
        """Return the name of a figure."""
        return self.text(FIGURES[figure.key])

    def origin(self, figure: Figure) -> str:
        """Return the source of a figure; empty if it needs none."""
        origin = figure.origin
        if origin in ORIGINS:
            return self.text(ORIGINS[origin])
        kind, _, rest = origin.partition(" ")
        if kind == "measured":
            return self.text(("measured here, {when}", "이 서버에서 측정, {when}"), when=rest)
        if kind == "profile":
            return self.text(PROFILES[rest])
        return self.sources.get(origin, origin) if self.language == "ko" else origin

    def sentence(self, figure: Figure) -> str:
        """Return one line: the figure and its formula."""
        line = f"{self.name(figure)}: {self.value(figure)}"
        if figure.formula is Formula.GIVEN:
            origin = self.origin(figure)
            return f"{line} ({origin})" if origin else line
        parts = [f"{self.value(part)} ({self.name(part)})" for part in figure.parts]
        if figure.formula in _OPERATORS:
            return f"{line} = {_OPERATORS[figure.formula].join(parts)}"
        return f"{line} = {self.text(_PREFIXES[figure.formula])} {', '.join(parts)}"

    def derivation(self, figure: Figure) -> Iterator[tuple[int, str]]:
        """Yield the lines of the derivation with their depth, each once."""
        seen: set[Figure] = set()

        def visit(part: Figure, depth: int) -> Iterator[tuple[int, str]]:
            if part in seen or depth > DEPTH:
                return
            seen.add(part)
            if part.formula is not Formula.GIVEN or self.origin(part):
                yield depth, self.sentence(part)
            for inner in part.parts:
                yield from visit(inner, depth + 1)

        yield from visit(figure, 0)
