"""Catalogues, files of benchmarks and demands are parsed or raise their errors."""

from __future__ import annotations

from importlib.resources import files

from madang.plan import benchmarks, catalogue_file
from madang.plan.benchmarks import KINDS, Benchmarks, Measure
from madang.plan.demand import parse_demand
from madang.plan.errors import BenchmarksError, CatalogueError, DemandError
from tests.support.fuzzing import fuzz

COUNT = 30_000
"""TOML parses slowly; `script/bench fuzz` uses more."""


def _entries() -> list[bytes]:
    """Return the tables of the reference catalogue, each with those it refers to, as small
    seeds."""
    text = files("madang.plan").joinpath("reference.toml").read_text(encoding="utf-8")
    parts = [f"[[{part}" for part in text.split("[[")[1:]]
    provider = next(part for part in parts if part.startswith("[[provider"))
    server = next(part for part in parts if part.startswith("[[server"))
    return [
        provider.encode(),
        (provider + server).encode(),
        *(part.encode() for part in parts if part.startswith(("[[delivery", "[[managed"))),
        (provider + server + parts[-4]).encode(),
    ]


def test_a_catalogue_is_read_or_refused_by_name() -> None:
    fuzz(
        lambda data: _parse(data.decode(errors="replace")),
        _entries(),
        allowed=(CatalogueError,),
        count=COUNT,
    )


def _parse(text: str) -> None:
    catalogue_file.parse(text)


def test_abilities_are_read_or_refused_by_name() -> None:
    measured = {name: Measure(kind.reference, 0, kind.high) for name, kind in KINDS.items()}
    seed = benchmarks.serialize(Benchmarks(measured, "m", 2, "2026")).encode()
    fuzz(
        lambda data: _abilities(data.decode(errors="replace")),
        [seed, b"{}"],
        allowed=(BenchmarksError,),
        count=COUNT,
    )


def _abilities(text: str) -> None:
    benchmarks.parse(text)


def test_a_demand_is_read_or_refused_by_name() -> None:
    def read(data: bytes) -> None:
        name, _, value = data.decode(errors="replace").partition("=")
        parse_demand({name: value})

    seeds = [
        *(b"viewers=500", b"bitrate=2.5M", b"ladder=720p:2.5:0.6,360p:0.8:0.4", b"hours=1e2"),
        *(b"profile=" + b",".join([b"1"] * 24), b"archive=h265", b"peers=0.5"),
    ]
    fuzz(read, seeds, allowed=(DemandError,))
