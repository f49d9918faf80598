"""The process of durable jobs, a child of the role `all` or `worker` while there is work.

`python -m madang.station.roles.jobs PARENT DATA [CONFIG]`, with the process id of the parent.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from madang.infra import child_exec
from madang.infra.storage import make_storage_id
from madang.station import boot, logs
from madang.station.config.data_folder import RUN_FOLDER
from madang.station.config.settings import Settings, load

IDLE_SECONDS: Final = 600.0
"""Time without work after which the process ends, to give back its memory."""

CONNECTIONS: Final = 6
"""Connections to PostgreSQL: one for each slot, the heartbeat, and one that a job may need more."""

LOCK_FILE: Final = "jobs.lock"

THREAD_PREFIX: Final = "jobs-"
"""Beginning of the names of the runner's threads."""

log = logging.getLogger(__name__)


def worker_name(settings: Settings) -> str:
    """Return the name of the jobs' worker on this data folder, the same after a restart."""
    return f"{socket.gethostname()}:{settings.data}"


def run(settings: Settings, parent: int, idle_seconds: float = IDLE_SECONDS) -> None:
    """Run jobs until SIGTERM, until there are none for a while, or until `parent` ends."""
    child_exec.die_with_parent(parent)
    child_exec.lowest_priority()
    logs.configure(settings.log)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    threading.excepthook = _die
    boot.start_django(settings, CONNECTIONS)
    with (settings.data / RUN_FOLDER / LOCK_FILE).open("w") as lock:
        # One process has the worker's name; a killed one may take a moment to be gone.
        fcntl.flock(lock, fcntl.LOCK_EX)
        _run(settings, stopping.wait, idle_seconds)
    os._exit(0)  # a handler that hangs does not keep the process


def _run(settings: Settings, wait: Callable[[float], bool], idle_seconds: float) -> None:
    from madang.station.jobs.handlers import job_lanes
    from madang.work.runner import Runner

    try:
        make_storage_id(settings.media_folder)
    except OSError as error:
        log.warning("jobs wait: the storage %s: %s", settings.media_folder, error.strerror)
    runner = Runner(job_lanes(settings), media=settings.media_folder, worker=worker_name(settings))
    runner.start()
    while not wait(1.0) and runner.idle_for() < idle_seconds:
        pass
    runner.stop()


def _die(failure: threading.ExceptHookArgs) -> None:
    """End the process where a thread of the runner fails: the parent starts another. Handlers may
    have threads of their own."""
    log.error("jobs: a thread failed", exc_info=failure.exc_value)
    if failure.thread is None or failure.thread.name.startswith(THREAD_PREFIX):
        os._exit(1)


def main(parent: str, data: str, config: str | None = None) -> None:
    """Run the process."""
    os.umask(0o077)
    run(load(Path(data), config=Path(config) if config else None), int(parent))


if __name__ == "__main__":
    main(*sys.argv[1:])
