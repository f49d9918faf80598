"""Run files: process id and addresses of each running role, in `run` in the data folder."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from madang.station.config.data_folder import RUN_FOLDER
from madang.station.config.fields import Address
from madang.station.config.settings import Settings

ALL: Final = "all"
"""The role of a process that does everything."""

ROLES: Final = (ALL, "web", "live", "chat", "worker")
"""Every role that has a run file."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """Process id and addresses of a running role; None for ports that it has not."""

    pid: int
    http: Address | None = None
    rtmp: Address | None = None


def write(settings: Settings, runtime: Runtime, role: str = ALL) -> None:
    """Write the run file of a role. Call when it takes traffic."""
    addresses = {
        name: str(address) if address else None
        for name, address in (("http", runtime.http), ("rtmp", runtime.rtmp))
    }
    write_json(_path(settings, role), {"pid": runtime.pid, **addresses})


def write_json(path: Path, value: Mapping[str, object]) -> None:
    """Replace a file atomically: readers see the old content or the new."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(value))
    draft.replace(path)


def remove(settings: Settings, role: str = ALL) -> None:
    """Remove the run file of a role."""
    _path(settings, role).unlink(missing_ok=True)


def read(settings: Settings, *roles: str) -> Runtime | None:
    """Return the running process with the first of `roles` that runs (default: `all`)."""
    for role in roles or (ALL,):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            found = json.loads(_path(settings, role).read_text())
            runtime = Runtime(int(found["pid"]), _address(found["http"]), _address(found["rtmp"]))
            if _alive(runtime.pid):
                return runtime
    return None


def running(settings: Settings) -> list[Runtime]:
    """Return every running process of this data folder."""
    return [found for role in ROLES if (found := read(settings, role)) is not None]


def as_running(settings: Settings) -> Settings:
    """Return `settings` with the addresses of the running station, if one runs."""
    pages, encoders = read(settings, ALL, "web"), read(settings, ALL, "live")
    update: dict[str, object] = {}
    if pages is not None and pages.http is not None:
        update["http"] = settings.http.model_copy(update={"bind": pages.http})
    if encoders is not None and encoders.rtmp is not None:
        update["rtmp"] = settings.rtmp.model_copy(update={"bind": encoders.rtmp})
    return settings.model_copy(update=update) if update else settings


def _path(settings: Settings, role: str) -> Path:
    # The file of a station in one process has had this name from the beginning.
    name = "station" if role == ALL else role
    return settings.data / RUN_FOLDER / f"{name}.json"


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
