"""Reads what the planner reckons with: the catalogue that comes with Madang, the operator's own
beside it, and what `madang bench` measured. Knows no Django, so that the command is quick."""

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
    """A file of the planner is there but cannot be read."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known before anything is asked."""

    catalogue: Catalogue
    benchmarks: Benchmarks
    korean_sources: dict[str, str]
    stamp: tuple[int | None, int | None]
    """Changes whenever one of the files does."""


def known(catalogue: Path, measured: Path) -> Known:
    """Read both files where they are there; anew only when they have changed.

    Raises CatalogueError and AbilitiesError, with the file's name, and UnreadableFile.
    """
    return _known(catalogue, _stamp(catalogue), measured, _stamp(measured))


@lru_cache(maxsize=1)
def reference() -> Catalogue:
    """The catalogue that comes with Madang."""
    return catalogue_file.parse(
        files("madang.plan").joinpath("reference.toml").read_text(encoding="utf-8")
    )


@lru_cache(maxsize=4)
def _known(
    catalogue: Path, catalogue_stamp: int | None, measured: Path, measured_stamp: int | None
) -> Known:
    offered, can = reference(), benchmarks.REFERENCE
    try:
        if catalogue_stamp is not None:
            offered = catalogue_file.parse(_text(catalogue), offered)
        if measured_stamp is not None:
            can = benchmarks.parse(_text(measured))
    except CatalogueError as error:
        raise CatalogueError(f"{catalogue}: {error.message}") from None
    except BenchmarksError as error:
        raise BenchmarksError(
            f"{measured}: {error.message}", mend="Measure again: madang bench."
        ) from None
    stamps = (catalogue_stamp, measured_stamp)
    return Known(offered, can, offered.korean_sources(), stamps)


def _stamp(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(
            f"The planner's file {path} cannot be read: {error}.",
            mend="Give the station's user the right to read it, or remove it.",
        ) from None
