"""A range of an open file that is sent to a socket with sendfile."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from functools import partial
from typing import Final

CHUNK: Final = 256 << 10
"""Bytes for one sendfile: bounds how long one slow read from the disk can block the caller."""


class FileRegion:
    """`size` bytes of a file from `offset` on. Owns `descriptor` until `close`."""

    __slots__ = ("_descriptor", "_offset", "_prefetched", "size")

    def __init__(self, descriptor: int, offset: int, size: int) -> None:
        self._descriptor = descriptor
        self._offset = offset
        self._prefetched = 0  # end of what `prefetcher` was asked for
        self.size = size

    def send(self, descriptor: int) -> int:
        """Send at most CHUNK bytes to the socket `descriptor` and return how many it took.

        Raises OSError, also where the file has become shorter than the region.
        """
        sent = os.sendfile(descriptor, self._descriptor, self._offset, self._next())
        if not sent:
            raise OSError("the file was truncated while it was being sent")
        self._offset += sent
        self.size -= sent
        return sent

    def is_cached(self) -> bool:
        """Return whether the next chunk is in the page cache, judged by its last byte.

        Files on systems that cannot tell (preadv2 with RWF_NOWAIT) count as not cached.
        """
        end = self._offset + self._next()
        if end <= self._prefetched:
            return True
        try:
            os.preadv(self._descriptor, [bytearray(1)], end - 1, os.RWF_NOWAIT)
        except OSError:
            return False
        return True

    def prefetcher(self) -> Callable[[], None]:
        """Return a function that reads the next chunk into the page cache, for another thread.

        It has a descriptor of its own and must be called once. Raises OSError.
        """
        size = self._next()
        self._prefetched = self._offset + size
        return partial(_prefetch, os.dup(self._descriptor), self._offset, size)

    def close(self) -> None:
        """Close the file; call it once."""
        os.close(self._descriptor)

    def _next(self) -> int:
        return min(self.size, CHUNK)


def _prefetch(descriptor: int, offset: int, size: int) -> None:
    try:
        with contextlib.suppress(OSError):  # sendfile meets the same error and reports it
            os.pread(descriptor, size, offset)
    finally:
        os.close(descriptor)
