"""Socket activation, readiness and watchdog of systemd: sd_listen_fds(3) and sd_notify(3).

Both protocols are environment variables and a datagram, so that no library is needed. Without
systemd nothing here does anything.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Final

FIRST_SOCKET: Final = 3
"""SD_LISTEN_FDS_START: number of the first file descriptor."""

HTTP: Final = "http"
"""FileDescriptorName of the socket for pages and streams; a single one may have any name."""

RTMP: Final = "rtmp"
RTMPS: Final = "rtmps"

_NAMES: Final = (HTTP, RTMP, RTMPS)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServiceManager:
    """The service manager of this process.

    `sockets` are the listening ones that it passed, by name; `watchdog` is the number of seconds
    within which it expects a heartbeat, None where it expects none. `address` is where it is
    notified, None without one.
    """

    sockets: Mapping[str, socket.socket]
    watchdog: float | None = None
    address: str | None = None

    def notify(self, *assignments: str) -> None:
        """Send assignments of sd_notify(3), such as `READY=1`."""
        if self.address is None:
            return
        # "@" stands for the zero byte of an abstract address.
        place = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            try:
                channel.sendto("\n".join(assignments).encode(), place)
            except OSError as error:
                log.warning("the service manager cannot be told %s: %s", assignments[0], error)

    @property
    def watchdog_interval(self) -> float | None:
        """Seconds between two heartbeats: half of `watchdog`, as sd_watchdog_enabled(3) says."""
        return self.watchdog / 2 if self.watchdog is not None else None


def service_manager(environ: MutableMapping[str, str] = os.environ) -> ServiceManager:
    """Return the manager of this process, and remove its variables from `environ`.

    Children must not take them for their own. Call once, before there are any.
    """
    given = {
        name: environ.pop(name, "")
        for name in (
            *("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"),
            *("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"),
        )
    }
    mine = str(os.getpid())
    sockets: dict[str, socket.socket] = {}
    if given["LISTEN_PID"] == mine and given["LISTEN_FDS"].isdecimal():
        sockets = _sockets(int(given["LISTEN_FDS"]), given["LISTEN_FDNAMES"].split(":"))
    watchdog = None
    if given["WATCHDOG_USEC"].isdecimal() and given["WATCHDOG_PID"] in {"", mine}:
        watchdog = int(given["WATCHDOG_USEC"]) / 1e6
    return ServiceManager(sockets, watchdog, given["NOTIFY_SOCKET"] or None)


def _sockets(count: int, names: list[str]) -> dict[str, socket.socket]:
    found: dict[str, socket.socket] = {}
    for index in range(count):
        number = FIRST_SOCKET + index
        name = names[index] if index < len(names) else ""
        if name not in _NAMES and count == 1:
            name = HTTP
        with contextlib.suppress(OSError):  # a pipe or a file, which is not for us
            passed = socket.socket(fileno=number)
            passed.set_inheritable(False)
            passed.setblocking(False)
            if name in found:
                log.warning("a second socket named %s was handed in and is not used", name)
            elif name in _NAMES:
                found[name] = passed
            else:
                log.warning(
                    "a socket named %r was handed in, which this program does not know", name
                )
    return found
