"""Buffered writes to a non-blocking socket: no task, no copy.

Blocks are queued by reference: a stream that thousands read is the same bytes for all of them.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable
from enum import Enum, auto

from madang.infra.file_region import FileRegion
from madang.wire.websocket import Opcode, encode


class Framing(Enum):
    """Bytes that a protocol puts around each block."""

    PLAIN = auto()
    CHUNKED = auto()
    """RFC 9112, section 7.1."""
    WEBSOCKET = auto()
    """Unmasked binary messages (RFC 6455, section 5.2)."""


def framed(framing: Framing, data: bytes) -> bytes:
    """Return `data`, at least one byte, as one block of `framing`."""
    match framing:
        case Framing.PLAIN:
            return data
        case Framing.CHUNKED:
            return b"%x\r\n%b\r\n" % (len(data), data)
        case Framing.WEBSOCKET:
            return encode(Opcode.BINARY, data)


class SocketWriter:
    """Sends blocks and files to one non-blocking descriptor, in order; on the event loop only.

    Until `attach` everything is queued. `sent` is called with the number of bytes of each write,
    `failed` once, with what went wrong, after which nothing is queued. `waiting`: bytes queued.
    `progressed_at`: time of the last write, or of `attach`, by the loop's clock.
    """

    __slots__ = (
        "_descriptor",
        "_failed",
        "_loop",
        "_partial",
        "_queue",
        "_sent",
        "_watching",
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
        self._watching = False
        self._queue: deque[bytes | memoryview | FileRegion] = deque()
        self._partial = False  # some of the first block has been sent

    def attach(self, descriptor: int) -> None:
        """Begin to send. The caller closes the descriptor, after `detach`."""
        self._descriptor = descriptor
        self.progressed_at = self._loop.time()
        if self._queue:
            self.flush()

    def write(self, block: bytes) -> None:
        """Send `block`, or queue what the socket does not take of it now."""
        if self._queue or self._descriptor < 0:
            self.queue(block)
            return
        try:
            taken = os.write(self._descriptor, block)
        except BlockingIOError:
            taken = 0
        except OSError as error:
            self._fail(error)
            return
        if taken < len(block):
            self.queue(memoryview(block)[taken:] if taken else block)
            self._partial = taken > 0
            self.progressed_at = self._loop.time()
        if taken:
            self._sent(taken)

    def queue(self, block: bytes | memoryview | FileRegion) -> None:
        """Append `block`, which is not empty, without trying to send it now."""
        self._queue.append(block)
        self.waiting += block.size if isinstance(block, FileRegion) else len(block)
        if self._descriptor >= 0:
            self._watch()

    def flush(self) -> None:
        """Send as much of the queue as the socket takes now, at most one chunk of a file."""
        while self._queue:
            try:
                if self._prefetches():
                    return
                taken = self._send_first()
            except BlockingIOError:
                break
            except OSError as error:
                self._fail(error)
                return
            self.waiting -= taken
            self.progressed_at = self._loop.time()
            self._sent(taken)
            if self._partial:
                break
        if self._queue:
            self._watch()
        else:
            self._unwatch()

    def clear(self) -> int:
        """Drop what is queued, except the rest of a partly sent block; return its bytes.

        Nothing is dropped before `attach`, as a stream begins with what was written first.
        """
        if self._descriptor < 0:
            return 0
        before = self.waiting
        rest = self._queue.popleft() if self._partial else None
        self._drop()
        if rest is not None:
            self.queue(rest)
            self._partial = True
        return before - self.waiting

    def detach(self) -> None:
        """Stop sending and drop what is queued."""
        self._unwatch()
        self._descriptor = -1
        self._drop()

    def _send_first(self) -> int:
        block = self._queue[0]
        rest: memoryview | FileRegion | None
        if isinstance(block, FileRegion):
            taken = block.send(self._descriptor)
            rest = block if block.size else None
            if rest is None:
                block.close()
        else:
            taken = os.write(self._descriptor, block)
            rest = memoryview(block)[taken:] if taken < len(block) else None
        if rest is None:
            self._queue.popleft()
        else:
            self._queue[0] = rest
        self._partial = rest is not None
        return taken

    def _prefetches(self) -> bool:
        """Let a thread read the next chunk of a file that is not in memory, then go on."""
        block = self._queue[0]
        if not isinstance(block, FileRegion) or block.is_cached():
            return False
        self._unwatch()
        done = self._loop.run_in_executor(None, block.prefetcher())
        done.add_done_callback(lambda _: self.flush())
        return True

    def _watch(self) -> None:
        if not self._watching:
            self._watching = True
            self._loop.add_writer(self._descriptor, self.flush)

    def _unwatch(self) -> None:
        if self._watching:
            self._watching = False
            self._loop.remove_writer(self._descriptor)

    def _drop(self) -> None:
        for block in self._queue:
            if isinstance(block, FileRegion):
                block.close()
        self._queue.clear()
        self._partial = False
        self.waiting = 0

    def _fail(self, error: OSError) -> None:
        self.detach()
        self._failed(error)
