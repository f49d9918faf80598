"""CPU time and memory of a process and its descendants (proc(5))."""

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
"""CPUCLOCK_SCHED: the clock of the time on a CPU."""


def tree(pid: int) -> list[int]:
    """Return `pid` and its living descendants."""
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
    """Return the user and system seconds so far of all threads and children, also ended ones.

    Exact to the nanosecond for living processes (clock_getcpuclockid(3)); /proc counts in
    hundredths, a tenth of what a small load takes. A child that ends between two calls moves from
    its own clock to its parent's waited-for children. Raises MeasureFailed if `pid` is gone.
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
    """Return the average cores of `pid` and its descendants over `seconds`. Raises
    MeasureFailed."""
    before, began = cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    return (cpu_seconds(pid) - before) / (time.monotonic() - began)


def resident_bytes(pid: int) -> int:
    """Return the resident memory of `pid` and its descendants; shared pages count in each."""
    pages = 0
    for member in tree(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            pages += int(Path(f"/proc/{member}/statm").read_text(encoding="ascii").split()[1])
    return pages * _PAGE


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the third (state) on; the name may contain
    anything."""
    text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    return text.rpartition(")")[2].split()
