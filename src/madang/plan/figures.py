"""Numbers with their derivation.

A figure is given (by the catalogue, the demand, a measurement) or derived from other figures by a
formula, so each can be explained, and recomputed by a test.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Final, NamedTuple


class Quantity(StrEnum):
    """Unit of a figure. The value is its name in JSON."""

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
    """Formula that derives a figure from its parts."""

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


class UnitMismatch(TypeError):
    """Combination of figures of different units."""


class Figure(NamedTuple):  # made by the thousand for an answer: three times as fast as a dataclass
    """A value with its unit. `key` selects its name; `origin` is the source of a given value."""

    key: str
    value: float
    unit: Quantity
    formula: Formula = Formula.GIVEN
    parts: tuple[Figure, ...] = ()
    origin: str = ""

    def named(self, key: str) -> Figure:
        """Return the same figure under another key."""
        return self._replace(key=key)

    def walk(self) -> Iterator[Figure]:
        """Yield this figure and all parts, recursively."""
        yield self
        for part in self.parts:
            yield from part.walk()

    def recomputed(self) -> float:
        """Return the value computed again from the parts."""
        if self.formula is Formula.GIVEN:
            return self.value
        return _EVALUATE[self.formula](*(part.value for part in self.parts))


def given(key: str, value: float, unit: Quantity, origin: str) -> Figure:
    """Return a figure without parts."""
    return Figure(key, float(value), unit, origin=origin)


def total(key: str, *parts: Figure) -> Figure:
    """Return the sum. Raises UnitMismatch."""
    return _derived(key, _common_unit(parts), Formula.SUM, parts)


def difference(key: str, whole: Figure, *less: Figure) -> Figure:
    """Return `whole` minus the others. Raises UnitMismatch."""
    return _derived(key, _common_unit((whole, *less)), Formula.DIFFERENCE, (whole, *less))


def product(key: str, unit: Quantity, *parts: Figure) -> Figure:
    """Return the product, in `unit`."""
    return _derived(key, unit, Formula.PRODUCT, parts)


def quotient(key: str, unit: Quantity, dividend: Figure, divisor: Figure) -> Figure:
    """Return the quotient: infinite for x/0, 0 for 0/0."""
    return _derived(key, unit, Formula.QUOTIENT, (dividend, divisor))


def least(key: str, *parts: Figure) -> Figure:
    """Return the smallest. Raises UnitMismatch."""
    return _derived(key, _common_unit(parts), Formula.LEAST, parts)


def most(key: str, *parts: Figure) -> Figure:
    """Return the largest. Raises UnitMismatch."""
    return _derived(key, _common_unit(parts), Formula.MOST, parts)


def floor(key: str, part: Figure) -> Figure:
    """Round down."""
    return _derived(key, part.unit, Formula.FLOOR, (part,))


def ceiling(key: str, part: Figure) -> Figure:
    """Round up."""
    return _derived(key, part.unit, Formula.CEILING, (part,))


def not_below_zero(key: str, part: Figure) -> Figure:
    """Return the value, or 0 if it is negative."""
    return _derived(key, part.unit, Formula.NOT_BELOW_ZERO, (part,))


def _derived(key: str, unit: Quantity, formula: Formula, parts: tuple[Figure, ...]) -> Figure:
    return Figure(key, _EVALUATE[formula](*[part.value for part in parts]), unit, formula, parts)


def _common_unit(parts: tuple[Figure, ...]) -> Quantity:
    unit = parts[0].unit
    for part in parts:
        if part.unit is not unit:
            units = sorted({part.unit for part in parts})
            raise UnitMismatch(f"{', '.join(units)} do not add up")
    return unit


def _divide(dividend: float, divisor: float) -> float:
    if divisor:
        return dividend / divisor
    return math.inf if dividend > 0 else 0.0


# Sums of decimal fractions miss whole numbers by a few units in the last place.
_ROUNDING = 1e-9


def _floor(value: float) -> float:
    return value if math.isinf(value) else float(math.floor(value + abs(value) * _ROUNDING))


def _ceiling(value: float) -> float:
    return value if math.isinf(value) else float(math.ceil(value - abs(value) * _ROUNDING))


_EVALUATE: Final[dict[Formula, Callable[..., float]]] = {
    Formula.SUM: lambda *values: math.fsum(values),
    Formula.DIFFERENCE: lambda whole, *less: whole - math.fsum(less),
    Formula.PRODUCT: lambda *values: math.prod(values),
    Formula.QUOTIENT: _divide,
    Formula.LEAST: lambda *values: min(values),
    Formula.MOST: lambda *values: max(values),
    Formula.FLOOR: _floor,
    Formula.CEILING: _ceiling,
    Formula.NOT_BELOW_ZERO: lambda value: max(0.0, value),
}
