"""Waiting before a start that follows crashes: a station that cannot run must not eat its machine.

systemd starts a service again after a second, for ever; how it could wait longer each time does not
forget crashes of last month (docs/decisions/0016-deployment.md). So the process does it itself.
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

CALM: Final = 60.0
"""Seconds after which a process that ends has run well."""

FORGIVEN: Final = 1
"""Crashes in a row after which the next start comes at once."""

LONGEST: Final = 10.0
"""Seconds: less than a deployment waits for a release to be ready."""


@dataclass(frozen=True, slots=True)
class Start:
    """A start: `began` in seconds since 1970, `crashes` in a row before it, whether it `ended`."""

    began: float
    crashes: int = 0
    ended: bool = False


def following(previous: Start | None, now: float) -> Start:
    """Return the start at `now` after the `previous` one."""
    # A clock that was set back says nothing about how long it ran.
    quick = previous is not None and not previous.ended and 0 <= now - previous.began < CALM
    return Start(now, previous.crashes + 1 if previous is not None and quick else 0)


def pause(crashes: int) -> float:
    """Return the seconds to wait after so many crashes in a row: 1, 2, 4, 8 and then 10."""
    beyond = crashes - FORGIVEN
    return min(2.0 ** (beyond - 1), LONGEST) if beyond > 0 else 0.0


class Starts:
    """The last start of a role on a data folder, in a file."""

    def __init__(self, settings: Settings, role: str) -> None:
        self._path = settings.data / RUN_FOLDER / f"{role}.start"

    def begin(self) -> float:
        """Note a start that comes after a pause, and return how many seconds that is to be."""
        start = following(self._last(), time.time())
        wait = pause(start.crashes)
        run_files.put(self._path, asdict(Start(start.began + wait, start.crashes)))
        return wait

    def end(self) -> None:
        """Note that the process ends as it should."""
        last = self._last()
        if last is not None:
            run_files.put(self._path, asdict(replace(last, ended=True)))

    def _last(self) -> Start | None:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            found = json.loads(self._path.read_text())
            return Start(float(found["began"]), int(found["crashes"]), bool(found["ended"]))
        return None
