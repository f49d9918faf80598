"""The clocks of a process, as a value that tests replace."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Clock:
    """`monotonic` returns seconds of a clock that never jumps, `wall` seconds since 1970."""

    monotonic: Callable[[], float]
    wall: Callable[[], float]


SYSTEM_CLOCK: Final = Clock(time.monotonic, time.time)
