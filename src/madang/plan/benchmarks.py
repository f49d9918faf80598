"""What a machine does: measured by `madang bench`, or the figures that come with Madang.

Every figure says which of the two it is, and every answer of the planner repeats it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from madang.plan.errors import BenchmarksError
from madang.plan.figures import Figure, Quantity, given
from madang.plan.table_reader import Table

VERSION: Final = 1
MAX_FILE: Final = 100_000
"""Characters; a dozen figures take two thousand."""


@dataclass(frozen=True, slots=True)
class BenchmarkKind:
    """An ability: its unit, the limits within which a measurement is believed, and the figure
    that is taken where nobody has measured."""

    unit: Quantity
    low: float
    high: float
    reference: float


KINDS: Final[dict[str, BenchmarkKind]] = {
    # Cores for one stream on the air, whoever watches: taken in, cut, playlists written.
    "live_stream": BenchmarkKind(Quantity.CORES, 0, 10, 0.02),
    # Cores for one viewer's requests (a playlist and a part three times a second), besides bytes.
    "live_viewer": BenchmarkKind(Quantity.CORES, 0, 1, 0.000_06),
    # Core-seconds for 10**9 bytes to viewers.
    "live_gigabyte": BenchmarkKind(Quantity.CORES, 0, 1000, 0.30),
    "chat_deliveries": BenchmarkKind(Quantity.PER_SECOND, 100, 1e9, 500_000),
    # Core-seconds for one message, whoever reads it: checked, framed, stored.
    "chat_message": BenchmarkKind(Quantity.CORES, 0, 1, 0.000_5),
    "api_requests": BenchmarkKind(Quantity.PER_SECOND, 1, 1e7, 1500),
    "upload_gigabyte": BenchmarkKind(Quantity.CORES, 0, 1000, 1.2),
    "disk_write": BenchmarkKind(Quantity.BYTES_PER_SECOND, 1e5, 1e12, 200e6),
    # Cores to keep one live rendition up, decoding the source included in the first.
    "ladder_480p": BenchmarkKind(Quantity.CORES, 0, 100, 0.55),
    "ladder_360p": BenchmarkKind(Quantity.CORES, 0, 100, 0.35),
    # Core-hours for an hour of recording.
    "archive_h265": BenchmarkKind(Quantity.CORE_HOURS, 0, 1000, 3.0),
    "archive_av1": BenchmarkKind(Quantity.CORE_HOURS, 0, 1000, 4.0),
}


@dataclass(frozen=True, slots=True)
class Measure:
    """A measurement, repeated: the median, and the smallest and largest beside it."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Benchmarks:
    """What was measured, on which machine and when (RFC 3339); empty where nothing was."""

    measured: Mapping[str, Measure]
    machine: str = ""
    cores: int = 0
    taken_at: str = ""

    @property
    def reference(self) -> bool:
        """Whether any figure is the built-in one."""
        return any(name not in self.measured for name in KINDS)

    def figure(self, name: str) -> Figure:
        """The ability as a figure that knows where it is from."""
        kind = KINDS[name]
        found = self.measured.get(name)
        if found is None:
            return given(f"ability_{name}", kind.reference, kind.unit, "reference")
        return given(f"ability_{name}", found.value, kind.unit, f"measured {self.taken_at}")


REFERENCE: Final = Benchmarks({})


def parse(text: str) -> Benchmarks:
    """Read the file that `written` makes. Raises AbilitiesError."""
    if len(text) > MAX_FILE:
        raise BenchmarksError(f"The file of abilities has {len(text)} characters: too many.")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BenchmarksError(f"The file of abilities is not JSON: {error}.") from None
    table = Table("The file of abilities", document, BenchmarksError)
    table.whole("version", VERSION, VERSION)
    machine = table.text("machine")
    cores = table.whole("cores", 1, 10_000)
    taken_at = table.text("taken_at", most=40)
    measured: dict[str, Measure] = {}
    for name, kind in KINDS.items():
        if not table.has(name):
            continue
        entry = Table(f"Ability {name}", table.anything(name), BenchmarksError)
        value = entry.number("value", kind.low, kind.high)
        low, high = entry.number("low", 0, value), entry.number("high", value, float("inf"))
        entry.done()
        measured[name] = Measure(value, low, high)
    table.done()
    return Benchmarks(measured, machine, cores, taken_at)


def written(benchmarks: Benchmarks) -> str:
    """The file."""
    document: dict[str, object] = {
        "version": VERSION,
        "machine": benchmarks.machine,
        "cores": benchmarks.cores,
        "taken_at": benchmarks.taken_at,
    }
    for name, found in benchmarks.measured.items():
        document[name] = {"value": found.value, "low": found.low, "high": found.high}
    return json.dumps(document, indent=2) + "\n"
