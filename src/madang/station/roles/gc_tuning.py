"""Settles the process's memory once it is up: measured on the benchmark `live`, not guessed."""

from __future__ import annotations

import ctypes
import gc
import logging
from typing import Final

M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3
M_ARENA_MAX: Final = -8
"""Numbers of glibc's mallopt(3)."""

KEPT: Final = 64 << 20
"""Bytes that stay with the allocator between two parts. Each part is copied once per viewer on
its way out; memory that goes back to the kernel after every part comes back page by page."""

LARGEST: Final = 4 << 20
"""Bytes of one allocation that is not mapped and unmapped by itself: a part is smaller."""

ARENAS: Final = 2
"""One for the interpreter, one for the I/O thread; more only keep freed memory apart."""

YOUNG_OBJECTS: Final = 20_000
"""Objects between two collections of the youngest generation. Requests make none that need a
collector: they form no cycles."""

log = logging.getLogger(__name__)


def tune() -> None:
    """Call when everything is imported and built.

    What exists now lives as long as the process, so the collector need not look at it again.
    """
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
        (M_MMAP_THRESHOLD, LARGEST),
        (M_TRIM_THRESHOLD, KEPT),
    ):
        mallopt(parameter, value)
