"""Tells which of many sockets have something to read, all in one step of the event loop.

A loop makes a handle for each descriptor and a turn for each time that it is ready; with thousands
of viewers these cost as much as what they bring. Linux only.
"""

from __future__ import annotations

import asyncio
import logging
import select
from collections.abc import Callable
from typing import Final

AT_ONCE: Final = 256
"""Sockets that are read before what else is due on the loop has its turn."""


PAUSE: Final = 0.002
"""Seconds between two looks while there is something to read at each: answers wait that long, and
a thousand requests that follow one another closely are some twenty wake-ups instead of a thousand,
as network cards do it with packets."""

log = logging.getLogger(__name__)


class Poller:
    """Calls a function for each descriptor that can be read, for as long as it can."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._heard: dict[int, Callable[[], None]] = {}
        self._woken_at = 0.0
        self._next_look: asyncio.Handle | None = None
        self._loop.add_reader(self._epoll.fileno(), self._wake)

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
        if self._next_look is not None:
            self._next_look.cancel()
        else:
            self._loop.remove_reader(self._epoll.fileno())
        self._heard.clear()
        self._epoll.close()

    def _wake(self) -> None:
        now = self._loop.time()
        closely = now - self._woken_at < PAUSE
        self._woken_at = now
        read = self._hear()
        if read and closely and not self._epoll.closed:
            self._loop.remove_reader(self._epoll.fileno())
            self._look_again(read)

    def _look(self) -> None:
        self._next_look = None
        read = self._hear()
        if self._epoll.closed:
            return
        if read:
            self._look_again(read)
        else:
            self._loop.add_reader(self._epoll.fileno(), self._wake)

    def _look_again(self, read: int) -> None:
        """Look once more: now, where more than were `read` may wait already."""
        if read == AT_ONCE:
            self._next_look = self._loop.call_soon(self._look)
        else:
            self._next_look = self._loop.call_later(PAUSE, self._look)

    def _hear(self) -> int:
        """Call the functions of those that can be read now, and return how many that are."""
        heard = self._heard
        ready = self._epoll.poll(0, AT_ONCE)
        for descriptor, _ in ready:
            readable = heard.get(descriptor)  # None: closed by one that was read before it
            if readable is not None:
                try:
                    readable()
                except Exception:  # the other sockets are heard whatever fails
                    log.exception("reading a socket failed")
        return len(ready)
