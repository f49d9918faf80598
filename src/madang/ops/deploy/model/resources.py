"""What a machine shall have: values that say the end, never the way."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

STATE: Final = "/var/lib/madang-deploy"
"""What deployment remembers on a machine: stamps, lock, history. Root's alone."""


@dataclass(frozen=True, slots=True)
class Packages:
    """Packages of the distribution that must be installed. `optional` ones only where it has
    them."""

    names: tuple[str, ...]
    optional: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"packages {' '.join((*self.names, *self.optional))}"


@dataclass(frozen=True, slots=True)
class UserAccount:
    """A user of the machine; `home` is not made."""

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
    """A folder with its permissions; what is in it is not looked at."""

    path: str
    mode: int = 0o755
    owner: str = "root"
    group: str = "root"

    @property
    def key(self) -> str:
        return f"folder {self.path}"


@dataclass(frozen=True, slots=True)
class ManagedFile:
    """A file with exactly this `content`, or that of the operator's own file `source`.

    A `secret` one is never shown, neither old nor new; a `tool` is a program of ours, whose lines
    would tell an operator nothing.
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
        """SHA-256 of what the file shall hold, in hexadecimal."""
        if self.source is None:
            return hashlib.sha256(self.content.encode()).hexdigest()
        with self.source.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Symlink:
    """A symbolic link, replaced in one step."""

    path: str
    target: str

    @property
    def key(self) -> str:
        return f"link {self.path}"


@dataclass(frozen=True, slots=True)
class AbsentFile:
    """A file that must not be there, such as a distribution's example site."""

    path: str

    @property
    def key(self) -> str:
        return f"no file {self.path}"


@dataclass(frozen=True, slots=True)
class SystemdUnit:
    """A systemd unit that is enabled, runs, and has loaded these very `files`.

    What it has loaded is known by a stamp, written after it was started or reloaded and taken
    away before one of the files is changed: a run that was cut off in between starts it anew.
    `check` must succeed before the unit is touched: a service that runs is not stopped for a
    configuration that it would refuse. `reload` where the service can take a configuration
    without letting go of anybody. `enable` is False for one that its socket starts.
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
        """Hexadecimal digest of all that the unit loads."""
        parts = [f"{file.path} {file.digest}\n" for file in self.files]
        return hashlib.sha256("".join(parts).encode()).hexdigest()

    @property
    def stamp_path(self) -> str:
        return f"{STATE}/loaded/{self.name}"


@dataclass(frozen=True, slots=True)
class CustomCommand:
    """Something only a command can see (`check` exits 0: all is as it shall be) and do (`run`).

    `check` changes nothing and is run by `deploy plan` too. `stdin` may hold secrets.
    """

    name: str
    check: str
    run: str
    stdin: str = ""

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
    """One of the steps of the setting-up, with what it is for on one machine."""

    name: str
    resources: tuple[Resource, ...]
