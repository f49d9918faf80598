"""`madang serve`: start, run and exit of a role."""

from __future__ import annotations

import fcntl
import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Final

import uvloop

from madang.station import boot, logs
from madang.station.config import data_folder
from madang.station.config.settings import Settings
from madang.station.roles import run_files, systemd
from madang.station.roles.backoff import StartRecord
from madang.station.roles.errors import CannotStart
from madang.station.roles.systemd import ServiceManager

log = logging.getLogger(__name__)

LOCK_FILE: Final = "station.lock"

Serve = Callable[[Settings, ServiceManager], None]


@dataclass(frozen=True, slots=True)
class _Role:
    """A role and its limit of connections to PostgreSQL for each process: one for each thread
    that uses the database, and one for health checks."""

    connections: int
    serve: Serve


def run(settings: Settings, *, role: str, demo: bool | None, first_run: bool = False) -> None:
    """Run until SIGTERM or SIGINT; prints the `ready` line when the station takes traffic.

    `demo` puts the test picture on the air; None means: if nobody has opened a channel yet and
    this is a `first_run`, which also makes an administrator where there is none. Both are for the
    role `all`. Raises CannotStart.
    """
    if role in _MISSING:
        raise CannotStart(*_MISSING[role][:1], mend=_MISSING[role][1])
    chosen = _ROLES[role] if role != run_files.ALL else _Role(16, _everything(demo, first_run))
    if role != run_files.ALL:
        _require_shared_stores(settings, role)
    manager = systemd.service_manager()
    locks = lock(settings, role)
    logs.configure(settings.log)
    starts = StartRecord(settings, role)
    if manager.address is not None and (wait := starts.begin()):
        log.warning("the last starts ended within a minute: this one waits %.0f s", wait)
        time.sleep(wait)
    boot.control_plane(settings, chosen.connections)
    chosen.serve(settings, manager)
    if manager.address is not None:
        starts.end()
    for each in locks:
        each.close()
    # Everything is closed and written. Native threads of the HTTP server may still be ending,
    # which the interpreter's own way out does not always survive.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


# These are called when Django is set up, which models need: hence the imports inside.


def _everything(demo: bool | None, first_run: bool) -> Serve:
    def serve(settings: Settings, manager: ServiceManager) -> None:
        from madang.station.first_run import demo_stream_key, ensure_administrator, wants_demo
        from madang.station.roles import all as everything

        sign_in = ensure_administrator() if first_run else None
        on_the_air = demo if demo is not None else first_run and wants_demo()
        demo_key = demo_stream_key(settings.station.language) if on_the_air else None
        uvloop.run(everything.serve(settings, manager, sign_in, demo_key))

    return serve


def _live(settings: Settings, manager: ServiceManager) -> None:
    from madang.station.roles import live

    uvloop.run(live.serve(settings, manager))


def _chat(settings: Settings, manager: ServiceManager) -> None:
    from madang.station.roles import chat

    uvloop.run(chat.serve(settings, manager))


def _files(settings: Settings, manager: ServiceManager) -> None:
    from madang.station.roles import files

    uvloop.run(files.serve(settings, manager))


def _web(settings: Settings, manager: ServiceManager) -> None:
    from madang.station.roles import web

    web.serve(settings, manager)


def _worker(settings: Settings, manager: ServiceManager) -> None:
    from madang.station.roles import worker

    uvloop.run(worker.serve(settings, manager))


_ROLES: Final = {
    "web": _Role(9, _web),
    "live": _Role(6, _live),
    "chat": _Role(6, _chat),
    "files": _Role(5, _files),
    "worker": _Role(5, _worker),
}

_MISSING: Final = {
    "edge": (
        "The role edge is not in this version: the live process serves every viewer itself.",
        "Leave this role out.",
    ),
}


def _require_shared_stores(settings: Settings, role: str) -> None:
    """Raise CannotStart without PostgreSQL and Redis: roles share what they write."""
    missing = [
        f"{key} ({example})"
        for key, example, there in (
            ("database.url", "postgresql://…", settings.database_file is None),
            ("redis.url", "redis://…", settings.redis.url is not None),
        )
        if not there
    ]
    if missing:
        raise CannotStart(
            f"The role {role} shares its work with other processes and needs "
            f"{' and '.join(missing)}.",
            mend="Set them for all roles alike, or leave out --role: one process does everything.",
        )


def lock(settings: Settings, role: str) -> list[IO[str]]:
    """Lock the role on this data folder for as long as the returned files are open.

    `all` excludes every other role, most others only themselves. The kernel releases the lock
    however this process ends; a process id in a file would still name a process after a crash, and
    in a container always this one. Raises CannotStart.
    """
    data_folder.prepare(settings)
    alone = role == run_files.ALL
    wanted = [(LOCK_FILE, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)]
    if not alone:
        kind = fcntl.LOCK_SH if role in run_files.SEVERAL else fcntl.LOCK_EX
        wanted.append((f"{role}.lock", kind))
    locks: list[IO[str]] = []
    for name, kind in wanted:
        locks.append((settings.data / data_folder.RUN_FOLDER / name).open("w"))
        try:
            fcntl.flock(locks[-1], kind | fcntl.LOCK_NB)
        except BlockingIOError:
            for taken in locks:
                taken.close()
            other = run_files.read(settings, *(run_files.ROLES if alone else (role, run_files.ALL)))
            who = f"A station (process {other.pid})" if other is not None else "Another station"
            raise CannotStart(
                f"{who} runs on {settings.data} already.",
                mend="Stop it first, or give another folder with --data DIR.",
            ) from None
    return locks
