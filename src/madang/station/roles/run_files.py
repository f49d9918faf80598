"""Run files: process id and addresses of each running process, in `run` in the data folder."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from madang.station.config.data_folder import RUN_FOLDER
from madang.station.config.fields import Address
from madang.station.config.settings import Settings

ALL: Final = "all"
"""The role of a process that does everything."""

ROLES: Final = (ALL, "web", "live", "chat", "files", "worker")
"""Every role that has a run file."""

SEVERAL: Final = frozenset({"chat"})
"""Roles of which several processes may run on one data folder."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """Process id and addresses of a running role; None for ports that it has not."""

    pid: int
    http: Address | None = None
    rtmp: Address | None = None


def write(settings: Settings, runtime: Runtime, role: str = ALL) -> None:
    """Write the run file of a process. Call when it takes traffic."""
    addresses = {
        name: str(address) if address else None
        for name, address in (("http", runtime.http), ("rtmp", runtime.rtmp))
    }
    write_json(_own_path(settings, role, runtime.pid), {"pid": runtime.pid, **addresses})


def write_json(path: Path, value: Mapping[str, object]) -> None:
    """Replace a file atomically: readers see the old content or the new."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(value))
    draft.replace(path)


def remove(settings: Settings, role: str = ALL) -> None:
    """Remove the run file of this process, and those of processes of its role that have died."""
    for path in _paths(settings, role):
        runtime = _read(path)
        if runtime is None or runtime.pid == os.getpid() or not _alive(runtime.pid):
            path.unlink(missing_ok=True)


def read(settings: Settings, *roles: str) -> Runtime | None:
    """Return a running process with the first of `roles` that runs (default: `all`)."""
    found = (one for role in roles or (ALL,) for one in _running(settings, role))
    return next(found, None)


def running(settings: Settings) -> list[Runtime]:
    """Return every running process of this data folder."""
    return [found for role in ROLES for found in _running(settings, role)]


def as_running(settings: Settings) -> Settings:
    """Return `settings` with the addresses of the running station, if one runs."""
    pages, encoders = read(settings, ALL, "web"), read(settings, ALL, "live")
    update: dict[str, object] = {}
    if pages is not None and pages.http is not None:
        update["http"] = settings.http.model_copy(update={"bind": pages.http})
    if encoders is not None and encoders.rtmp is not None:
        update["rtmp"] = settings.rtmp.model_copy(update={"bind": encoders.rtmp})
    return settings.model_copy(update=update) if update else settings


def _running(settings: Settings, role: str) -> Iterator[Runtime]:
    for path in _paths(settings, role):
        if (runtime := _read(path)) is not None and _alive(runtime.pid):
            yield runtime


def _paths(settings: Settings, role: str) -> list[Path]:
    """Return the run files that a role has, that without a process id first."""
    # The file of a station in one process has had this name from the beginning.
    name = "station" if role == ALL else role
    folder = settings.data / RUN_FOLDER
    return [folder / f"{name}.json", *sorted(folder.glob(f"{name}-*.json"))]


def _own_path(settings: Settings, role: str, pid: int) -> Path:
    """Return the run file for a process: the one without a process id unless another runs."""
    first = _paths(settings, role)[0]
    other = _read(first)
    taken = other is not None and other.pid != pid and _alive(other.pid)
    return first.with_stem(f"{first.stem}-{pid}") if taken and role in SEVERAL else first


def _read(path: Path) -> Runtime | None:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(path.read_text())
        return Runtime(int(found["pid"]), _address(found["http"]), _address(found["rtmp"]))
    return None


def _address(text: str | None) -> Address | None:
    return None if text is None else Address.parse(text)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
