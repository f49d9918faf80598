"""Processor time and memory of a process and all that it started (proc(5))."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Final

from madang.ops.measure.errors import MeasureFailed

_TICK: Final = 1 / os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_SCHEDULED: Final = 2
"""CPUCLOCK_SCHED: the clock of what a process really ran."""


def tree(pid: int) -> list[int]:
    """`pid` and all its descendants that are alive."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                children.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def cpu_seconds(pid: int) -> float:
    """Seconds so far, user and system, of all threads, children and those that have ended.

    Exact to the nanosecond for what is alive (clock_getcpuclockid(3)); /proc counts hundredths of
    a second, which is a tenth of what a few seconds of a small load take. A child that ends
    between two calls counts: its time is in its own clock, and then among its parent's waited-for
    children. Raises MeasureFailed where `pid` itself is gone.
    """
    seconds = 0.0
    for member in tree(pid):
        try:
            waited_for = sum(map(int, _stat(member)[13:15])) * _TICK
            seconds += time.clock_gettime(~member << 3 | _SCHEDULED) + waited_for
        except OSError:
            if member == pid:
                raise MeasureFailed("The process ended while it was measured.") from None
    return seconds


def cores_taken(pid: int, seconds: float) -> float:
    """Cores that `pid` and its descendants take over the next `seconds`. Raises MeasureFailed."""
    before, began = cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    return (cpu_seconds(pid) - before) / (time.monotonic() - began)


def resident_bytes(pid: int) -> int:
    """Memory of `pid` and its descendants that is in RAM, shared pages counted in each."""
    pages = 0
    for member in tree(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            pages += int(Path(f"/proc/{member}/statm").read_text(encoding="ascii").split()[1])
    return pages * _PAGE


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state (the third) on; a name may contain anything."""
    text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    return text.rpartition(")")[2].split()
