"""Words of advice to the broadcaster, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from madang.apps.broadcasts.ports import AdviceStatus, AdviceValue
from madang.live.advice import BY_CODE

_MEGABIT: Final = 1_000_000
_BIT_RATES: Final = frozenset({"bit_rate", "carried", "limit"})
"""Values in bits per second."""


@dataclass(frozen=True, slots=True)
class AdviceText:
    """Advice as shown in the studio."""

    code: str
    severity: str
    title: str
    text: str


def localize(advice: Iterable[AdviceStatus]) -> list[AdviceText]:
    """Return the words of `advice`, in its order, in the active language.

    Codes of another release, which a process of it may send during an upgrade, are left out.
    """
    return [_localize(item) for item in advice if item.code in BY_CODE]


def _localize(item: AdviceStatus) -> AdviceText:
    rule = BY_CODE[item.code]
    values = {name: _readable(name, value) for name, value in item.values.items()}
    title, text = str(rule.title).format(**values), str(rule.text).format(**values)
    return AdviceText(item.code, item.severity, title, text)


def _readable(name: str, value: AdviceValue) -> str:
    if isinstance(value, str):
        return value
    if name not in _BIT_RATES:
        return f"{value:g}"
    if value < _MEGABIT / 10:
        return f"{max(value / 1000, 1):.0f} kbit/s"
    return f"{value / _MEGABIT:.1f} Mbit/s"
