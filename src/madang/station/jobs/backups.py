"""Backups and their verification when they are due, each in a child process of lowest priority.

A child may take as long as it needs and may be killed; its results are in the state file of
`madang.ops.backup.state`, which is also where its lock is.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, Literal

from madang.infra.clock import SYSTEM_CLOCK, Clock
from madang.ops.backup import state
from madang.ops.backup.model import format_rfc3339
from madang.ops.backup.schedule import backup_due, verification_due
from madang.station.backups import schedule_of
from madang.station.config.settings import Settings

STOP_SECONDS: Final = 2.0
"""Time for a child to end in order; the station itself must be gone after ten."""

log = logging.getLogger(__name__)


class BackupJob:
    """Runs `madang backup now` or `madang backup verify` when it is due."""

    def __init__(self, settings: Settings, clock: Clock = SYSTEM_CLOCK) -> None:
        self._settings = settings
        self._schedule = schedule_of(settings)
        self._clock = clock
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def run(self) -> None:
        """Do what is due, and wait for its end. Raises BackupError, OSError."""
        command = self._due()
        if command is None:
            return
        with self._lock:
            if self._stopped:
                return
            log.info("backups: %s begins", command)
            self._child = self._spawn(command)
        _, output = self._child.communicate()
        lines = output.decode(errors="replace").strip().splitlines()
        if self._child.returncode == 0:
            log.info("backups: %s is done", command)
        else:
            log.error("backups: %s failed: %s", command, lines[-1] if lines else "no word")

    def stop(self) -> None:
        """End the child that may be running, and start no other."""
        with self._lock:
            self._stopped = True
        child = self._child
        if child is not None and child.poll() is None:
            _signal(child, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(STOP_SECONDS)
            _signal(child, signal.SIGKILL)

    def _due(self) -> Literal["now", "verify"] | None:
        folder = self._settings.backup.folder
        known, now = state.read(folder), datetime.fromtimestamp(self._clock.wall(), UTC)
        if not known.since:
            # The first night begins now: a new station has nothing to lose yet.
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            state.write(folder, replace(known, since=format_rfc3339(now)))
        elif backup_due(known, self._schedule, now):
            return "now"
        elif verification_due(known, self._schedule, now):
            return "verify"
        return None

    def _spawn(self, command: str) -> subprocess.Popen[bytes]:
        config = self._settings.file
        where = ["--data", str(self._settings.data)]
        where += ["--config", str(config)] if config else []
        return subprocess.Popen(
            [sys.executable, "-m", "madang", "backup", command, *where],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )


def _signal(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)
