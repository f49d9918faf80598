"""`fuzz`: more mutated inputs than the tests' share, for every parser.

Runs each target of `tests/fuzz` with the given count and reports its inputs per second. A parser
that answers an input with anything but an event or its own error ends the benchmark with that
input on standard error.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from bench.figures import Report, say
from bench.processes import LOAD_CORE, BenchFailed, pin

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = "tests/fuzz"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    parser.add_argument("--count", type=int, default=1_000_000, help="inputs per target")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="amf0, flv, …", default=[])


def main(options: argparse.Namespace) -> None:
    """Fuzz with `options` and print the figures. Raises BenchFailed."""
    found = sorted(path.stem.removeprefix("test_") for path in (ROOT / FOLDER).glob("test_*.py"))
    unknown = set(options.only) - set(found)
    if unknown or not found:
        raise BenchFailed(f"There are targets for {', '.join(found)}, not {', '.join(unknown)}.")
    pin(LOAD_CORE)
    report = Report("fuzz", {"count": options.count})
    for _ in range(options.repeats):
        for name in options.only or found:
            say(f"fuzz: {options.count} inputs for each target of {name}")
            for target, seconds in _run(name, options.count).items():
                report.add(f"{name}: {target}", "inputs", options.count / seconds, "inputs/s")
                say(f"  {target}: {options.count / seconds:.0f} a second")
    report.print({})


def _run(name: str, count: int) -> dict[str, float]:
    """Return the seconds of each target of `tests/fuzz/test_NAME.py` for `count` inputs."""
    with tempfile.TemporaryDirectory(prefix="madang-bench-") as folder:
        times = Path(folder) / "times.xml"
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-x", "--timeout=0"),
                *(f"{FOLDER}/test_{name}.py", f"--junitxml={times}"),
            ],
            cwd=ROOT,
            env={**os.environ, "MADANG_FUZZ_COUNT": str(count)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BenchFailed(f"{name} fails: {done.stdout[-3000:]}")
        return seconds_by_target(times.read_text(encoding="utf-8"))


def seconds_by_target(report: str) -> dict[str, float]:
    """Return the times of a JUnit report, by the test's name without `test_`."""
    return {
        case.attrib["name"].removeprefix("test_").replace("_", " "): float(case.attrib["time"])
        for case in ElementTree.fromstring(report).iter("testcase")
    }
