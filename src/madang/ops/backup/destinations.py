"""Backup destinations: a folder, an SFTP server or an S3 bucket. Pure."""

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
"""Limit for a connection attempt."""
SILENCE_SECONDS: Final = 60
"""Limit for a silent connection: four keep-alive messages, 15 seconds apart."""
HOME: Final = "/~/"
"""Start of a path relative to the home of the SFTP user, as in curl."""


class DestinationKind(StrEnum):
    """Protocol of a destination."""

    FOLDER = "folder"
    SFTP = "sftp"
    S3 = "s3"


class RepositoryPart(StrEnum):
    """Content of one repository."""

    STATION = "station"
    MEDIA = "media"
    POSTGRESQL = "postgresql"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Credentials for SFTP and S3. `repr` shows no secrets."""

    key_file: Path | None = None
    known_hosts: Path | None = None
    s3_key: str = ""
    s3_secret: str = field(default="", repr=False)
    s3_region: str = ""


@dataclass(frozen=True, slots=True)
class Destination:
    """One destination. `name` is `local` or `offsite`; `path` starts with a slash unless it is
    relative to the home of the SFTP user. For S3, `host` is the endpoint and `path` starts with the
    bucket."""

    name: str
    kind: DestinationKind
    path: str
    host: str = ""
    port: int | None = None
    user: str = ""
    tls: bool = True
    credentials: Credentials = Credentials()

    @property
    def address(self) -> str:
        """Address for messages, without secrets."""
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
        """Path of the repository of `part`; for folders only."""
        return Path(self.path) / part

    def repository(self, part: RepositoryPart) -> str:
        """Repository of `part` in restic's syntax."""
        match self.kind:
            case DestinationKind.FOLDER:
                return str(self.folder(part))
            case DestinationKind.SFTP:
                # The host comes from the command in `restic_options`; restic takes only the path.
                return f"sftp:{self._bracketed}:{self.path}/{part}"
            case DestinationKind.S3:
                scheme = "https" if self.tls else "http"
                port = f":{self.port}" if self.port else ""
                return f"s3:{scheme}://{self._bracketed}{port}{self.path}/{part}"

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    def restic_options(self) -> list[str]:
        """Options of restic for this destination."""
        if self.kind is not DestinationKind.SFTP:
            return []
        command = ["ssh", *self.ssh_options("-p"), self._login, "-s", "sftp"]
        return ["-o", f"sftp.command={shlex.join(command)}"]

    def restic_environment(self) -> Mapping[str, str]:
        """Environment of restic with the secrets, which other users must not see."""
        if self.kind is not DestinationKind.S3:
            return {}
        given = {
            "AWS_ACCESS_KEY_ID": self.credentials.s3_key,
            "AWS_SECRET_ACCESS_KEY": self.credentials.s3_secret,
            "AWS_DEFAULT_REGION": self.credentials.s3_region,
        }
        return {name: value for name, value in given.items() if value}

    def ssh_options(self, port_option: str) -> list[str]:
        """Options of ssh (`port_option` `-p`) or sftp (`-P`), never interactive.

        The host key is accepted at the first connection and must stay the same. The data is
        encrypted already, so an impostor learns nothing.
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
        if self.credentials.known_hosts is not None:
            chosen["UserKnownHostsFile"] = str(self.credentials.known_hosts)
        if self.credentials.key_file is not None:
            chosen |= {"IdentityFile": str(self.credentials.key_file), "IdentitiesOnly": "yes"}
        options = [part for name, value in chosen.items() for part in ("-o", f"{name}={value}")]
        return [*options, port_option, str(self.port or SFTP_PORT)]

    def sftp_command(self) -> list[str]:
        """Command of OpenSSH's sftp that reads a batch from standard input."""
        return ["sftp", *self.ssh_options("-P"), "-b", "-", self._sftp_login]

    @property
    def _login(self) -> str:
        return f"{self.user}@{self.host}" if self.user else self.host

    @property
    def _sftp_login(self) -> str:
        return f"{self.user}@{self._bracketed}" if self.user else self._bracketed


def parse_destination(name: str, url: str, credentials: Credentials) -> Destination:
    """Parse the URL of a destination.

    `file:///PATH`, `sftp://USER@HOST:PORT/PATH` or `s3://HOST/BUCKET/PATH` (`s3+http://` without
    TLS). Raises ValueError that says what was expected.
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
    user = unquote(parts.username or "")
    if user.startswith("-") or not f"{url}{user}{path}".isprintable():
        raise expected
    host = parts.hostname or ""
    match parts.scheme:
        case "file" if not parts.netloc:
            return Destination(name, DestinationKind.FOLDER, path)
        case "sftp" if host and not host.startswith("-"):
            kind, path = DestinationKind.SFTP, path.removeprefix(HOME)
        case "s3" | "s3+http" if host and not user:
            kind = DestinationKind.S3
        case _:
            raise expected
    tls = parts.scheme != "s3+http"
    return Destination(name, kind, path, host, port, user, tls, credentials)
