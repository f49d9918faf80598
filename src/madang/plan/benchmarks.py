"""Performance of a machine: measured by `madang bench`, or built-in reference values.

Each figure carries its origin, and every answer repeats it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from madang.plan.errors import BenchmarksError
from madang.plan.figures import Figure, Quantity, given
from madang.plan.table_reader import TableReader

VERSION: Final = 1
MAX_FILE: Final = 100_000
"""Characters of a file; a dozen figures take two thousand."""


@dataclass(frozen=True, slots=True)
class BenchmarkKind:
    """Unit of a benchmark, limits of a plausible measurement, and the reference value used when it
    is not measured."""

    unit: Quantity
    low: float
    high: float
    reference: float


KINDS: Final[dict[str, BenchmarkKind]] = {
    # Cores for one live stream regardless of viewers: ingest, segmenting, playlists.
    "live_stream": BenchmarkKind(Quantity.CORES, 0, 10, 0.02),
    # Cores for one viewer's requests (a playlist and a part three times a second), without bytes.
    "live_viewer": BenchmarkKind(Quantity.CORES, 0, 1, 0.000_06),
    # Core-seconds for 10**9 bytes to viewers.
    "live_gigabyte": BenchmarkKind(Quantity.CORES, 0, 1000, 0.30),
    "chat_deliveries": BenchmarkKind(Quantity.PER_SECOND, 100, 1e9, 500_000),
    # Core-seconds for one message regardless of readers: checking, framing, storing.
    "chat_message": BenchmarkKind(Quantity.CORES, 0, 1, 0.000_5),
    "api_requests": BenchmarkKind(Quantity.PER_SECOND, 1, 1e7, 1500),
    "upload_gigabyte": BenchmarkKind(Quantity.CORES, 0, 1000, 1.2),
    "disk_write": BenchmarkKind(Quantity.BYTES_PER_SECOND, 1e5, 1e12, 200e6),
    # Cores for one live rendition; the first includes decoding the source.
    "ladder_480p": BenchmarkKind(Quantity.CORES, 0, 100, 0.55),
    "ladder_360p": BenchmarkKind(Quantity.CORES, 0, 100, 0.35),
    # Core-hours for an hour of recording.
    "archive_h265": BenchmarkKind(Quantity.CORE_HOURS, 0, 1000, 3.0),
    "archive_av1": BenchmarkKind(Quantity.CORE_HOURS, 0, 1000, 4.0),
}


@dataclass(frozen=True, slots=True)
class Measure:
    """A repeated measurement: median, smallest and largest."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Benchmarks:
    """Measurements with machine and time (RFC 3339); empty if nothing was measured."""

    measured: Mapping[str, Measure]
    machine: str = ""
    cores: int = 0
    taken_at: str = ""

    @property
    def reference(self) -> bool:
        """Return True if any figure is a reference value."""
        return any(name not in self.measured for name in KINDS)

    def figure(self, name: str) -> Figure:
        """Return the benchmark as a figure with its origin."""
        kind = KINDS[name]
        found = self.measured.get(name)
        if found is None:
            return given(f"ability_{name}", kind.reference, kind.unit, "reference")
        return given(f"ability_{name}", found.value, kind.unit, f"measured {self.taken_at}")


REFERENCE: Final = Benchmarks({})


def parse(text: str) -> Benchmarks:
    """Read the file that `serialize` writes. Raises BenchmarksError."""
    if len(text) > MAX_FILE:
        raise BenchmarksError(f"The file of abilities has {len(text)} characters: too many.")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BenchmarksError(f"The file of abilities is not JSON: {error}.") from None
    table = TableReader("The file of abilities", document, BenchmarksError)
    table.integer("version", VERSION, VERSION)
    machine = table.text("machine")
    cores = table.integer("cores", 1, 10_000)
    taken_at = table.text("taken_at", most=40)
    measured: dict[str, Measure] = {}
    for name, kind in KINDS.items():
        if not table.has(name):
            continue
        entry = TableReader(f"Ability {name}", table.value(name), BenchmarksError)
        value = entry.number("value", kind.low, kind.high)
        low, high = entry.number("low", 0, value), entry.number("high", value, float("inf"))
        entry.finish()
        measured[name] = Measure(value, low, high)
    table.finish()
    return Benchmarks(measured, machine, cores, taken_at)


def serialize(benchmarks: Benchmarks) -> str:
    """Return the text of the file."""
    document: dict[str, object] = {
        "version": VERSION,
        "machine": benchmarks.machine,
        "cores": benchmarks.cores,
        "taken_at": benchmarks.taken_at,
    }
    for name, found in benchmarks.measured.items():
        document[name] = {"value": found.value, "low": found.low, "high": found.high}
    return json.dumps(document, indent=2) + "\n"
