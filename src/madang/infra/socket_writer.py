"""Writes to a descriptor as fast as its reader takes it: no task, no copy, one system call.

A stream that thousands read is the same bytes for all of them. What is written here is made once,
with the framing that the connection needs, and given to the kernel from a plain loop.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable
from enum import Enum, auto

from madang.wire.websocket import Opcode, encode


class Framing(Enum):
    """What a connection wants around each block."""

    PLAIN = auto()
    CHUNKED = auto()
    """RFC 9112, section 7.1."""
    WEBSOCKET = auto()
    """A binary message of a server, RFC 6455, section 5.2."""


def framed(framing: Framing, data: bytes) -> bytes:
    """Return `data`, which is not empty, as one block of `framing`."""
    match framing:
        case Framing.PLAIN:
            return data
        case Framing.CHUNKED:
            return b"%x\r\n%b\r\n" % (len(data), data)
        case Framing.WEBSOCKET:
            return encode(Opcode.BINARY, data)


class SocketWriter:
    """Sends blocks to one descriptor, which does not block, in order; on the event loop only.

    Until `attach` everything waits. `sent` is told how many bytes went out, `failed` is called
    once when the peer is gone. `waiting` is how many bytes are still here, and `progressed_at`
    when the peer took some of them, by the loop's clock.
    """

    __slots__ = (
        "_blocks",
        "_cut",
        "_descriptor",
        "_failed",
        "_loop",
        "_sent",
        "progressed_at",
        "waiting",
    )

    def __init__(self, sent: Callable[[int], None], failed: Callable[[OSError], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self.waiting = 0
        self.progressed_at = self._loop.time()
        self._sent = sent
        self._failed = failed
        self._descriptor = -1
        self._blocks: deque[bytes | memoryview] = deque()
        self._cut = False  # the first block is the rest of one that was begun

    def attach(self, descriptor: int) -> None:
        """Begin to send; the descriptor stays its caller's to close, after `detach`."""
        self._descriptor = descriptor
        self.progressed_at = self._loop.time()
        if self._blocks:
            self._loop.add_writer(descriptor, self._flush)
            self._flush()

    def write(self, block: bytes) -> None:
        """Send `block`, or what the peer takes of it now, and the rest when it takes more."""
        if self._blocks or self._descriptor < 0:
            self._blocks.append(block)
            self.waiting += len(block)
            return
        try:
            taken = os.write(self._descriptor, block)
        except BlockingIOError:
            taken = 0
        except OSError as error:
            self._fail(error)
            return
        if taken < len(block):
            self._blocks.append(memoryview(block)[taken:] if taken else block)
            self._cut = taken > 0
            self.waiting = len(block) - taken
            self.progressed_at = self._loop.time()
            self._loop.add_writer(self._descriptor, self._flush)
        if taken:
            self._sent(taken)

    def clear(self) -> int:
        """Throw away what waits, but for the rest of a block that was begun; return its bytes.

        Nothing is thrown away before `attach`: a stream begins with what was written first.
        """
        if self._descriptor < 0:
            return 0
        rest = self._blocks[0] if self._cut else None
        dropped = self.waiting - (len(rest) if rest is not None else 0)
        self._blocks.clear()
        if rest is not None:
            self._blocks.append(rest)
        self.waiting -= dropped
        return dropped

    def detach(self) -> None:
        """Send no more; what waits is dropped."""
        if self._descriptor >= 0:
            self._loop.remove_writer(self._descriptor)
        self._descriptor = -1
        self._blocks.clear()
        self.waiting = 0

    def _flush(self) -> None:
        taken = 0
        try:
            while self._blocks:
                block = self._blocks[0]
                size = os.write(self._descriptor, block)
                taken += size
                if size < len(block):
                    self._blocks[0] = memoryview(block)[size:]
                    self._cut = True
                    break
                self._blocks.popleft()
                self._cut = False
        except BlockingIOError:
            pass  # it has room again later
        except OSError as error:
            self._fail(error)
            return
        if not self._blocks:
            self._loop.remove_writer(self._descriptor)
        if taken:
            self.waiting -= taken
            self.progressed_at = self._loop.time()
            self._sent(taken)

    def _fail(self, error: OSError) -> None:
        self.detach()
        self._failed(error)
