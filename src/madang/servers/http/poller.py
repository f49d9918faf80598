"""Read readiness of many sockets in one callback of the event loop. Linux only.

An event loop makes a handle for each descriptor and a callback for each event; with thousands of
viewers these cost as much as the requests.
"""

from __future__ import annotations

import asyncio
import logging
import select
from collections.abc import Callable
from typing import Final

BATCH: Final = 256
"""Sockets read before other callbacks of the event loop run."""

INTERVAL: Final = 0.002
"""Seconds between two polls under load. Responses wait that long, and a thousand requests that
follow one another closely are some twenty wake-ups instead of a thousand, as network cards moderate
their interrupts."""

log = logging.getLogger(__name__)


class Poller:
    """Calls a function for each descriptor that is readable, as long as it is.

    An event after a quiet time is handled at once; while events follow one another within
    `interval` seconds, sockets are polled once in that time instead.
    """

    def __init__(self, *, batch: int = BATCH, interval: float = INTERVAL) -> None:
        self._loop = asyncio.get_running_loop()
        self._batch = batch
        self._interval = interval
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._woken_at = 0.0
        self._next_poll: asyncio.Handle | None = None
        self._loop.add_reader(self._epoll.fileno(), self._wake)

    def watch(self, descriptor: int, readable: Callable[[], None]) -> None:
        """Call `readable` when there is data to read, or the peer has shut down its side."""
        self._epoll.register(descriptor, select.EPOLLIN)
        self._callbacks[descriptor] = readable

    def forget(self, descriptor: int) -> None:
        """Stop watching; call it before `descriptor` is closed."""
        if self._callbacks.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def close(self) -> None:
        """Stop watching everything."""
        if self._next_poll is not None:
            self._next_poll.cancel()
        else:
            self._loop.remove_reader(self._epoll.fileno())
        self._callbacks.clear()
        self._epoll.close()

    def _wake(self) -> None:
        now = self._loop.time()
        loaded = now - self._woken_at < self._interval
        self._woken_at = now
        ready = self._poll()
        if ready and loaded and not self._epoll.closed:
            self._loop.remove_reader(self._epoll.fileno())
            self._schedule(ready)

    def _poll_again(self) -> None:
        self._next_poll = None
        ready = self._poll()
        if self._epoll.closed:
            return
        if ready:
            self._schedule(ready)
        else:
            self._loop.add_reader(self._epoll.fileno(), self._wake)

    def _schedule(self, ready: int) -> None:
        """Poll once more: soon, where a full batch was `ready` and more may be."""
        if ready == self._batch:
            self._next_poll = self._loop.call_soon(self._poll_again)
        else:
            self._next_poll = self._loop.call_later(self._interval, self._poll_again)

    def _poll(self) -> int:
        """Call the functions of readable descriptors, and return how many there are."""
        callbacks = self._callbacks
        ready = self._epoll.poll(0, self._batch)
        for descriptor, _ in ready:
            readable = callbacks.get(descriptor)  # None: closed by one that was called before
            if readable is not None:
                try:
                    readable()
                except Exception:  # the other sockets are read whatever fails
                    log.exception("reading a socket failed")
        return len(ready)
