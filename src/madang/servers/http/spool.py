"""Bodies that many are sent, in files that live in memory only, so that nothing is copied.

`send` copies a body into the kernel for each who gets it, a fifth of what a part costs; `sendfile`
hands out the pages of a file. Linux only.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import Final

LEAST: Final = 16 << 10
"""Bytes of a body for which a file is worth it."""

SENDS: Final = 8
"""Sends of a body before it gets a file, which costs as much as some copies."""

KNOWN: Final = 512
"""Bodies whose sends are counted, those that were sent last."""

ROOM: Final = 64 << 20
"""Bytes of all files: the last seconds of a hundred channels."""


class Spool:
    """Files of the bodies that are sent most, by a name that no other body has."""

    def __init__(self) -> None:
        self._sends: OrderedDict[str, int] = OrderedDict()
        self._files: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._size = 0

    def file(self, name: str, body: bytes) -> int:
        """Return the descriptor of a file with `body`, good until the next call; -1: there is none.

        Call it for each send.
        """
        found = self._files.get(name)
        if found is not None:
            return found[0]
        if len(body) < LEAST:
            return -1
        sends = self._sends.pop(name, 0) + 1
        if sends >= SENDS:
            return self._make(name, body)
        self._sends[name] = sends
        if len(self._sends) > KNOWN:
            self._sends.popitem(last=False)
        return -1

    def close(self) -> None:
        """Close all files."""
        while self._files:
            self._drop()

    def _make(self, name: str, body: bytes) -> int:
        try:
            descriptor = os.memfd_create("madang", os.MFD_CLOEXEC)
        except OSError:  # no descriptor is left: a copy does as well
            return -1
        try:
            whole = os.write(descriptor, body) == len(body)
        except OSError:  # no memory
            whole = False
        if not whole:
            os.close(descriptor)
            return -1
        self._files[name] = descriptor, len(body)
        self._size += len(body)
        while self._size > ROOM and len(self._files) > 1:
            self._drop()
        return descriptor

    def _drop(self) -> None:
        _, (descriptor, size) = self._files.popitem(last=False)
        self._size -= size
        os.close(descriptor)
