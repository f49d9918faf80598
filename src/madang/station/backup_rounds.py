"""The station looks after its own backups: taken by night, proven once a week, out of the way.

Each runs in a process of its own at the lowest priority. It may take as long as it needs and may be
killed; what it did is in its state file, which is also where its lock is.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from madang.ops.backup import state
from madang.ops.backup.create import SQLITE_PREFIX
from madang.ops.backup.errors import BackupError
from madang.ops.backup.model import format_rfc3339, parse_rfc3339
from madang.ops.backup.pgbackrest_config import SHIP_SECONDS
from madang.ops.backup.schedule import BackupHealth, assess, backup_due, verification_due
from madang.ops.backup.subprocesses import SYSTEM_PATH
from madang.ops.backup.wal_shipping import WalShipper
from madang.station.backups import plan_of, schedule_of
from madang.station.config.settings import Settings

ROUND: Final = 60.0
"""Seconds between two looks at the clock; also before the first, while the station starts."""

FAREWELL: Final = 2.0
"""Seconds that a running backup gets to end in order; the station itself must be gone in ten."""

log = logging.getLogger(__name__)


class Rounds:
    """Starts what is due. `every` is in seconds."""

    def __init__(self, settings: Settings, *, every: float = ROUND) -> None:
        self._settings = settings
        self._schedule = schedule_of(settings)
        self._every = every
        self._tasks: list[asyncio.Task[None]] = []
        self._work: Process | None = None

    def start(self) -> None:
        """Begin, where the settings leave it to the station."""
        if self._settings.backup.run_by == "station":
            self._tasks = [asyncio.create_task(self._go_round())]
            if not self._settings.database.url.startswith(SQLITE_PREFIX):
                self._tasks.append(asyncio.create_task(self._ship()))

    async def stop(self) -> None:
        """End, together with the backup that may be running: the next one goes on."""
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        work = self._work
        if work is not None and work.returncode is None:
            _signal(work, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(work.wait(), FAREWELL)
            _signal(work, signal.SIGKILL)

    async def _go_round(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            try:
                wanted = await asyncio.to_thread(self._due)
            except (BackupError, OSError) as error:
                log.warning("backups: %s", error)
                continue
            if wanted:
                await self._run(wanted)

    async def _ship(self) -> None:
        send = WalShipper(plan_of(self._settings))
        while True:
            await asyncio.sleep(SHIP_SECONDS)
            await asyncio.to_thread(send)

    def _due(self) -> Sequence[str]:
        """The command that is due: `now`, `verify` or none."""
        folder = self._settings.backup.folder
        known, now = state.read(folder), datetime.now(UTC)
        if not known.since:
            # The first night begins now: a new station has nothing to lose yet.
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            state.write(folder, replace(known, since=format_rfc3339(now)))
        elif backup_due(known, self._schedule, now):
            return ["now"]
        elif verification_due(known, self._schedule, now):
            return ["verify"]
        return []

    async def _run(self, command: Sequence[str]) -> None:
        config = self._settings.file
        where = ["--data", str(self._settings.data)]
        where += ["--config", str(config)] if config else []
        log.info("backups: %s begins", command[0])
        self._work = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "madang", "backup", *command, *where),
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=PIPE,
            start_new_session=True,
        )
        _, said = await self._work.communicate()
        lines = said.decode(errors="replace").strip().splitlines()
        if self._work.returncode == 0:
            log.info("backups: %s is done", command[0])
        else:
            log.error("backups: %s failed: %s", command[0], lines[-1] if lines else "no word")


def health(settings: Settings) -> BackupHealth:
    """Whether this station's backups are well."""
    chosen = settings.backup
    if chosen.run_by == "nobody":
        return BackupHealth(True, "switched off with backup.run_by")
    if chosen.local is None and chosen.offsite is None:
        return BackupHealth(
            False, "there is no place for them", "set backup.offsite or backup.local"
        )
    if shutil.which("restic") is None and shutil.which("restic", path=SYSTEM_PATH) is None:
        return BackupHealth(
            False,
            "the program restic is not installed",
            "apt install restic, or switch backups off with backup.run_by",
        )
    if chosen.folder.exists() and not os.access(chosen.folder, os.X_OK):
        return BackupHealth(
            False,
            f"what became of them stands in {chosen.folder}, which this user may not enter",
            "let the station's group enter it: chgrp madang, chmod 0750",
        )
    found = assess(state.read(chosen.folder), datetime.now(UTC))
    if chosen.offsite is None:
        return replace(found, detail=f"{found.detail}; no copy elsewhere: set backup.offsite")
    return found


def told(settings: Settings) -> dict[str, Any]:
    """What `madang status` tells of them."""
    known = state.read(settings.backup.folder)
    return {
        "taken_at": known.taken or None,
        "verified_at": known.verified or None,
        "error": known.check_error or known.error or None,
    }


def last_times(folder: Path) -> tuple[float, float]:
    """Seconds since 1970 of the newest backup and of the newest verification; 0 for never."""
    known = state.read(folder)
    taken, verified = (
        parse_rfc3339(text).timestamp() if text else 0.0 for text in (known.taken, known.verified)
    )
    return taken, verified


def _signal(process: Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
