"""Measuring and ending of processes; position of the clock in the picture."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench import clock_publisher
from bench.fuzz import seconds_by_target
from bench.processes import (
    SERVER_CORE,
    BenchFailed,
    running,
)
from madang.ops.measure.errors import MeasureFailed
from madang.ops.measure.processes import cpu_seconds, resident_bytes
from madang.station.demo import clock

_SPIN = "import time\nwhile time.process_time() < 0.3: pass\n"
_BUSY = (
    f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {_SPIN!r}])\n"
    f"{_SPIN}time.sleep(60)"
)


def test_a_process_is_measured_with_its_children_and_gone_afterwards(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _BUSY]
    with running("busy", command, core=SERVER_CORE, log=tmp_path / "log") as child:
        child.wait_for(lambda: cpu_seconds(child.pid) >= 0.5, 20, "twice 0.3 s of processor time")
        assert resident_bytes(child.pid) > 1_000_000
    with pytest.raises(MeasureFailed, match="ended while it was measured"):
        cpu_seconds(child.pid)


def test_a_process_that_ends_early_says_why(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no room')"]
    with (
        running("brief", command, core=None, log=tmp_path / "log") as child,
        pytest.raises(BenchFailed, match="brief ended with 1: no room"),
    ):
        child.wait_for(lambda: False, 20, "anything")


def test_the_page_finds_the_blocks_where_the_clock_draws_them() -> None:
    picture = clock.draw("0", 0b1010 << (clock.TIME_BITS - 4))
    layout = clock_publisher.layout()
    top = (clock_publisher.HEIGHT - clock.HEIGHT * clock_publisher.WIDTH / clock.WIDTH) / 2
    row = (layout["middle"] * clock_publisher.HEIGHT - top) * clock.WIDTH / clock_publisher.WIDTH
    bits = []
    for bit in range(clock.BITS):
        share = layout["left"] + layout["width"] * (bit + 0.5) / clock.BITS
        bits.append(picture[round(row) * clock.WIDTH + round(share * clock.WIDTH)] // 255)
    assert bits == clock.bits_of(0b1010 << (clock.TIME_BITS - 4))


def test_times_of_fuzz_targets_are_read_from_the_report() -> None:
    report = (
        '<testsuites><testsuite><testcase name="test_tags_parse" time="2.5"/></testsuite>'
        "</testsuites>"
    )
    assert seconds_by_target(report) == {"tags parse": 2.5}
