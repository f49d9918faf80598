"""Garbage collector and allocator of a process that is up, tuned on the benchmark `live`."""

from __future__ import annotations

import ctypes
import gc
import logging
from typing import Final

M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3
M_ARENA_MAX: Final = -8
"""Numbers of glibc's mallopt(3)."""

TRIM_THRESHOLD: Final = 64 << 20
"""Free bytes that stay with the allocator between two parts. Each part is copied once per viewer on
its way out; memory that goes back to the kernel after every part comes back page by page."""

MMAP_THRESHOLD: Final = 4 << 20
"""Bytes of the smallest allocation with a mapping of its own: a part is smaller."""

ARENAS: Final = 2
"""One for the interpreter, one for the I/O thread; more only keep freed memory apart."""

YOUNG_OBJECTS: Final = 20_000
"""Objects between two collections of the youngest generation. Requests make none that need a
collector: they form no cycles."""

log = logging.getLogger(__name__)


def tune() -> None:
    """Exempt everything that exists now from collections. Call when all is imported and built."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 50)
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        log.debug("this C library has no mallopt: its own defaults apply")
        return
    for parameter, value in (
        (M_ARENA_MAX, ARENAS),
        (M_MMAP_THRESHOLD, MMAP_THRESHOLD),
        (M_TRIM_THRESHOLD, TRIM_THRESHOLD),
    ):
        mallopt(parameter, value)
