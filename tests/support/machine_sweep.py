"""Removal of everything that a network of machines has set up, however its test ended.

    python -m tests.support.machine_sweep NAME FOLDER

Waits for the end of its standard input, which ends with the test's process, even by SIGKILL. Then
removes processes, namespaces, mounts and cgroups.
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
"""cgroup hierarchies in which a booted systemd needs a group of its own."""

GROUPS: Final = Path("/sys/fs/cgroup")
NAMESPACES: Final = Path("/run/netns")
LIMIT: Final = 20.0
"""Seconds until killed processes are gone."""


def sweep(name: str, folder: Path) -> None:
    """End and remove everything whose name begins with `name`, and mounts in `folder`."""
    until = time.monotonic() + LIMIT
    while (found := processes(name)) and time.monotonic() < until:
        for process in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.05)
    for place in reversed(mounts(folder)):
        subprocess.run(["umount", "-l", place], check=False)
    for namespace in namespaces(name):
        # Removes its virtual cables as well.
        subprocess.run(["ip", "netns", "del", namespace], check=False)
        shutil.rmtree(Path("/etc/netns") / namespace, ignore_errors=True)
    # A group is busy until its processes have been waited for.
    while (tops := groups(name)) and time.monotonic() < until:
        for top in tops:
            inner = sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True)
            for group in [*inner, top]:
                with contextlib.suppress(OSError):
                    group.rmdir()
        time.sleep(0.05)


def groups(name: str) -> list[Path]:
    """Return the control groups of the machines."""
    return [path for one in CONTROLLERS for path in (GROUPS / one).glob(f"{name}*")]


def namespaces(name: str) -> list[str]:
    """Return the network namespaces."""
    return sorted(path.name for path in NAMESPACES.glob(f"{name}*"))


def mounts(folder: Path) -> list[str]:
    """Return the mounts in `folder`, outer before inner."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    places = [line.split()[1].replace("\\040", " ") for line in lines]
    return [place for place in places if Path(place).is_relative_to(folder)]


def processes(name: str) -> set[int]:
    """Return the processes on the machines and in the namespaces."""
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
