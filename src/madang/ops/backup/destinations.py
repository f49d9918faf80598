"""Where backups are kept: a folder, an SFTP server or a bucket. Pure: addresses in, words out."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

SFTP_PORT: Final = 22
CONNECT_SECONDS: Final = 15
"""A server that has not answered by then is down."""
SILENCE_SECONDS: Final = 60
"""A connection that is silent for as long is dead: four unanswered questions, 15 seconds apart."""
HOME: Final = "/~/"
"""Begins a path that is relative to the home of the SFTP user, as curl writes it."""


class DestinationKind(StrEnum):
    """How a place is reached."""

    FOLDER = "folder"
    SFTP = "sftp"
    S3 = "s3"


class RepositoryPart(StrEnum):
    """What of a station a repository holds."""

    STATION = "station"
    MEDIA = "media"
    POSTGRESQL = "postgresql"


@dataclass(frozen=True, slots=True)
class Access:
    """What opens the places that are not folders. Secrets are not shown by `repr`."""

    key_file: Path | None = None
    known_hosts: Path | None = None
    s3_key: str = ""
    s3_secret: str = field(default="", repr=False)
    s3_region: str = ""


@dataclass(frozen=True, slots=True)
class Destination:
    """One place: `name` is `local` or `offsite`; `path` begins with a slash unless it is relative
    to the home of the SFTP user. For S3, `host` is the endpoint and `path` begins with the bucket.
    """

    name: str
    kind: DestinationKind
    path: str
    host: str = ""
    port: int | None = None
    user: str = ""
    tls: bool = True
    access: Access = Access()

    @property
    def shown(self) -> str:
        """The address for people; there is nothing secret in it."""
        match self.kind:
            case DestinationKind.FOLDER:
                return self.path
            case DestinationKind.SFTP:
                return f"{self.user}@{self.host}:{self.path}" if self.user else self._at_host
            case DestinationKind.S3:
                return f"{self.host}{self.path}"

    @property
    def _at_host(self) -> str:
        return f"{self.host}:{self.path}"

    def folder(self, part: RepositoryPart) -> Path:
        """Where the repository of `part` is; only of a place that is a folder."""
        return Path(self.path) / part

    def repository(self, part: RepositoryPart) -> str:
        """The repository of `part`, as restic names it."""
        match self.kind:
            case DestinationKind.FOLDER:
                return str(self.folder(part))
            case DestinationKind.SFTP:
                # The command that `options` gives decides the host; restic only takes the path.
                return f"sftp:{self._bracketed}:{self.path}/{part}"
            case DestinationKind.S3:
                scheme = "https" if self.tls else "http"
                port = f":{self.port}" if self.port else ""
                return f"s3:{scheme}://{self._bracketed}{port}{self.path}/{part}"

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    def options(self) -> list[str]:
        """Options of restic for this place."""
        if self.kind is not DestinationKind.SFTP:
            return []
        command = ["ssh", *self.ssh_options("-p"), self._login, "-s", "sftp"]
        return ["-o", f"sftp.command={shlex.join(command)}"]

    def environment(self) -> Mapping[str, str]:
        """What restic needs to know and other users of the machine may not read."""
        if self.kind is not DestinationKind.S3:
            return {}
        given = {
            "AWS_ACCESS_KEY_ID": self.access.s3_key,
            "AWS_SECRET_ACCESS_KEY": self.access.s3_secret,
            "AWS_DEFAULT_REGION": self.access.s3_region,
        }
        return {name: value for name, value in given.items() if value}

    def ssh_options(self, port_option: str) -> list[str]:
        """Options of ssh (`-p`) and sftp (`-P`), which disagree about one letter.

        Nobody is asked anything. The key of a host is taken down at the first visit and must stay
        the same: what is sent is encrypted already, so a stranger in its place learns nothing.
        """
        chosen = {
            "BatchMode": "yes",
            "ConnectTimeout": str(CONNECT_SECONDS),
            "ServerAliveInterval": str(SILENCE_SECONDS // 4),
            "ServerAliveCountMax": "4",
            "StrictHostKeyChecking": "accept-new",
            "ControlPath": "none",
            "LogLevel": "ERROR",
        }
        if self.access.known_hosts is not None:
            chosen["UserKnownHostsFile"] = str(self.access.known_hosts)
        if self.access.key_file is not None:
            chosen |= {"IdentityFile": str(self.access.key_file), "IdentitiesOnly": "yes"}
        options = [part for name, value in chosen.items() for part in ("-o", f"{name}={value}")]
        return [*options, port_option, str(self.port or SFTP_PORT)]

    def sftp_command(self) -> list[str]:
        """OpenSSH's own client, reading commands from its standard input."""
        return ["sftp", *self.ssh_options("-P"), "-b", "-", self._sftp_login]

    @property
    def _login(self) -> str:
        return f"{self.user}@{self.host}" if self.user else self.host

    @property
    def _sftp_login(self) -> str:
        return f"{self.user}@{self._bracketed}" if self.user else self._bracketed


def parse_destination(name: str, url: str, access: Access) -> Destination:
    """Read the address of a place.

    `file:///PATH`, `sftp://USER@HOST:PORT/PATH` or `s3://HOST/BUCKET/PATH` (`s3+http://` without
    TLS). Raises ValueError, whose words say what was expected.
    """
    expected = ValueError(
        "expected file:///PATH, sftp://USER@HOST/PATH or s3://HOST/BUCKET/PATH without a password"
    )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise expected from None
    path = unquote(parts.path).rstrip("/")
    if not path or parts.query or parts.fragment or parts.password is not None:
        raise expected
    if any(not character.isprintable() for character in url):
        raise expected
    match parts.scheme:
        case "file" if not parts.netloc:
            return Destination(name, DestinationKind.FOLDER, path)
        case "sftp" if parts.hostname and not parts.hostname.startswith("-"):
            if (parts.username or "").startswith("-"):
                raise expected
            path = path.removeprefix(HOME) if path.startswith(HOME) else path
            user = unquote(parts.username or "")
            return Destination(
                name, DestinationKind.SFTP, path, parts.hostname, port, user, access=access
            )
        case "s3" | "s3+http" if parts.hostname and not parts.username:
            tls = parts.scheme == "s3"
            return Destination(
                name, DestinationKind.S3, path, parts.hostname, port, tls=tls, access=access
            )
        case _:
            raise expected
