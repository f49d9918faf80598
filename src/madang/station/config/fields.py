"""The kinds of value that a setting can have, beyond numbers and words.

Each says in its error what it expected: that sentence is what a person sees when the start stops.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, PlainSerializer

from madang.ops.backup.destinations import Credentials, parse_destination

MASK: Final = "********"

_PASSWORD_BEFORE_HOST: Final = re.compile(r"^([\w+.-]+://[^/?#:]*:)[^/?#]*(?=@)")
_PASSWORD_IN_QUERY: Final = re.compile(r"([?&]\w*password=)[^&#]*", re.IGNORECASE)
"""`password` and `sslpassword` of libpq's connection URIs."""


@dataclass(frozen=True, slots=True)
class Address:
    """Address of a listener: a host name or IP address, and a port (0: any that is free)."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `HOST:PORT`; an IPv6 address stands in brackets (RFC 3986 section 3.2.2).

        Raises ValueError.
        """
        host, colon, port = text.strip().rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        bare = host[1:-1] if bracketed else host
        plausible = bool(bare) and not any(c.isspace() or c in "/@" for c in bare)
        if (
            not colon
            or not plausible
            or (":" in bare) != bracketed
            or not (port.isascii() and port.isdecimal() and int(port) <= 65535)
        ):
            raise ValueError("expected HOST:PORT, such as 127.0.0.1:8000 or [::1]:8000")
        return cls(bare, int(port))

    @property
    def everywhere(self) -> bool:
        """True for a listener on every interface of the machine."""
        return self.host in {"0.0.0.0", "::"}

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _address(value: object) -> object:
    return Address.parse(value) if isinstance(value, str) else value


def _networks(value: object) -> object:
    parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        raise ValueError("expected addresses or networks, such as 127.0.0.1 or 10.0.0.0/8")
    try:
        return tuple(
            part if isinstance(part, IPv4Network | IPv6Network) else ip_network(str(part))
            for part in parts
            if part != ""
        )
    except ValueError as error:
        raise ValueError(
            f"expected addresses or networks, such as 127.0.0.1 or 10.0.0.0/8 ({error})"
        ) from None


def _numbers(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.strip("[]").split(",") if part.strip())


def _web_origin(value: object) -> object:
    if value is None:
        return None
    parts = urlsplit(str(value))
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or parts.path not in {"", "/"}
        or parts.query
        or parts.fragment
    ):
        raise ValueError("expected http:// or https:// and a host, such as https://tv.example.org")
    return f"{parts.scheme}://{parts.netloc}"


def _rtmp_url(value: object) -> object:
    if value is None:
        return None
    parts = urlsplit(str(value))
    if parts.scheme not in {"rtmp", "rtmps"} or not parts.hostname:
        raise ValueError("expected rtmp:// or rtmps:// and a host, such as rtmp://tv.example.org")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _existing_file(value: object) -> object:
    if value is None:
        return None
    path = Path(str(value)).expanduser()
    if not path.is_file():
        raise ValueError("expected the path of a file that exists")
    return path


def _backup_place(value: object) -> object:
    if value is None or value == "off":
        return None
    parse_destination("", str(value), Credentials())
    return str(value)


def _clock_time(value: object) -> object:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", str(value)):
        raise ValueError("expected a time of day as HH:MM, such as 03:30")
    return str(value)


def masked_url(url: str) -> str:
    """`url` with its password, before the host or in the query, replaced by a mask."""
    for place in (_PASSWORD_BEFORE_HOST, _PASSWORD_IN_QUERY):
        url = place.sub(rf"\g<1>{MASK}", url)
    return url


Network = IPv4Network | IPv6Network

Bind = Annotated[Address, BeforeValidator(_address), PlainSerializer(str)]
"""`HOST:PORT` that a server listens on."""

Networks = Annotated[tuple[Network, ...], BeforeValidator(_networks)]
"""Addresses and networks: a list, or one text with commas."""

Heights = Annotated[tuple[int, ...], BeforeValidator(_numbers)]
"""Picture heights in pixels: a list, or one text with commas."""

WebOrigin = Annotated[str | None, BeforeValidator(_web_origin)]
"""Scheme and authority of a web address, without a path."""

RtmpUrl = Annotated[str | None, BeforeValidator(_rtmp_url)]
"""Scheme, authority and perhaps an application of an RTMP address."""

BackupPlace = Annotated[str | None, BeforeValidator(_backup_place)]
"""Place of the backups: a folder, an SFTP server or a bucket; `off` is none."""

ClockTime = Annotated[str, BeforeValidator(_clock_time)]
"""A time of day, hours and minutes."""

ExistingFile = Annotated[Path | None, BeforeValidator(_existing_file)]
"""A file that is there when the settings are read."""
