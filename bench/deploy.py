"""`deploy`: how long it takes from an empty Debian to a station that takes traffic.

For each of `--shape`, machines are booted from a Debian as small as a provider's image, in a
network namespace of their own, their disks on this machine's disk. Packages come from a cache on
this machine, which a first run fills; the operator's side runs on the same cores.

- `apply`: seconds of `madang deploy apply` from nothing, the building of the release included.
- `again`: seconds of a second one, which finds that nothing has to be changed.
- `plan`: seconds of `madang deploy plan` then.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Final

from bench.figures import Report, say
from bench.processes import BenchFailed
from tests.support.deployed import Site
from tests.support.machines import Ground, missing

SHAPES: Final = {"minimal": ("main",), "single": ("main",), "split": ("web", "media")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    parser.add_argument("--shape", nargs="+", choices=list(SHAPES), default=list(SHAPES))


def main(options: argparse.Namespace) -> None:
    """Measure with `options` and print the figures. Raises BenchFailed."""
    if lacking := missing():
        raise BenchFailed(f"Machines cannot be booted here: {lacking}.")
    report = Report("deploy", {"system": "Debian, as this machine's", "packages": "cached here"})
    for shape in options.shape:
        say(f"deploy: {shape}")
        with (
            tempfile.TemporaryDirectory(prefix="madang-bench-") as folder,
            Ground(Path(folder), memory=False) as ground,
        ):
            site = Site(ground, shape, {name: ground.machine(name) for name in SHAPES[shape]})
            began = time.monotonic()
            site.apply()
            report.add(shape, "apply", time.monotonic() - began, "s")
            began = time.monotonic()
            if site.apply():
                raise BenchFailed(f"{shape}: a second apply changed something.")
            report.add(shape, "again", time.monotonic() - began, "s")
            began = time.monotonic()
            site.plan()
            report.add(shape, "plan", time.monotonic() - began, "s")
    report.print({})
