"""A second chance, alone, for tests in real time that failed beside others.

A test marked `e2e`, `alone` or `machines` may fail because the machine was busy. Its failure does
not count yet; when everything else is through, the test runs once more in a process of its own, and
that result counts. The whole file is repeated where its tests depend on one another: on a machine,
where they judge one run together (`whole_file`), and where a fixture failed, as all of them may
have it. The summary names what passed only then. Nothing else is ever repeated.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

import pytest

LANES: Final = frozenset({"e2e", "alone", "machines"})
WHOLE_FILE: Final = frozenset({"machines", "whole_file"})
"""Markers of tests that are repeated with their file."""

OUTCOME: Final = "repeated"
"""Outcome of a first failure, instead of `failed`."""

MOST: Final = 24
"""Repeated tests or files of a run: where more fail, the program is broken, not the machine."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--reports-to FILE`, which a second run writes its reports to."""
    parser.addoption("--reports-to", type=Path, help="of a second run: write reports to FILE")


def pytest_configure(config: pytest.Config) -> None:
    """Repeat in the process that controls a parallel run; report in the second run."""
    if (file := config.getoption("--reports-to")) is not None:
        config.pluginmanager.register(ReportWriter(config, file.open("w", encoding="utf-8")))
    elif config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Repeats(config), "repeats")


class ReportWriter:
    """Writes each report as a line of JSON."""

    def __init__(self, config: pytest.Config, file: IO[str]) -> None:
        self._config = config
        self._file = file

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write one report."""
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self._file.write(json.dumps(data) + "\n")
        self._file.flush()


class Repeats:
    """Holds first failures back, and repeats them when everything else is through."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._first: dict[str, pytest.TestReport] = {}
        self._passed: set[str] = set()
        self._repeating = False
        self._failed_again: set[str] = set()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Hold back a failure of a test in real time."""
        if report.passed and report.when == "call":
            self._passed.add(report.nodeid)
        if not report.failed or not LANES & report.keywords.keys():
            return
        if self._repeating:
            self._failed_again.add(report.nodeid)
        else:
            self._first.setdefault(_unit(report), report)
            report.outcome = OUTCOME  # type: ignore[assignment]

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, Any] | None:
        """Show a failure that was held back as R."""
        if report.outcome == OUTCOME:
            return OUTCOME, "R", ("REPEATED", {"yellow": True})
        return None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Iterator[None]:
        """Repeat after the loop, before the session's result is known."""
        result = yield
        if self._first:
            self._repeating = True
            if len(self._first) > MOST:
                for report in self._first.values():
                    report.outcome = "failed"
                    self._config.hook.pytest_runtest_logreport(report=report)
            else:
                for unit in self._first:
                    self._repeat(unit)
        return result

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name what passed only when it ran alone, with the first failure's last line."""
        if not self._first:
            return
        terminalreporter.section("first failures of what was repeated alone")
        for unit, report in self._first.items():
            again = any(name == unit or name.startswith(f"{unit}::") for name in self._failed_again)
            verdict = "failed again" if again else "passed only when repeated alone"
            terminalreporter.line(f"{unit}: {verdict}")
            terminalreporter.line(str(report.longreprtext)[-2000:])

    def _repeat(self, unit: str) -> None:
        with tempfile.NamedTemporaryFile("r", encoding="utf-8") as file:
            done = subprocess.run(
                [
                    *(sys.executable, "-m", "pytest", "-q", "-p", __name__),
                    *(f"--reports-to={file.name}", unit),
                ],
                cwd=self._config.rootpath,
                check=False,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            lines = file.readlines()
        for line in lines:
            report = self._config.hook.pytest_report_from_serializable(
                config=self._config, data=json.loads(line)
            )
            if report.failed or report.nodeid not in self._passed:
                self._config.hook.pytest_runtest_logreport(report=report)
        if not lines:  # it did not come to a test
            first = self._first[unit]
            first.outcome = "failed"
            first.longrepr = f"{first.longreprtext}\n\nrepeated alone: {done.stdout[-4000:]}"
            self._config.hook.pytest_runtest_logreport(report=first)


def _unit(report: pytest.TestReport) -> str:
    if report.when == "setup" or WHOLE_FILE & report.keywords.keys():
        return report.nodeid.partition("::")[0]
    return report.nodeid
