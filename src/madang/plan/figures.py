"""Numbers that know where they come from.

A figure is given (by the catalogue, the demand, a measurement), or made of other figures in one of
a few ways. So "why?" can be answered for each of them, and a test can do every sum again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Final, NamedTuple


class Quantity(StrEnum):
    """What a figure counts. The value is its name in JSON."""

    USD = "usd"
    BYTES = "bytes"
    BYTES_PER_SECOND = "bytes/s"
    BITS_PER_SECOND = "bit/s"
    HOURS = "hours"
    VIEWER_HOURS = "viewer-hours"
    PEOPLE = "people"
    COUNT = "count"
    PER_SECOND = "1/s"
    CORES = "cores"
    CORE_HOURS = "core-hours"
    MONTHS = "months"
    SHARE = "share"
    FACTOR = "factor"


class Formula(StrEnum):
    """How a figure is made of its parts."""

    GIVEN = "given"
    SUM = "sum"
    DIFFERENCE = "difference"
    PRODUCT = "product"
    QUOTIENT = "quotient"
    LEAST = "least"
    MOST = "most"
    FLOOR = "floor"
    CEILING = "ceiling"
    NOT_BELOW_ZERO = "not below zero"


class UnitsDiffer(TypeError):
    """Figures of different units cannot be added or compared."""


class Figure(NamedTuple):  # made by the thousand for an answer: three times as fast as a dataclass
    """`value` in `unit`; `key` names it in words. `origin` says who gave it, where it was given."""

    key: str
    value: float
    unit: Quantity
    how: Formula = Formula.GIVEN
    parts: tuple[Figure, ...] = ()
    origin: str = ""

    def named(self, key: str) -> Figure:
        """The same under another name."""
        return self._replace(key=key)

    def walk(self) -> Iterator[Figure]:
        """This figure and all that it is made of."""
        yield self
        for part in self.parts:
            yield from part.walk()

    def worked_out(self) -> float:
        """The value once more, from the parts' values."""
        if self.how is Formula.GIVEN:
            return self.value
        return _WORK[self.how](*(part.value for part in self.parts))


def given(key: str, value: float, unit: Quantity, origin: str) -> Figure:
    """A figure that somebody stated."""
    return Figure(key, float(value), unit, origin=origin)


def total(key: str, *parts: Figure) -> Figure:
    """The sum. Raises UnitsDiffer."""
    return _made(key, _common(parts), Formula.SUM, parts)


def difference(key: str, whole: Figure, *less: Figure) -> Figure:
    """What is left of `whole`. Raises UnitsDiffer."""
    return _made(key, _common((whole, *less)), Formula.DIFFERENCE, (whole, *less))


def product(key: str, unit: Quantity, *parts: Figure) -> Figure:
    """The product; `unit` is what it counts."""
    return _made(key, unit, Formula.PRODUCT, parts)


def quotient(key: str, unit: Quantity, dividend: Figure, divisor: Figure) -> Figure:
    """One by the other; endless where something is divided by nothing, 0 where nothing is."""
    return _made(key, unit, Formula.QUOTIENT, (dividend, divisor))


def least(key: str, *parts: Figure) -> Figure:
    """The smallest. Raises UnitsDiffer."""
    return _made(key, _common(parts), Formula.LEAST, parts)


def most(key: str, *parts: Figure) -> Figure:
    """The largest. Raises UnitsDiffer."""
    return _made(key, _common(parts), Formula.MOST, parts)


def floor(key: str, part: Figure) -> Figure:
    """The whole number below."""
    return _made(key, part.unit, Formula.FLOOR, (part,))


def ceiling(key: str, part: Figure) -> Figure:
    """The whole number above."""
    return _made(key, part.unit, Formula.CEILING, (part,))


def not_below_zero(key: str, part: Figure) -> Figure:
    """The same, or 0 where it is negative."""
    return _made(key, part.unit, Formula.NOT_BELOW_ZERO, (part,))


def _made(key: str, unit: Quantity, how: Formula, parts: tuple[Figure, ...]) -> Figure:
    return Figure(key, _WORK[how](*[part.value for part in parts]), unit, how, parts)


def _common(parts: tuple[Figure, ...]) -> Quantity:
    unit = parts[0].unit
    for part in parts:
        if part.unit is not unit:
            units = sorted({part.unit for part in parts})
            raise UnitsDiffer(f"{', '.join(units)} do not add up")
    return unit


def _divided(dividend: float, divisor: float) -> float:
    if divisor:
        return dividend / divisor
    return math.inf if dividend > 0 else 0.0


# Sums of decimal fractions miss whole numbers by a few units in the last place.
_ROUNDING = 1e-9


def _floor(value: float) -> float:
    return value if math.isinf(value) else float(math.floor(value + abs(value) * _ROUNDING))


def _ceiling(value: float) -> float:
    return value if math.isinf(value) else float(math.ceil(value - abs(value) * _ROUNDING))


_WORK: Final[dict[Formula, Callable[..., float]]] = {
    Formula.SUM: lambda *values: math.fsum(values),
    Formula.DIFFERENCE: lambda whole, *less: whole - math.fsum(less),
    Formula.PRODUCT: lambda *values: math.prod(values),
    Formula.QUOTIENT: _divided,
    Formula.LEAST: lambda *values: min(values),
    Formula.MOST: lambda *values: max(values),
    Formula.FLOOR: _floor,
    Formula.CEILING: _ceiling,
    Formula.NOT_BELOW_ZERO: lambda value: max(0.0, value),
}
"""How a value is made of those of its parts."""
