"""Takes away what a ground of machines has set up on this one, however its test ended.

    python -m tests.support.machine_sweep NAME FOLDER

Waits until its standard input ends, which it does when the test's process does, even by SIGKILL.
Then whatever still belongs to the ground goes: processes, namespaces, mounts, cgroups.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

CONTROLLERS: Final = ("unified", "systemd", "cpu")
"""cgroup hierarchies that a booted systemd needs a place of its own in."""

GROUPS: Final = Path("/sys/fs/cgroup")
NAMESPACES: Final = Path("/run/netns")
LIMIT: Final = 20.0
"""Seconds for killed processes to be gone."""


def sweep(name: str, folder: Path) -> None:
    """End and remove all that is called `name` and something, and what is mounted in `folder`."""
    until = time.monotonic() + LIMIT
    while (found := processes(name)) and time.monotonic() < until:
        for process in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.05)
    for place in reversed(mounts(folder)):
        subprocess.run(["umount", "-l", place], check=False)
    for namespace in namespaces(name):
        # The cables into it go with it.
        subprocess.run(["ip", "netns", "del", namespace], check=False)
        shutil.rmtree(Path("/etc/netns") / namespace, ignore_errors=True)
    # A group is busy until whoever was in it has been waited for.
    while (tops := groups(name)) and time.monotonic() < until:
        for top in tops:
            inner = sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True)
            for group in [*inner, top]:
                with contextlib.suppress(OSError):
                    group.rmdir()
        time.sleep(0.05)


def groups(name: str) -> list[Path]:
    """Control groups of the ground's machines."""
    return [path for one in CONTROLLERS for path in (GROUPS / one).glob(f"{name}*")]


def namespaces(name: str) -> list[str]:
    """Network namespaces of the ground."""
    return sorted(path.name for path in NAMESPACES.glob(f"{name}*"))


def mounts(folder: Path) -> list[str]:
    """What is mounted in `folder`, the outer before the inner."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    places = [line.split()[1].replace("\\040", " ") for line in lines]
    return [place for place in places if Path(place).is_relative_to(folder)]


def processes(name: str) -> set[int]:
    """Everything that runs on a machine of the ground, or in one of its namespaces."""
    found: set[int] = set()
    for top in groups(name):
        for file in top.rglob("cgroup.procs"):
            with contextlib.suppress(OSError):
                found |= {int(line) for line in file.read_text().split()}
    for namespace in namespaces(name):
        said = subprocess.run(
            ["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False
        )
        found |= {int(line) for line in said.stdout.split()}
    return found - {os.getpid()}


if __name__ == "__main__":
    sys.stdin.read()
    sweep(sys.argv[1], Path(sys.argv[2]))
