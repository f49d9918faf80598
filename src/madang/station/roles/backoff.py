"""Back-off before a start that follows crashes.

systemd restarts a service after a second, for ever; its own back-off does not forget crashes of
last month (docs/decisions/0016-deployment.md). So the process waits by itself.
"""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import asdict, dataclass, replace
from typing import Final

from madang.station.config.data_folder import RUN_FOLDER
from madang.station.config.settings import Settings
from madang.station.roles import run_files

HEALTHY_SECONDS: Final = 60.0
"""A process that ran this long did not crash at its start."""

FREE_RESTARTS: Final = 1
"""Crashes in a row without a delay."""

MAX_DELAY: Final = 10.0
"""Seconds: less than a deployment waits for a release to be ready."""


@dataclass(frozen=True, slots=True)
class Start:
    """A start: `began` in seconds since 1970, `crashes` in a row before it, `ended` in order."""

    began: float
    crashes: int = 0
    ended: bool = False


def next_start(previous: Start | None, now: float) -> Start:
    """Return the start at `now` after the `previous` one."""
    # A clock that was set back says nothing about how long it ran.
    if previous is None or previous.ended or not 0 <= now - previous.began < HEALTHY_SECONDS:
        return Start(now)
    return Start(now, previous.crashes + 1)


def delay(crashes: int) -> float:
    """Return the seconds to wait after so many crashes in a row: 1, 2, 4, 8 and then 10."""
    beyond = crashes - FREE_RESTARTS
    return min(2.0 ** (beyond - 1), MAX_DELAY) if beyond > 0 else 0.0


class StartRecord:
    """The file of a role's last start on a data folder."""

    def __init__(self, settings: Settings, role: str) -> None:
        self._path = settings.data / RUN_FOLDER / f"{role}.start"

    def begin(self) -> float:
        """Record a start and return the delay before it, in seconds."""
        start = next_start(self._last(), time.time())
        wait = delay(start.crashes)
        run_files.write_json(self._path, asdict(Start(start.began + wait, start.crashes)))
        return wait

    def end(self) -> None:
        """Record that the process ends in order."""
        last = self._last()
        if last is not None:
            run_files.write_json(self._path, asdict(replace(last, ended=True)))

    def _last(self) -> Start | None:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            found = json.loads(self._path.read_text())
            return Start(float(found["began"]), int(found["crashes"]), bool(found["ended"]))
        return None
