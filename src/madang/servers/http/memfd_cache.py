"""Cache of responses in memory files (memfd_create), sent without a copy. Linux only.

`send` copies the body into the kernel for each client, a fifth of the cost of a part; `sendfile`
passes on the pages of a file, with the head in the same system call.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class MemfdLimits:
    """Limits of a cache between two rotations."""

    min_size: int = 16 << 10
    """Bytes of a body below which a copy is cheaper."""

    sends: int = 8
    """The send from which on a response has a file, which costs as much as some copies."""

    max_counted: int = 2048
    """Bodies whose sends are counted."""

    max_files: int = 128
    """Open files: descriptors are for connections first."""

    max_bytes: int = 64 << 20
    """Bytes of all files."""


DEFAULT_LIMITS: Final = MemfdLimits()


@dataclass(slots=True)
class _Entry:
    start: bytes
    body: bytes  # referenced, so that its identity is not reused
    sends: int = 1
    descriptor: int = -1


class MemfdCache:
    """Files of the responses that are sent most; `rotate` removes all of them."""

    def __init__(self, limits: MemfdLimits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._entries: dict[int, _Entry] = {}
        self._bytes = 0
        self._files = 0

    def descriptor(self, start: bytes, end: bytes, body: bytes) -> int:
        """Count one send; return the descriptor of a file with `start`, `end` and `body`, or -1.

        The cache closes the descriptor in `rotate`. `end`, the end of the head, must be the same
        between two rotations. Bodies are compared by identity.
        """
        entry = self._entries.get(id(body))
        if entry is None:
            limits = self._limits
            if len(body) >= limits.min_size and len(self._entries) < limits.max_counted:
                self._entries[id(body)] = _Entry(start, body)
            return -1
        if entry.start != start:
            return -1
        if entry.descriptor < 0:
            entry.sends += 1
            if entry.sends == self._limits.sends:
                entry.descriptor = self._create(start + end, body)
        return entry.descriptor

    def rotate(self) -> None:
        """Remove everything: later responses have another head."""
        for entry in self._entries.values():
            if entry.descriptor >= 0:
                os.close(entry.descriptor)
        self._entries.clear()
        self._bytes = 0
        self._files = 0

    def _create(self, head: bytes, body: bytes) -> int:
        size = len(head) + len(body)
        if self._bytes + size > self._limits.max_bytes or self._files >= self._limits.max_files:
            return -1
        try:
            descriptor = os.memfd_create("madang", os.MFD_CLOEXEC)
        except OSError:  # out of descriptors: the response is copied
            return -1
        try:
            complete = os.writev(descriptor, (head, body)) == size
        except OSError:  # out of memory
            complete = False
        if not complete:
            os.close(descriptor)
            return -1
        self._bytes += size
        self._files += 1
        return descriptor
