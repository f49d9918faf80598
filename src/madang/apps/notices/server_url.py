"""The address of a mail server, as a URL."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import unquote, urlsplit

SUBMISSIONS: Final = 465
"""Port of submission over TLS (RFC 8314, section 7.3)."""

SUBMISSION: Final = 587
"""Port of submission with STARTTLS (RFC 6409, section 3.1)."""

EXPECTED: Final = (
    "expected smtps://NAME:PASSWORD@HOST, or smtp://NAME:PASSWORD@HOST for a server with STARTTLS "
    "(characters such as @ and / in the name or password percent-encoded)"
)


@dataclass(frozen=True, slots=True)
class MailServer:
    """A server that takes mail; `tls` from the first byte, or else `starttls`.

    Neither is asked of a server on this machine.
    """

    host: str
    port: int
    user: str
    password: str
    tls: bool
    starttls: bool

    @classmethod
    def parse(cls, url: str) -> MailServer:
        """Read smtp:// or smtps://. Raises ValueError."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError(EXPECTED) from None
        tls = parts.scheme == "smtps"
        plain = not (parts.path.strip("/") or parts.query or parts.fragment)
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or not plain:
            raise ValueError(EXPECTED)
        if (parts.username is None) != (parts.password is None):
            raise ValueError(EXPECTED)
        return cls(
            parts.hostname,
            port or (SUBMISSIONS if tls else SUBMISSION),
            unquote(parts.username or ""),
            unquote(parts.password or ""),
            tls,
            not tls and not _is_loopback(parts.hostname),
        )


def mail_url(url: str | None) -> str | None:
    """Check the URL of a mail server. Raises ValueError."""
    if url is not None:
        MailServer.parse(url)
    return url


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
