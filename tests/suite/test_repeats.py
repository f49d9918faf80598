"""The second chance of tests in real time, on real runs of pytest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.support.markdown import ROOT

HEAD: Final = """
import os, pathlib, pytest
from pytest import mark

def first_time(name):
    file = pathlib.Path(__file__).with_name(name)
    known = file.exists()
    file.touch()
    return not known
"""


def run(folder: Path, body: str, *more: str) -> tuple[int, str]:
    """Exit code and output of a parallel run of the tests in `body`."""
    (folder / "test_it.py").write_text(HEAD + body)
    markers = "\n  ".join(["e2e", "alone", "machines", "whole_file"])
    (folder / "pytest.ini").write_text(f"[pytest]\nmarkers =\n  {markers}\n")
    environment = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "tests.support.repeats", "-n2", "-ra", *more),
            *("--rootdir", str(folder), "-p", "no:cacheprovider", "test_it.py"),
        ],
        cwd=folder,
        env=environment | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_failures_in_real_time_are_repeated_alone_and_named(tmp_path: Path) -> None:
    code, out = run(
        tmp_path,
        """
@mark.e2e
def test_late():
    if first_time("late"):
        raise AssertionError("the machine was busy")

@mark.alone
def test_measured():
    assert not first_time("measured")

def test_pure():
    pass
""",
    )
    assert code == 0, out
    assert "test_it.py::test_late: passed only when repeated alone" in out
    assert "test_it.py::test_measured: passed only when repeated alone" in out
    assert "the machine was busy" in out
    assert "3 passed, 2 repeated" in out.splitlines()[-1]


def test_what_fails_again_fails_and_what_only_computes_is_never_repeated(tmp_path: Path) -> None:
    code, out = run(
        tmp_path,
        """
@mark.e2e
def test_broken():
    raise AssertionError("broken" if first_time("broken") else "broken again")

def test_flaky():
    assert not first_time("flaky")
""",
    )
    assert code == 1, out
    assert "test_it.py::test_broken: failed again" in out
    assert "broken again" in out
    assert "2 failed, 1 repeated" in out.splitlines()[-1]


def test_tests_on_a_machine_are_repeated_with_their_file(tmp_path: Path) -> None:
    code, out = run(
        tmp_path,
        """
pytestmark = mark.machines
state = []

def test_first():
    state.append(1)

def test_second():
    assert state == [1]
    assert not first_time("second")
""",
        "--dist=loadfile",
    )
    assert code == 0, out
    assert "test_it.py: passed only when repeated alone" in out


def test_a_fixture_that_failed_is_repeated_with_the_file(tmp_path: Path) -> None:
    code, out = run(
        tmp_path,
        """
@pytest.fixture(scope="module")
def station():
    assert not first_time("station")

@mark.e2e
@mark.parametrize("number", range(30))
def test_of_the_station(station, number):
    pass
""",
        "--dist=loadfile",
    )
    assert code == 0, out
    assert "test_it.py: passed only when repeated alone" in out
    assert "30 passed, 30 repeated" in out.splitlines()[-1]


def test_tests_that_judge_one_run_are_repeated_together(tmp_path: Path) -> None:
    code, out = run(
        tmp_path,
        """
pytestmark = [mark.e2e, mark.whole_file]

@pytest.fixture(scope="module")
def calm():
    pathlib.Path(__file__).with_name(f"run-{os.getpid()}").touch()
    return not first_time("calm")

@mark.parametrize("number", range(30))
def test_of_the_run(calm, number):
    assert calm
""",
        "--dist=loadfile",
    )
    assert code == 0, out
    assert "test_it.py: passed only when repeated alone" in out
    assert len(list(tmp_path.glob("run-*"))) == 2


def test_a_program_that_is_broken_everywhere_is_not_run_twice(tmp_path: Path) -> None:
    code, out = run(
        tmp_path,
        """
@mark.e2e
@mark.parametrize("number", range(30))
def test_broken(number):
    first_time(f"ran-{number}-{os.getpid()}")
    raise AssertionError("broken")
""",
    )
    assert code == 1, out
    assert len(list(tmp_path.glob("ran-*"))) == 30
    assert "30 failed" in out.splitlines()[-1]
