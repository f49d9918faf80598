"""The life of a process with an event loop, from its first word to its last."""

from __future__ import annotations

import asyncio
import os
import signal

from madang.station.config.fields import Address
from madang.station.config.settings import Settings
from madang.station.roles import run_files
from madang.station.roles.run_files import Runtime
from madang.station.roles.systemd import Manager


class Lifecycle:
    """Make on the event loop, before anything that a signal should end.

    `role` is what the process does, `manager` who started it.
    """

    def __init__(self, settings: Settings, role: str, manager: Manager) -> None:
        self._settings = settings
        self._role = role
        self._manager = manager
        self._ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ended.set)
        self._beating = loop.create_task(self._beat())

    def ready(self, *, http: Address | None = None, rtmp: Address | None = None) -> None:
        """Say that traffic is taken: to whoever reads standard output, to the commands beside
        this process, and to the service manager."""
        run_files.write(self._settings, Runtime(os.getpid(), http, rtmp), self._role)
        print(ready_line(self._role, http, rtmp), flush=True)
        self._manager.tell("READY=1")

    async def until_told(self) -> None:
        """Wait until the process shall end."""
        await self._ended.wait()

    def leaving(self) -> None:
        """Say that no more traffic is taken."""
        self._manager.tell("STOPPING=1")
        run_files.remove(self._settings, self._role)

    async def _beat(self) -> None:
        """Signs of life come from the event loop: one that hangs gives none."""
        if self._manager.beat is not None:
            while True:
                self._manager.tell("WATCHDOG=1")
                await asyncio.sleep(self._manager.beat)


def ready_line(role: str, http: Address | None = None, rtmp: Address | None = None) -> str:
    """The line on standard output with which a process says that it takes traffic."""
    doors = [f"{name}={address}" for name, address in (("http", http), ("rtmp", rtmp)) if address]
    return " ".join(["ready", *(doors or [f"role={role}"])])
