"""Lanes of a parallel test run: real time, whole machines, and everything that only computes.

Stations, encoders and browsers that are watched in real time wait more than they compute, but need
the processor at once. The first worker runs those with a browser, one after another, the second
those without, both at normal priority. The others run deployment on whole machines, a module at a
time, and then the rest, at low priority; the first two help when they are through.
"""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from collections.abc import Iterator
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from xdist.scheduler import LoadScopeScheduling

FOLDER: Final = Path(__file__).parents[1]

REAL_TIME_UNITS: Final = {"gw0": "real time, with a browser", "gw1": "real time, without"}
"""Unit of work that a worker begins with: all tests in real time are one of these two."""

LOWEST: Final = 19
LOW: Final = 10
"""Niceness of tests that only compute, and of those on machines."""


class Lane(IntEnum):
    """The order of the lanes in the run."""

    REAL_TIME = 0
    MACHINES = 1
    COMPUTE = 2


@cache
def lane_of(path: Path) -> Lane:
    """Return the lane of a test file, by its folder and markers."""
    text = path.read_text("utf-8")
    if "pytest.mark.machines" in text:
        return Lane.MACHINES
    if FOLDER / "e2e" in path.parents or "pytest.mark.alone" in text:
        return Lane.REAL_TIME
    return Lane.COMPUTE


class LaneScheduling(LoadScopeScheduling):
    """A file is a unit of work, but for the two units in real time."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        path = FOLDER.parent / file
        if lane_of(path) is not Lane.REAL_TIME:
            return file
        return REAL_TIME_UNITS["gw0" if FOLDER / "e2e" in path.parents else "gw1"]

    def _assign_work_unit(self, node: Any) -> None:
        """Give `node` the next unit that it may run; let it end where there is none."""
        own = REAL_TIME_UNITS.get(node.gateway.id)
        present = {each.gateway.id for each in self.nodes}
        reserved = {scope for name, scope in REAL_TIME_UNITS.items() if name in present}
        others = [scope for scope in self.workqueue if scope not in reserved]
        if own in self.workqueue:
            scope = own
        elif others:
            scope = others[0]
        else:
            node.shutdown()
            return
        unit = self.workqueue.pop(scope)
        rest, self.workqueue = self.workqueue, OrderedDict({scope: unit})
        super()._assign_work_unit(node)
        self.workqueue = rest


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Use the lanes where files are to stay together."""
    if config.getoption("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False  # keep the order of collection: lane by lane
    return LaneScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests by lanes. On machines the longest go first, and last what measures time."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: lane_of(item.path))
        machines = [item for item in items if lane_of(item.path) is Lane.MACHINES]
        files = sorted({item.path for item in machines}, reverse=True)
        files.sort(key=lambda path: "pytest.mark.alone" in path.read_text("utf-8"))
        machines.sort(key=lambda item: files.index(item.path))
        begin = sum(lane_of(item.path) is Lane.REAL_TIME for item in items)
        items[begin : begin + len(machines)] = machines


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Lower the worker's priority before its first test outside real time."""
    if "PYTEST_XDIST_WORKER" in os.environ and lane_of(item.path) is not Lane.REAL_TIME:
        _lower_priority(LOW if lane_of(item.path) is Lane.MACHINES else LOWEST)
    return (yield)


@cache
def _lower_priority(niceness: int) -> None:
    os.nice(niceness - os.nice(0))
    # Linux shares processors between sessions first, and looks at priorities inside one only.
    with contextlib.suppress(OSError):  # leads a session already; or the kernel does not group
        os.setsid()
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(niceness), encoding="ascii")
