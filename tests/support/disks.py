"""Disks that are slow, or fail."""

from __future__ import annotations

import threading

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
