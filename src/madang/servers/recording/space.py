"""Free space of the disk that recordings are written to, and reports of its troubles."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from madang.infra.disk import Disk

log = logging.getLogger(__name__)

REPEAT: Final = 3600.0
"""Seconds between two reports of a trouble that lasts."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Reason why nothing is recorded: the reserve is reached, the storage cannot be reached, or
    it refuses what is written. `detail` is what the system said."""

    kind: Literal["full", "unreachable", "failing"]
    detail: str = ""


Report = Callable[[Trouble | None], None]
"""Called with a trouble when it begins, and with None once it is over; more often than that is
harmless. Returns at once."""


def no_report(_trouble: Trouble | None) -> None:
    """Report nothing."""


class DiskSpace:
    """Grants space to writers, as much as is free but for the `reserve`; once that is reached, only
    where `resume` bytes are free besides. Used on the writer's thread.

    A trouble is over once there was none for `calm` seconds: where space comes and goes every
    minute, it is reported once.
    """

    def __init__(
        self,
        disk: Disk,
        root: Path,
        *,
        reserve: int,
        resume: int,
        interval: float,
        calm: float,
        report: Report,
    ) -> None:
        self.trouble: Trouble | None = None
        """Present trouble, None where there is none. Read from any thread."""
        self._disk = disk
        self._root = root
        self._reserve = reserve
        self._resume = resume
        self._interval = interval
        self._calm = calm
        self._report = report
        self._due = 0.0
        self._free = 0
        self._unreachable = ""
        self._reported_at: float | None = None
        self._calm_since: float | None = None
        self._settled = False

    def look(self, now: float, finishing: int) -> None:
        """Look how much may be written until the next look, where that is due; `finishing` bytes
        are kept for the end of recordings."""
        if now < self._due:
            return
        self._due = now + self._interval
        try:
            free = self._disk.free(self._root)
        except OSError as error:
            if not self._unreachable:
                log.error("recordings: the storage cannot be reached: %s", error)
            self._unreachable = error.strerror or str(error)
            free = 0
        else:
            self._unreachable = ""
        self._free = free - finishing - self._reserve
        if self._is_full() and self._free > self._resume:
            self.trouble = None
            log.info("recordings: there is space again, recording goes on")
        self._tell(now)

    def take(self, size: int) -> bool:
        """Take `size` bytes of the free space, if there are as many."""
        if not self._is_full() and size > self._free:
            if self._unreachable:
                self.trouble = Trouble("unreachable", self._unreachable)
            else:
                self.trouble = Trouble("full")
                log.error(
                    "recordings: the disk is full but for the reserve of %.1f GB, "
                    "nothing is recorded; live streams go on",
                    self._reserve / 1e9,
                )
        if self._is_full():
            return False
        self._free -= size
        return True

    def written(self, fault: str) -> None:
        """Note how a write ended: the reason why the disk refused it, empty where it did not."""
        if not self._is_full():
            self.trouble = Trouble("failing", fault) if fault else None

    def _is_full(self) -> bool:
        return self.trouble is not None and self.trouble.kind != "failing"

    def _tell(self, now: float) -> None:
        if self.trouble is not None:
            self._calm_since, self._settled = None, False
            if self._reported_at is None or now >= self._reported_at + REPEAT:
                self._reported_at = now
                self._report(self.trouble)
            return
        if self._calm_since is None:
            self._calm_since = now
        if not self._settled and now >= self._calm_since + self._calm:
            # Also where nothing was reported: a process before this one may have.
            self._settled, self._reported_at = True, None
            self._report(None)
