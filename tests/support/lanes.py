"""Two workers, two lanes: what runs in real time, and what only computes.

Stations, encoders and browsers that are watched in real time wait more than they compute, but
when they have something to do it has to be done now. All of them run one after the other in the
first worker. The second takes the files that remain, at the lowest priority, so that it gets what
the first leaves over; when the first is through it helps.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

FOLDER = Path(__file__).parents[1]
REAL_TIME = "real time"
LOWEST = 19


@cache
def in_real_time(path: Path) -> bool:
    """Whether the tests of a file are end-to-end stories or marked `alone`."""
    return FOLDER / "e2e" in path.parents or "pytest.mark.alone" in path.read_text("utf-8")


class Lanes(LoadScopeScheduling):
    """A file is a unit of work, and all files in real time are one."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return REAL_TIME if in_real_time(FOLDER.parent / file) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling | None:
    """Take the lanes where files are to stay together."""
    if config.getoption("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False  # the order of collection: real time first
    return Lanes(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what runs in real time first."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: not in_real_time(item.path))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Step back before the first test that only computes."""
    if "PYTEST_XDIST_WORKER" in os.environ and not in_real_time(item.path):
        _step_back()
    return (yield)


@cache
def _step_back() -> None:
    os.nice(LOWEST)
    # Linux shares processors between sessions first, and looks at priorities inside one only.
    with contextlib.suppress(OSError):  # leads a session already; or the kernel does not group
        os.setsid()
        Path("/proc/self/autogroup").write_text(str(LOWEST), encoding="ascii")
