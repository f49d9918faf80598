"""Checks of `/readyz`: what a process needs to take traffic."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final
from urllib.parse import unquote, urlsplit

from madang.base.errors import MadangError
from madang.station import boot
from madang.station.config.settings import Settings

PROBE_BYTES: Final = 1 << 20
"""Bytes that a disk must take; the file is gone before the kernel writes it out."""


class DiskFull(MadangError):
    """A folder of the station takes no more data."""


def checks(settings: Settings) -> list[tuple[str, Callable[[], None]]]:
    """Return the checks by name; each raises an exception that says what does not work."""
    found = [
        ("database", boot.ask_database),
        ("disk", lambda: require_space(settings)),
    ]
    if settings.redis.url is not None:
        from madang.station.stores import redis

        client = redis.client(settings.redis.url)
        found.append(("Redis", lambda: redis.require_writable(client)))
    return found


def require_space(settings: Settings) -> None:
    """Write to each disk of the station. Raises DiskFull with the reason."""
    for folder in folders(settings):
        try:
            # In the run folder, whose content no backup and no cleaning looks at.
            run = folder / "run"
            with TemporaryFile(dir=run if run.is_dir() else folder, buffering=0) as file:
                left = PROBE_BYTES
                while left:
                    left -= file.write(bytes(left))
        except OSError as error:
            raise DiskFull(f"{folder} cannot be written: {os.strerror(error.errno or 0)}") from None


def folders(settings: Settings) -> Iterator[Path]:
    """Return the folders with data that exist, each on a disk of its own."""
    disks = set()
    place = urlsplit(settings.storage.url)
    media = [Path(unquote(place.path))] if place.scheme == "file" else []
    for folder in (settings.data, *media):
        if folder.is_dir() and (disk := folder.stat().st_dev) not in disks:
            disks.add(disk)
            yield folder
