"""Child processes for work that nobody waits for.

A child has a process group of its own, which is killed as one; the kernel kills it when its parent
dies, however that ends; it gives way to everything else; files and sockets of the parent are
closed in it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from madang.infra import child_exec

TAIL: Final = 64 << 10
"""Bytes of errors that are kept of a child, the last ones."""


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """Resource limits of a child: bytes of address space, processor seconds, bytes of a file,
    open files. None: that of the parent."""

    memory: int | None = 8 << 30
    cpu_seconds: int | None = None
    file_size: int | None = None
    open_files: int | None = None

    def as_json(self) -> str:
        """Return the limits as arguments of `child_exec`."""
        named = {
            "RLIMIT_AS": self.memory,
            "RLIMIT_CPU": self.cpu_seconds,
            "RLIMIT_FSIZE": self.file_size,
            "RLIMIT_NOFILE": self.open_files,
            "RLIMIT_CORE": 0,
        }
        return json.dumps({name: value for name, value in named.items() if value is not None})


DEFAULT_LIMITS: Final = ChildLimits()


def spawn(
    argv: Sequence[str],
    *,
    limits: ChildLimits = DEFAULT_LIMITS,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int | IO[bytes] | None = None,
    pass_fds: Sequence[int] = (),
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program. It ends with 127 where it cannot be started.

    The calling thread has to live as long as the child: the kernel kills it at the thread's end.
    """
    begin = [sys.executable, "-I", "-S", child_exec.__file__, str(os.getpid()), limits.as_json()]
    return subprocess.Popen(
        [*begin, *argv],
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        pass_fds=pass_fds,
        cwd=cwd,
        env=env,
        process_group=0,
    )


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a child with its descendants. Call before it is reaped, or right after."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


class Tail:
    """Reads a pipe to its end on a thread, and keeps the last bytes."""

    def __init__(self, pipe: IO[bytes], size: int = TAIL) -> None:
        self._pipe = pipe
        self._size = size
        self._bytes = b""
        self._thread = threading.Thread(target=self._read, name="child-errors", daemon=True)
        self._thread.start()

    def result(self, patience: float = 1.0) -> bytes:
        """Return the end of what was written. A descendant may have the pipe open still."""
        self._thread.join(patience)
        return self._bytes

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while data := os.read(self._pipe.fileno(), 1 << 16):
                self._bytes = (self._bytes + data)[-self._size :]
