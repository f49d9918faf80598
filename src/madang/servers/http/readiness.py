"""Tells which of many sockets have something to read, all in one step of the event loop.

A loop makes a handle for each descriptor and a turn for each time that it is ready; with thousands
of viewers these cost as much as what they bring. Linux only.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from typing import Final

AT_ONCE: Final = 256
"""Sockets that are read before what else is due on the loop has its turn."""


class Readiness:
    """Calls a function for each descriptor that can be read, for as long as it can."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._heard: dict[int, Callable[[], None]] = {}
        self._loop.add_reader(self._epoll.fileno(), self._hear)

    def watch(self, descriptor: int, readable: Callable[[], None]) -> None:
        """Call `readable` when there is something to read, or the peer has closed its end."""
        self._epoll.register(descriptor, select.EPOLLIN)
        self._heard[descriptor] = readable

    def forget(self, descriptor: int) -> None:
        """Stop watching; call it before `descriptor` is closed."""
        if self._heard.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def close(self) -> None:
        """Stop watching everything."""
        self._loop.remove_reader(self._epoll.fileno())
        self._heard.clear()
        self._epoll.close()

    def _hear(self) -> None:
        heard = self._heard
        for descriptor, _ in self._epoll.poll(0, AT_ONCE):
            readable = heard.get(descriptor)  # None: closed by one that was read before it
            if readable is not None:
                readable()
