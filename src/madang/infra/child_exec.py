"""The beginning of a child process: it ends with its parent, and everything else comes first.

Run as a program it becomes another one: `child_exec.py PARENT LIMITS PROGRAM ARGUMENT...`, with
resource limits as a JSON object of names of `resource` and values. Standard library only, and
started without site packages: it is quick.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import platform
import resource
import signal
import sys
from typing import Final

NICENESS: Final = 19

OOM_SCORE: Final = "800"
"""When memory runs out the kernel kills this before anything that serves people."""

_PR_SET_PDEATHSIG: Final = 1
_IOPRIO_WHO_PROCESS: Final = 1
_IOPRIO_IDLE: Final = 3 << 13
_IOPRIO_SET: Final = {"x86_64": 251, "aarch64": 30, "riscv64": 30}
"""Numbers of ioprio_set(2), which the C library does not have."""


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the thread that started it ends (prctl(2)).

    `parent` is its process id: where it is gone already, this process ends at once.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def lowest_priority() -> None:
    """Give way to everything else in CPU, I/O and memory; what is not permitted stays.

    A niceness counts within a session where the kernel groups processes by session (sched(7),
    autogroup): children do not get a session of their own.
    """
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    number = _IOPRIO_SET.get(platform.machine())
    if number is not None:
        ctypes.CDLL(None, use_errno=True).syscall(number, _IOPRIO_WHO_PROCESS, 0, _IOPRIO_IDLE)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write(OOM_SCORE)


def main(arguments: list[str]) -> None:
    """Become the program."""
    parent, limits, program, *rest = arguments
    die_with_parent(int(parent))
    lowest_priority()
    for name, value in json.loads(limits).items():
        number = getattr(resource, name)
        _soft, hard = resource.getrlimit(number)
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(number, (most, most))
    try:
        os.execvp(program, [program, *rest])
    except OSError as error:
        print(f"{program} cannot be started: {error.strerror}", file=sys.stderr)
        os._exit(127)


if __name__ == "__main__":
    main(sys.argv[1:])
