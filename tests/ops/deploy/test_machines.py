"""Cleanup of the machines that other tests boot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import machine_sweep
from tests.support.deployed import wait_until
from tests.support.machines import missing
from tests.support.station import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.machines, pytest.mark.timeout(600)]


def test_machines_are_removed_after_their_test_is_killed(tmp_path: Path) -> None:
    if lacking := missing():
        pytest.skip(lacking)

    def left(name: str) -> list[object]:
        return [
            *machine_sweep.processes(name),
            *machine_sweep.namespaces(name),
            *machine_sweep.groups(name),
            *machine_sweep.mounts(tmp_path),
        ]

    test = subprocess.Popen(
        [sys.executable, "-m", "tests.support.machine_alone", str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert test.stdout is not None
    name = test.stdout.readline().strip()
    assert len(left(name)) > 4
    test.kill()
    test.communicate()
    wait_until(lambda: not left(name), 30, f"{name} is still here")
