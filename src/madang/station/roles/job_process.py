"""The supervisor of the process that runs durable jobs. Import after `boot.start_django`."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from django.db import Error, connections

from madang.apps.jobs import leases
from madang.infra.child_process import kill_group
from madang.infra.clock import SYSTEM_CLOCK, Clock
from madang.infra.database import database
from madang.infra.deadline import Deadline
from madang.station.config.settings import Settings
from madang.station.roles import jobs

POLL_SECONDS: Final = 1.0
"""Seconds between two looks for work while the process does not run."""

STOP_SECONDS: Final = 3.0
"""Time for the process to give back its jobs, at most."""

KILL_SECONDS: Final = 0.5
"""Time for the process to be gone once it is killed."""

HEALTHY_SECONDS: Final = 60.0
"""Lifetime after which a death is no reason to wait longer than the last time."""

LONGEST_WAIT: Final = 60.0
"""Seconds at most from a death to the next start; the first waits one, and they double."""

log = logging.getLogger(__name__)


def command_of(settings: Settings) -> list[str]:
    """Return the command of the process."""
    command = [sys.executable, "-m", jobs.__name__, str(os.getpid()), str(settings.data)]
    return command + ([str(settings.file)] if settings.file else [])


class JobProcess:
    """Runs `command` while there is work, on a thread, and again when it has died.

    It has a process group of its own, but no session: its niceness counts within one.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        clock: Clock = SYSTEM_CLOCK,
        is_work: Callable[[datetime], bool] = leases.is_work,
        poll: float = POLL_SECONDS,
    ) -> None:
        self._command = command
        self._clock = clock
        self._is_work = is_work
        self._poll = poll
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        # The kernel kills the child when this thread ends: it lives as long as both.
        self._thread = threading.Thread(target=self._supervise, name="job-process", daemon=True)

    def start(self) -> None:
        """Begin to look for work."""
        self._thread.start()

    def stop(self, patience: float = STOP_SECONDS) -> None:
        """End the process, which gives back its jobs. Returns after `patience` or STOP_SECONDS,
        whichever is shorter; the process is killed a moment before."""
        deadline = Deadline(min(patience, STOP_SECONDS))
        with self._lock:
            self._stopping.set()
            child = self._child
        if child is not None:
            child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(deadline.left(keep=KILL_SECONDS))
            kill_group(child)
        self._thread.join(deadline.left())

    def _supervise(self) -> None:
        failures = 0
        while not self._stopping.wait(self._poll):
            if not self._wanted():
                continue
            began = self._clock.monotonic()
            code = self._run()
            if code == 0 or self._stopping.is_set():
                failures = 0
                continue
            lived = self._clock.monotonic() - began
            failures = 1 if lived > HEALTHY_SECONDS else failures + 1
            wait = min(2.0 ** (failures - 1), LONGEST_WAIT)
            log.warning("jobs: their process ended with %s; it starts again in %g s", code, wait)
            self._stopping.wait(wait)
        connections.close_all()

    def _wanted(self) -> bool:
        try:
            with database():
                return self._is_work(datetime.fromtimestamp(self._clock.wall(), UTC))
        except Error:
            return False  # others tell of the outage

    def _run(self) -> int | None:
        """Run the process once and return its exit code; None where it cannot be started."""
        with self._lock:
            if self._stopping.is_set():
                return None
            try:
                self._child = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    process_group=0,
                )
            except OSError as error:
                log.error("jobs: their process cannot be started: %s", error)
                return None
        code = self._child.wait()
        kill_group(self._child)
        with self._lock:
            self._child = None
        return code
