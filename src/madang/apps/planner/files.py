"""The planner's files: the built-in catalogue, the operator's catalogue, and results of `madang
bench`. Independent of Django, so that the command starts quickly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from madang.base.errors import MadangError
from madang.plan import benchmarks, catalogue_file
from madang.plan.benchmarks import Benchmarks
from madang.plan.catalogue import Catalogue
from madang.plan.errors import BenchmarksError, CatalogueError


class UnreadableFile(MadangError):
    """Existing file of the planner that cannot be read."""


@dataclass(frozen=True, slots=True)
class PlannerData:
    """Catalogue and benchmarks of the station."""

    catalogue: Catalogue
    benchmarks: Benchmarks
    korean_sources: dict[str, str]
    stamp: tuple[int | None, int | None]
    """Modification times, for caches."""


def load_planner_data(catalogue: Path, measured: Path) -> PlannerData:
    """Read both files if they exist; cached until they change.

    Raises CatalogueError and BenchmarksError, with the file's name, and UnreadableFile.
    """
    return _load(catalogue, _stamp(catalogue), measured, _stamp(measured))


@lru_cache(maxsize=1)
def reference() -> Catalogue:
    """Return the built-in catalogue."""
    return catalogue_file.parse(
        files("madang.plan").joinpath("reference.toml").read_text(encoding="utf-8")
    )


@lru_cache(maxsize=4)
def _load(
    catalogue: Path, catalogue_stamp: int | None, measured: Path, measured_stamp: int | None
) -> PlannerData:
    base, measured_values = reference(), benchmarks.REFERENCE
    try:
        if catalogue_stamp is not None:
            base = catalogue_file.parse(_read_text(catalogue), base)
        if measured_stamp is not None:
            measured_values = benchmarks.parse(_read_text(measured))
    except CatalogueError as error:
        raise CatalogueError(f"{catalogue}: {error.message}") from None
    except BenchmarksError as error:
        raise BenchmarksError(
            f"{measured}: {error.message}", mend="Measure again: madang bench."
        ) from None
    stamps = (catalogue_stamp, measured_stamp)
    return PlannerData(base, measured_values, base.korean_sources(), stamps)


def _stamp(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(
            f"The planner's file {path} cannot be read: {error}.",
            mend="Give the station's user the right to read it, or remove it.",
        ) from None
