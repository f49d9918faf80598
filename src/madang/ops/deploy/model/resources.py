"""Resources of a machine as values: the desired state, not how to reach it.

Pure, but for `ManagedFile.digest`, which reads `source`.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

STATE: Final = "/var/lib/madang-deploy"
"""Folder of the deployment's stamps, lock and history; root's alone."""


@dataclass(frozen=True, slots=True)
class Packages:
    """Installed packages; `optional` ones only where the distribution has them."""

    names: tuple[str, ...]
    optional: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"packages {' '.join((*self.names, *self.optional))}"


@dataclass(frozen=True, slots=True)
class UserAccount:
    """A user of the machine; `home` is not created."""

    name: str
    home: str
    shell: str = "/usr/sbin/nologin"
    groups: tuple[str, ...] = ()
    system: bool = True

    @property
    def key(self) -> str:
        return f"account {self.name}"


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder with its permissions, whatever its content."""

    path: str
    mode: int = 0o755
    owner: str = "root"
    group: str = "root"

    @property
    def key(self) -> str:
        return f"folder {self.path}"


@dataclass(frozen=True, slots=True)
class ManagedFile:
    """A file with exactly `content`, or that of the local file `source`.

    A `secret` file is never shown, old or new; the lines of a `tool`, a program of ours, are not
    shown either.
    """

    path: str
    content: str = ""
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"
    secret: bool = False
    tool: bool = False
    source: Path | None = None

    @property
    def key(self) -> str:
        return f"file {self.path}"

    @property
    def digest(self) -> str:
        """SHA-256 of the desired content, hexadecimal."""
        if self.source is None:
            return hashlib.sha256(self.content.encode()).hexdigest()
        status = self.source.stat()
        return _file_digest(self.source, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=8)
def _file_digest(path: Path, modified: int, size: int) -> str:
    """Return the SHA-256 of a file, read once: packages are large, and compared several times."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Symlink:
    """A symbolic link, replaced atomically."""

    path: str
    target: str

    @property
    def key(self) -> str:
        return f"link {self.path}"


@dataclass(frozen=True, slots=True)
class AbsentFile:
    """A file that must not exist, such as a distribution's example site."""

    path: str

    @property
    def key(self) -> str:
        return f"no file {self.path}"


@dataclass(frozen=True, slots=True)
class SystemdUnit:
    """A running systemd unit that has loaded exactly `files`.

    The loaded files are known by a stamp, written after a start or reload and removed before a file
    changes, so that an interrupted run restarts the unit. `check` must succeed before the unit is
    touched. `reload`: the service can reload without dropping connections. `enable` is False for a
    unit started by its socket.
    """

    name: str
    files: tuple[ManagedFile, ...] = ()
    reload: bool = False
    check: str = ""
    enable: bool = True

    @property
    def key(self) -> str:
        return f"unit {self.name}"

    @property
    def stamp(self) -> str:
        """Digest of all loaded files, hexadecimal."""
        parts = [f"{file.path} {file.digest}\n" for file in self.files]
        return hashlib.sha256("".join(parts).encode()).hexdigest()

    @property
    def stamp_path(self) -> str:
        return f"{STATE}/loaded/{self.name}"


@dataclass(frozen=True, slots=True)
class CustomCommand:
    """A resource that only a command can check (exit code 0: satisfied) and change (`run`).

    `check` changes nothing and also runs in `deploy plan`. `stdin` may be secret. `after` are keys
    of resources whose change makes `check` fail.
    """

    name: str
    check: str
    run: str
    stdin: str = ""
    after: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return self.name


Resource = (
    Packages
    | UserAccount
    | Folder
    | ManagedFile
    | Symlink
    | AbsentFile
    | SystemdUnit
    | CustomCommand
)


@dataclass(frozen=True, slots=True)
class SetupStep:
    """One step of the setup, with its resources on one machine."""

    name: str
    resources: tuple[Resource, ...]
