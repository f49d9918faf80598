"""Figures of a benchmark, with their spread over repeats, references and the machine.

One figure is one JSON object on one line, so that runs can be collected and compared.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_DIGITS: Final = 4
"""Significant digits printed; no measurement here is more precise."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Machine of the measurement."""

    cpu: str
    cores: int
    kernel: str

    @classmethod
    def here(cls) -> Machine:
        """Return a description of this machine."""
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        return cls(models[0] if models else "unknown", os.cpu_count() or 1, platform.release())


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, minimum and maximum of a figure over repeats."""

    repeats: int
    min: float
    median: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of `values`. Raises ValueError if empty."""
        if not values:
            raise ValueError("a figure needs at least one measurement")
        return cls(len(values), min(values), statistics.median(values), max(values))

    def printed(self) -> dict[str, float]:
        """Return the printed form."""
        return {
            "repeats": self.repeats,
            "min": rounded(self.min),
            "median": rounded(self.median),
            "max": rounded(self.max),
        }


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` (0 to 1) of the values do not exceed (nearest rank).

    Raises ValueError if empty.
    """
    if not values:
        raise ValueError("a percentile needs at least one value")
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, -int(-share * len(ordered) // 1) - 1))]


def rounded(value: float) -> float:
    """Round `value` to the printed digits."""
    return float(f"{value:.{_DIGITS}g}")


class Report:
    """Measurements by figure and subject, printed when all repeats are done.

    `bench` is the benchmark's name, `conditions` are those of all its figures.
    """

    def __init__(self, bench: str, conditions: Mapping[str, object]) -> None:
        self._bench = bench
        self._conditions = dict(conditions)
        self._values: dict[tuple[str, str, str], list[float]] = {}

    def add(self, subject: str, name: str, value: float, unit: str) -> None:
        """Add one measurement of `subject` (a server and its way of delivery)."""
        self._values.setdefault((subject, name, unit), []).append(value)

    def print(self, references: Mapping[str, Sequence[str]]) -> None:
        """Print every figure; `references` maps each of our subjects to those it is compared
        with."""
        machine = asdict(Machine.here())
        date = datetime.now(UTC).isoformat(timespec="seconds")
        medians = {
            (subject, name): Spread.of(values).median
            for (subject, name, _), values in self._values.items()
        }
        for (subject, name, unit), values in self._values.items():
            spread = Spread.of(values)
            figure = {
                "bench": self._bench,
                "subject": subject,
                "name": name,
                "value": rounded(spread.median),
                "unit": unit,
                "ratio": {
                    reference: rounded(spread.median / medians[reference, name])
                    for reference in references.get(subject, ())
                    if medians.get((reference, name))
                },
                "spread": spread.printed(),
                "conditions": self._conditions,
                "machine": machine,
                "date": date,
            }
            print(json.dumps(figure, ensure_ascii=False), flush=True)


def say(words: str) -> None:
    """Print progress for people."""
    print(f"bench: {words}", file=sys.stderr, flush=True)
