"""The body of a request, between the connection that receives it and the handler that reads it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from madang.wire.http1 import Body, BodyEnd, Request


class RequestBody:
    """Buffer of one request body.

    `expects_continue`: the client waits for 100 (Continue) (RFC 9110, section 10.1.1).
    """

    __slots__ = ("_aborted", "_buffer", "_waiter", "complete", "expects_continue")

    def __init__(self, request: Request) -> None:
        expected = request.fields.get("expect").lower() == "100-continue"
        self.expects_continue = expected and request.version == "1.1"
        self.complete = False
        self._buffer = bytearray()  # one, however small the chunks were
        self._aborted = False
        self._waiter: asyncio.Future[None] | None = None

    @property
    def buffered(self) -> int:
        """Bytes that the handler has not read yet."""
        return len(self._buffer)

    @property
    def awaited(self) -> bool:
        """Return whether the handler waits for more."""
        return self._waiter is not None

    def feed(self, event: Body | BodyEnd) -> None:
        """Take what was received."""
        self.expects_continue = False
        if isinstance(event, Body):
            self._buffer += event.data
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
            piece = bytes(self._buffer)
            self._buffer.clear()
            resume()
            if piece:
                yield piece
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

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
