"""Jobs of tests: handlers made of functions, and a clock that tests turn."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from madang.work.runner import Lane, Runner, RunnerTiming
    from madang.work.task import Task

START = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
STORAGE = "5f0c"


def after(seconds: float) -> datetime:
    """Return the instant that many seconds after START."""
    return START + timedelta(seconds=seconds)


@dataclass(frozen=True)
class FunctionHandler:
    """A handler that is a function."""

    kind: str
    run: Callable[[Task], None]


def quick_timing(**changes: float) -> RunnerTiming:
    """Return times that suit tests with real threads."""
    from madang.work.runner import RunnerTiming

    return RunnerTiming(**{"poll": 0.02, "heartbeat": 0.02, "abandon": 0.1} | changes)


_names = itertools.count()


@contextmanager
def running(media: Path, *lanes: Lane, timing: RunnerTiming | None = None) -> Iterator[Runner]:
    """Run jobs with the files in `media`, until the end of the block."""
    from madang.infra.storage import make_storage_id
    from madang.work.runner import Runner

    make_storage_id(media)
    runner = Runner(
        lanes, media=media, worker=f"worker {next(_names)}", timing=timing or quick_timing()
    )
    runner.start()
    try:
        yield runner
    finally:
        runner.stop(patience=10.0)
