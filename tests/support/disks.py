"""Disks that are slow, or fail."""

from __future__ import annotations

import threading
from pathlib import Path

from madang.infra.disk import Disk


class GatedDisk(Disk):
    """A disk whose writes of content last until `gate` is set."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.waits = threading.Event()

    def write(self, descriptor: int, data: bytes | memoryview, offset: int) -> int:
        if len(data) > 10_000:
            self.waits.set()
            assert self.gate.wait(10.0)
        return super().write(descriptor, data, offset)


class GatedJoins(Disk):
    """A disk on which the first file that is opened once it is `closed` waits for `gate`."""

    def __init__(self) -> None:
        self.closed = False
        self.gate = threading.Event()
        self.waits = threading.Event()
        self.second = threading.Event()

    def open(self, path: Path) -> int:
        if self.closed and path.name == "data":
            if not self.waits.is_set():
                self.waits.set()
                assert self.gate.wait(10.0)
            else:
                self.second.set()
        return super().open(path)
