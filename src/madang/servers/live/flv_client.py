"""Clients of a continuous FLV stream: bounded queues, one shared block for all of them.

The publisher never waits for a client. One that falls behind loses what it has not taken yet and
goes on at the next key frame.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from madang.infra.socket_writer import Framing, SocketWriter, framed
from madang.live.flv_feed import Chunk


@dataclass(frozen=True, slots=True)
class FlvLimits:
    """Limits of one client.

    `behind` is how many bytes may wait for it: about ten seconds of a stream of 3 Mbit/s; what a
    newcomer is sent first comes on top. `send_timeout` is the seconds in which a client for which
    something waits must take some of it, `check` the seconds between two looks.
    """

    behind: int = 4 << 20
    send_timeout: float = 20.0
    check: float = 1.0


DEFAULT_LIMITS: Final = FlvLimits()


class Block:
    """A chunk for all clients, framed once for each kind of connection."""

    __slots__ = ("_framed", "chunk")

    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk
        self._framed: dict[tuple[Framing, int], bytes] = {}

    def framed(self, framing: Framing, offset: int = 0) -> bytes:
        """Return the chunk from `offset` on with its framing."""
        key = (framing, offset)
        found = self._framed.get(key)
        if found is None:
            found = self._framed[key] = framed(framing, self.chunk.data[offset:])
        return found


class FlvClient:
    """One connection that is sent a stream.

    While `skipping`, blocks are dropped until the next key frame. `dropped` counts the bytes thrown
    away. `over` is done when the stream has ended and all was sent, or raises what went wrong.
    """

    def __init__(
        self,
        framing: Framing,
        sent: Callable[[int], None],
        limits: FlvLimits = DEFAULT_LIMITS,
    ) -> None:
        self.skipping = False
        self.dropped = 0
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._framing = framing
        self._writer = SocketWriter(self._taken, self._fail)
        self._sent = sent
        self._ended = False
        self._limits = limits
        self._most = limits.behind

    def begin(self, opening: Block, *, skipping: bool) -> None:
        """Queue what a newcomer is sent first."""
        self.skipping = skipping
        data = opening.framed(self._framing)
        self._most = self._limits.behind + len(data)
        self._writer.write(data)

    def attach(self, descriptor: int) -> None:
        """Send what has come so far, and what comes from now on, to `descriptor`."""
        self._writer.attach(descriptor)

    def put(self, block: Block) -> None:
        """Send a block, or drop it where the client is too far behind."""
        if self._ended or self.over.done() or not block.chunk.data:
            return
        offset = 0
        if self.skipping:
            key_offset = block.chunk.key_offset
            if key_offset is None:
                self.dropped += len(block.chunk.data)
                return
            self.dropped += key_offset
            offset = key_offset
            self.skipping = False
        data = block.framed(self._framing, offset)
        if self._writer.waiting + len(data) > self._most:
            self.dropped += self._writer.clear() + len(data)
            self.skipping = True
            return
        self._writer.write(data)

    def send_frame(self, frame: bytes) -> None:
        """Send a frame of the connection's own, after the block that was begun, or drop it where
        the client is too far behind."""
        if self._writer.waiting + len(frame) <= self._most:
            self._writer.write(frame)

    def end(self, last: Block | None = None) -> None:
        """Stop once the client has taken what waits for it, and the `last` block."""
        if last is not None:
            self.put(last)
        self._ended = True
        self._settle()

    def hung_up(self) -> None:
        """Give up: the peer closed its end."""
        self._fail(ConnectionError("the client has left"))

    def check(self, now: float) -> None:
        """Give up where the peer takes nothing; call about once a second."""
        if self._writer.waiting and now - self._writer.progressed_at > self._limits.send_timeout:
            self._fail(TimeoutError("the client takes nothing"))

    def close(self) -> None:
        """Send no more."""
        self._writer.detach()

    def _taken(self, size: int) -> None:
        self._sent(size)
        if self._ended:
            self._settle()

    def _settle(self) -> None:
        if not self._writer.waiting and not self.over.done():
            self.over.set_result(None)

    def _fail(self, error: OSError) -> None:
        if not self.over.done():
            self.over.set_exception(error)
