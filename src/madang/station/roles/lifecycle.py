"""The lifecycle of a process with an event loop: ready, signal, stopping."""

from __future__ import annotations

import asyncio
import os
import signal

from madang.station.config.fields import Address
from madang.station.config.settings import Settings
from madang.station.roles import run_files
from madang.station.roles.run_files import Runtime
from madang.station.roles.shutdown import EXIT_SECONDS, Shutdown, exit_after
from madang.station.roles.systemd import ServiceManager


class Lifecycle:
    """Make on the event loop, before anything that a signal should end."""

    def __init__(self, settings: Settings, role: str, manager: ServiceManager) -> None:
        self._settings = settings
        self._role = role
        self._manager = manager
        self._signalled = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled.set)
        self._watchdog = loop.create_task(self._send_heartbeats())

    def ready(self, *, http: Address | None = None, rtmp: Address | None = None) -> None:
        """Announce that traffic is taken: on standard output, in the run file, to systemd."""
        run_files.write(self._settings, Runtime(os.getpid(), http, rtmp), self._role)
        print(ready_line(self._role, http, rtmp), flush=True)
        self._manager.notify("READY=1")

    async def wait_for_signal(self) -> None:
        """Wait for SIGTERM or SIGINT."""
        await self._signalled.wait()

    def stopping(self) -> Shutdown:
        """Announce that no more traffic is taken; return what ends the parts in time."""
        exit_after(EXIT_SECONDS)
        ending = Shutdown()
        self._manager.notify("STOPPING=1")
        run_files.remove(self._settings, self._role)
        return ending

    async def _send_heartbeats(self) -> None:
        """Notify the watchdog from the event loop: one that hangs sends nothing."""
        if self._manager.watchdog_interval is not None:
            while True:
                self._manager.notify("WATCHDOG=1")
                await asyncio.sleep(self._manager.watchdog_interval)


def ready_line(role: str, http: Address | None = None, rtmp: Address | None = None) -> str:
    """Return the line on standard output of a process that takes traffic."""
    ports = [f"{name}={address}" for name, address in (("http", http), ("rtmp", rtmp)) if address]
    return " ".join(["ready", *(ports or [f"role={role}"])])
