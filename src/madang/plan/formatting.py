"""Says the planner's numbers: in English or Korean, in dollars or won."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from madang.plan.figures import Figure, Formula, Quantity
from madang.plan.labels import FIGURES, ORIGINS, PROFILES, Pair

Language = Literal["en", "ko"]
DEPTH: Final = 12
"""Levels of a derivation that are told; the deepest has nine."""

_SIGNS: Final = {
    Formula.SUM: " + ",
    Formula.DIFFERENCE: " − ",
    Formula.PRODUCT: " × ",
    Formula.QUOTIENT: " ÷ ",
}
_OF: Final[dict[Formula, Pair]] = {
    Formula.LEAST: ("the least of", "가장 작은 값:"),
    Formula.MOST: ("the most of", "가장 큰 값:"),
    Formula.FLOOR: ("rounded down from", "내림:"),
    Formula.CEILING: ("rounded up from", "올림:"),
    Formula.NOT_BELOW_ZERO: ("not below 0:", "0 이상:"),
}


@dataclass(frozen=True, slots=True)
class Currency:
    """How money is shown. `rate` is units for one US dollar, as of `date`."""

    code: Literal["usd", "krw"] = "usd"
    rate: float = 1.0
    date: str = ""


@dataclass(frozen=True, slots=True)
class Formatter:
    """One language and one currency. `sources` has the Korean of the catalogue's sources."""

    language: Language = "en"
    currency: Currency = field(default_factory=Currency)
    sources: Mapping[str, str] = field(default_factory=dict)

    def say(self, pair: Pair, **values: str) -> str:
        """The text in this language, with its marks filled."""
        return pair[self.language == "ko"].format(**values)

    def number(self, value: float, digits: int = 0) -> str:
        """With separators, and only the decimals that tell something."""
        if math.isinf(value):
            return self.say(("without limit", "제한 없음"))
        text = f"{value:,.{digits}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text

    def money(self, usd: float) -> str:
        """An amount of money: cents only where they matter."""
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
        """Bytes, in decimal units."""
        for scale, unit in ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "KB")):
            if abs(size) >= scale * 0.9995:
                return f"{self.number(size / scale, 3 if size < 10 * scale else 1)} {unit}"
        return f"{self.number(size)} B"

    def rate(self, bits: float) -> str:
        """Bits per second."""
        for scale, unit in ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s")):
            if bits >= scale:
                return f"{self.number(bits / scale, 2)} {unit}"
        return f"{self.number(bits)} bit/s"

    def hours(self, hours: float) -> str:
        """A length of time in hours."""
        return self.say(("{n} h", "{n}시간"), n=self.number(hours, 1 if hours < 100 else 0))

    def months(self, months: float) -> str:
        """A length of time in months."""
        if math.isinf(months):
            return self.say(("never", "차지 않음"))
        return self.say(("{n} months", "{n}개월"), n=self.number(months, 1))

    def value(self, figure: Figure) -> str:
        """A figure with its unit."""
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
                return self.say(("{n} viewer-hours", "시청 {n}시간"), n=self.number(value))
            case Quantity.PEOPLE:
                return self.say(("{n} people", "{n}명"), n=self.number(value))
            case Quantity.MONTHS:
                return self.months(value)
            case Quantity.SHARE:
                return f"{self.number(value * 100, 1)}%"
            case Quantity.CORES:
                one = ("{n} core", "코어 {n}개")
                pair = one if value == 1 else ("{n} cores", "코어 {n}개")
                return self.say(pair, n=self._small(value))
            case Quantity.CORE_HOURS:
                return self.say(("{n} core-hours", "{n} 코어시간"), n=self._small(value))
            case Quantity.PER_SECOND:
                return self.say(("{n}/s", "초당 {n}"), n=self._small(value))
            case _:
                return self._small(value)

    def _small(self, value: float) -> str:
        """Three digits that tell something, however small."""
        if not value or math.isinf(value) or abs(value) >= 100:
            return self.number(value)
        if abs(value) < 1e-4:
            return f"{value:.3g}"
        return self.number(value, max(0, 2 - math.floor(math.log10(abs(value)))))

    def name(self, figure: Figure) -> str:
        """What a figure is called."""
        return self.say(FIGURES[figure.key])

    def origin(self, figure: Figure) -> str:
        """Who says so; empty where that needs no saying."""
        origin = figure.origin
        if origin in ORIGINS:
            return self.say(ORIGINS[origin])
        kind, _, rest = origin.partition(" ")
        if kind == "measured":
            return self.say(("measured here, {when}", "이 서버에서 측정, {when}"), when=rest)
        if kind == "profile":
            return self.say(PROFILES[rest])
        return self.sources.get(origin, origin) if self.language == "ko" else origin

    def sentence(self, figure: Figure) -> str:
        """One line: the figure, and how it comes out of its parts."""
        line = f"{self.name(figure)}: {self.value(figure)}"
        if figure.how is Formula.GIVEN:
            origin = self.origin(figure)
            return f"{line} ({origin})" if origin else line
        parts = [f"{self.value(part)} ({self.name(part)})" for part in figure.parts]
        if figure.how in _SIGNS:
            return f"{line} = {_SIGNS[figure.how].join(parts)}"
        return f"{line} = {self.say(_OF[figure.how])} {', '.join(parts)}"

    def why(self, figure: Figure) -> Iterator[tuple[int, str]]:
        """The derivation, line by line, each with its depth; what was said once is not repeated."""
        told: set[Figure] = set()

        def tell(part: Figure, depth: int) -> Iterator[tuple[int, str]]:
            if part in told or depth > DEPTH:
                return
            told.add(part)
            if part.how is not Formula.GIVEN or self.origin(part):
                yield depth, self.sentence(part)
            for inner in part.parts:
                yield from tell(inner, depth + 1)

        yield from tell(figure, 0)
