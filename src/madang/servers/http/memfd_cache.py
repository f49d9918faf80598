"""Answers that many are sent, in files that live in memory only, so that nothing is copied.

`send` copies a body into the kernel for each who gets it, a fifth of what a part costs; `sendfile`
hands out the pages of a file, and the head goes out with them in one system call. Linux only.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

LEAST: Final = 16 << 10
"""Bytes of a body for which a file is worth it."""

SENDS: Final = 8
"""The send of an answer from which on it has a file, which costs as much as some copies."""

KNOWN: Final = 2048
"""Bodies whose sends are counted within a second."""

FILES: Final = 128
"""Files at a time: descriptors are for connections first."""

ROOM: Final = 64 << 20
"""Bytes of all files."""


@dataclass(slots=True)
class _Answer:
    start: bytes
    body: bytes  # held, so that no other body gets its identity
    sends: int = 1
    descriptor: int = -1


class MemfdCache:
    """Files of the answers that are sent most, until `turn`."""

    def __init__(self) -> None:
        self._known: dict[int, _Answer] = {}
        self._room = ROOM
        self._files = 0

    def file(self, start: bytes, end: bytes, body: bytes) -> int:
        """Return the descriptor of a file with the head `start` and `end` and with `body`.

        It is good until `turn`; -1: there is none. Call it for each send, with the same `end`
        until then. A body is known by its identity.
        """
        known = self._known.get(id(body))
        if known is None:
            if len(body) >= LEAST and len(self._known) < KNOWN:
                self._known[id(body)] = _Answer(start, body)
            return -1
        if known.start != start:
            return -1
        if known.descriptor < 0:
            known.sends += 1
            if known.sends == SENDS:
                known.descriptor = self._make(start + end, body)
        return known.descriptor

    def turn(self) -> None:
        """Begin anew: what is sent from now on has another head."""
        for known in self._known.values():
            if known.descriptor >= 0:
                os.close(known.descriptor)
        self._known.clear()
        self._room = ROOM
        self._files = 0

    def _make(self, head: bytes, body: bytes) -> int:
        size = len(head) + len(body)
        if size > self._room or self._files >= FILES:
            return -1
        try:
            descriptor = os.memfd_create("madang", os.MFD_CLOEXEC)
        except OSError:  # no descriptor is left: a copy does as well
            return -1
        try:
            whole = os.writev(descriptor, (head, body)) == size
        except OSError:  # no memory
            whole = False
        if not whole:
            os.close(descriptor)
            return -1
        self._room -= size
        self._files += 1
        return descriptor
