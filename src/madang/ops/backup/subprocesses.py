"""External programs: search, execution, priority."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from madang.ops.backup.errors import BackupError

NICENESS: Final = 19
"""Lowest CPU priority, behind everything that serves viewers."""

PACKAGES: Final = {
    "restic": "restic",
    "pgbackrest": "pgbackrest",
    "ssh": "openssh-client",
    "sftp": "openssh-client",
}
"""Packages of Debian and Ubuntu by program."""

SYSTEM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Search path besides PATH, which may be short in a service."""


class ProgramFailed(BackupError):
    """A program exited with an error; `output` is what it wrote."""

    def __init__(self, program: str, code: int, output: str, *, mend: str = "") -> None:
        last = next(
            (line for line in reversed(output.splitlines()) if line.strip()), f"code {code}"
        )
        super().__init__(f"{program} failed: {last.strip().rstrip('.')}.", mend=mend)
        self.code = code
        self.output = output


@dataclass(frozen=True, slots=True)
class UnixUser:
    """User and group that a program runs as."""

    uid: int
    gid: int

    @classmethod
    def owning(cls, path: Path) -> UnixUser | None:
        """Return the owner of `path` if this process is root and the owner is not; otherwise
        None."""
        status = path.stat()
        if os.geteuid() != 0 or status.st_uid == 0:
            return None
        return cls(status.st_uid, status.st_gid)


def find_program(program: str) -> str:
    """Return the path of `program`. Raises BackupError that names the missing package."""
    found = shutil.which(program) or shutil.which(program, path=SYSTEM_PATH)
    if found is None:
        package = PACKAGES.get(program, program)
        raise BackupError(
            f"The program {program} is not installed.", mend=f"Install it: apt install {package}"
        )
    return found


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: UnixUser | None = None,
    stdin: str | None = None,
    keep_open: int | None = None,
) -> str:
    """Run `command` to its end and return its standard output.

    `environment` is added to that of this process; `keep_open` is a file descriptor that the
    program inherits, so that a lock outlives a killed parent. Raises BackupError, ProgramFailed.
    """
    program = command[0]
    try:
        done = subprocess.run(
            [find_program(program), *command[1:]],
            env={**os.environ, **(environment or {})},
            cwd=cwd,
            input=stdin if stdin is not None else "",
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            pass_fds=() if keep_open is None else (keep_open,),
            user=None if user is None else user.uid,
            group=None if user is None else user.gid,
            extra_groups=None if user is None else [],
        )
    except OSError as error:
        raise BackupError(f"{program} cannot be started: {error.strerror}.") from None
    if done.returncode != 0:
        raise ProgramFailed(program, done.returncode, f"{done.stdout}\n{done.stderr}")
    return done.stdout


def lower_priority() -> None:
    """Give this process and its children the lowest CPU and I/O priority."""
    os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    with contextlib.suppress(BackupError):  # without ionice, I/O priority stays normal
        run(["ionice", "-c", "3", "-p", str(os.getpid())])
