"""The body of a request, between the connection that receives it and the handler that reads it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final

from madang.wire.http1 import Body, BodyEnd, Request

SMALL_PIECE: Final = 16 << 10
"""Bytes of a piece below which others are added to it: a client may send chunks of one byte."""


class RequestBody:
    """Buffer of one request body.

    `buffered`: bytes that the handler has not read yet. `expects_continue`: the client waits for
    100 (Continue) (RFC 9110, section 10.1.1).
    """

    __slots__ = ("_aborted", "_pieces", "_waiter", "buffered", "complete", "expects_continue")

    def __init__(self, request: Request) -> None:
        expected = request.fields.get("expect").lower() == "100-continue"
        self.expects_continue = expected and request.version == "1.1"
        self.complete = False
        self.buffered = 0
        self._pieces: deque[bytes | bytearray] = deque()
        self._aborted = False
        self._waiter: asyncio.Future[None] | None = None

    @property
    def awaited(self) -> bool:
        """Return whether the handler waits for more."""
        return self._waiter is not None

    def feed(self, event: Body | BodyEnd) -> None:
        """Take what was received."""
        self.expects_continue = False
        if isinstance(event, Body):
            self._add(event.data)
        else:
            self.complete = True
        self._wake()

    def abort(self) -> None:
        """Make `pieces` raise ConnectionError at the end of the buffer of an incomplete body."""
        self._aborted = True
        self._wake()

    async def pieces(self, resume: Callable[[], None]) -> AsyncIterator[bytes]:
        """Yield the body as it arrives. `resume` is called whenever the buffer is empty.

        Raises ConnectionError where the rest will not come.
        """
        while True:
            piece = self._pieces.popleft() if self._pieces else b""
            self.buffered -= len(piece)
            if not self._pieces:
                resume()
            if piece:
                yield bytes(piece)
            elif self.complete:
                return
            elif self._aborted:
                raise ConnectionError("the client left in the middle of its request")
            else:
                self._waiter = asyncio.get_running_loop().create_future()
                try:
                    await self._waiter
                finally:
                    self._waiter = None

    def _add(self, data: bytes) -> None:
        self.buffered += len(data)
        if len(data) >= SMALL_PIECE:
            self._pieces.append(data)
            return
        last = self._pieces[-1] if self._pieces else None
        if isinstance(last, bytearray) and len(last) < SMALL_PIECE:
            last += data
        else:
            self._pieces.append(bytearray(data))

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
