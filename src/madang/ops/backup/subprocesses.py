"""Starts the programs that do the work, and turns their endings into words."""

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
"""The lowest priority: a backup waits for whatever serves viewers."""

PACKAGES: Final = {
    "restic": "restic",
    "pgbackrest": "pgbackrest",
    "ssh": "openssh-client",
    "sftp": "openssh-client",
}
"""Debian's and Ubuntu's packages of the programs."""

SYSTEM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are looked for besides PATH: services may have a short one."""


class ProgramFailed(BackupError):
    """A program ended with an error; `said` is what it wrote about that."""

    def __init__(self, program: str, code: int, said: str, *, mend: str = "") -> None:
        last = next((line for line in reversed(said.splitlines()) if line.strip()), f"code {code}")
        super().__init__(f"{program} failed: {last.strip().rstrip('.')}.", mend=mend)
        self.code = code
        self.said = said


@dataclass(frozen=True, slots=True)
class Owner:
    """Who a program runs as."""

    uid: int
    gid: int

    @classmethod
    def of(cls, path: Path) -> Owner | None:
        """The owner of `path` where this process may become it, which root may; otherwise None."""
        status = path.stat()
        if os.geteuid() != 0 or status.st_uid == 0:
            return None
        return cls(status.st_uid, status.st_gid)


def find(program: str) -> str:
    """The path of `program`. Raises BackupError with the package that brings it."""
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
    owner: Owner | None = None,
    stdin: str | None = None,
    keep_open: int | None = None,
) -> str:
    """Run `command` to its end and return its standard output.

    `environment` is added to this process's; `keep_open` is a file descriptor that the program
    inherits, so that a lock outlives a killed parent. Raises BackupError, ProgramFailed.
    """
    program = command[0]
    try:
        done = subprocess.run(
            [find(program), *command[1:]],
            env={**os.environ, **(environment or {})},
            cwd=cwd,
            input=stdin if stdin is not None else "",
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            pass_fds=() if keep_open is None else (keep_open,),
            user=None if owner is None else owner.uid,
            group=None if owner is None else owner.gid,
            extra_groups=None if owner is None else [],
        )
    except OSError as error:
        raise BackupError(f"{program} cannot be started: {error.strerror}.") from None
    if done.returncode != 0:
        raise ProgramFailed(program, done.returncode, f"{done.stdout}\n{done.stderr}")
    return done.stdout


def give_way() -> None:
    """Put this process, and so whatever it starts, behind everybody else."""
    os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    with contextlib.suppress(BackupError):  # without it, the disk is shared evenly
        run(["ionice", "-c", "3", "-p", str(os.getpid())])
