"""Deliveries over HTTP: signed requests that lead into no private network."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings

from madang.apps.webhooks.models import WebhookDelivery

SIGNATURE: Final = "X-Madang-Signature"

ERROR_LENGTH: Final = 200

MOST_ADDRESSES: Final = 4
"""Addresses of one name that are tried."""

AddressInfo = tuple[int, int, int, str, Any]
"""Family, type, protocol, canonical name and address, as of `socket.getaddrinfo`."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: `each` for connecting and for each read, `total` for the whole attempt."""

    each: float = 5.0
    total: float = 10.0


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """Outcome of an attempt: an HTTP status, or 0 and an error."""

    status: int
    error: str = ""

    @property
    def taken(self) -> bool:
        """True where the receiver accepted the delivery."""
        return 200 <= self.status < 300


def body_of(delivery: WebhookDelivery) -> bytes:
    """Return the body of the request: the same bytes at every attempt."""
    event = {
        "id": f"d{delivery.pk}",
        "event": delivery.event,
        "channel": delivery.webhook.channel.slug,
        "at": delivery.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": delivery.content,
    }
    return json.dumps(event, ensure_ascii=False).encode()


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """Return the value of the signature header: HMAC-SHA-256 over timestamp, a point, and body.

    The timestamp, in seconds since 1970, lets the receiver refuse replays.
    """
    digest = hmac.new(secret.encode(), b"%d." % timestamp + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def send(
    delivery: WebhookDelivery, now: datetime, timeouts: Timeouts | None = None
) -> DeliveryResult:
    """Make one attempt. Redirects are not followed."""
    timeouts = timeouts or Timeouts()
    body = body_of(delivery)
    hook = delivery.webhook
    parts = urlsplit(hook.url)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Madang",
        "X-Madang-Event": delivery.event,
        "X-Madang-Delivery": f"d{delivery.pk}",
        SIGNATURE: signature(hook.secret, int(now.timestamp()), body),
    }
    path = parts.path or "/"
    try:
        connection = connect(parts.scheme, parts.hostname or "", parts.port, timeouts.each)
        with _limited(timeouts.total, connection):
            connection.request(
                "POST", f"{path}?{parts.query}" if parts.query else path, body, headers
            )
            return DeliveryResult(connection.getresponse().status)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return DeliveryResult(0, _reason(error)[:ERROR_LENGTH])


@contextlib.contextmanager
def _limited(seconds: float, connection: http.client.HTTPConnection) -> Iterator[None]:
    """Close the connection at the end of the block, and shut it down after `seconds`.

    A socket's timeout is for each read: a receiver may send one byte a second for ever.
    """
    timer = threading.Timer(seconds, connection.sock.shutdown, [socket.SHUT_RDWR])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        connection.close()


def _reason(error: Exception) -> str:
    """Return what went wrong, without the names of exception classes where possible."""
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or str(error) or type(error).__name__


def connect(
    scheme: str,
    host: str,
    port: int | None,
    timeout: float,
    resolve: Callable[..., Sequence[AddressInfo]] = socket.getaddrinfo,
) -> http.client.HTTPConnection:
    """Connect to the first of the host's addresses that answers. Raises OSError.

    Every owner of a channel may enter an address: it must not lead into the machine or its
    private network, unless the station itself is only there. The name is looked up once, so what is
    checked is what is connected to.
    """
    number = port or (443 if scheme == "https" else 80)
    allowed = [
        entry
        for entry in resolve(host, number, type=socket.SOCK_STREAM)
        if settings.MADANG_WEBHOOKS_REACH.allows(str(entry[4][0]))
    ]
    if not allowed:
        raise OSError("the address leads into a private network")
    sock = _first_connected(allowed, timeout)
    connection = http.client.HTTPConnection(host, number, timeout=timeout)
    if scheme == "https":
        sock = ssl.create_default_context().wrap_socket(sock, server_hostname=host)
    connection.sock = sock
    return connection


def _first_connected(found: Sequence[AddressInfo], timeout: float) -> socket.socket:
    """Connect within `timeout` seconds in all. Raises OSError, that of the last address."""
    tried = found[:MOST_ADDRESSES]
    for at, (family, kind, protocol, _name, address) in enumerate(tried, 1):
        sock = socket.socket(family, kind, protocol)
        sock.settimeout(timeout / len(tried))
        try:
            sock.connect(address)
        except OSError:
            sock.close()
            if at == len(tried):
                raise
        else:
            sock.settimeout(timeout)
            return sock
    raise OSError("the name has no address")
