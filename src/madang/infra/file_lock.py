"""Advisory locks on files (flock(2)), which the kernel releases with the process."""

from __future__ import annotations

import contextlib
import errno
import fcntl
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold the lock of a file, which is made where missing, within the block; False where another
    has it. Raises OSError.

    On a full disk nobody holds a lock whose file is not there: it counts as held.
    """
    try:
        file = path.open("ab")
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        yield True
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
