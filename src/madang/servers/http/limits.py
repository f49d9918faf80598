"""Limits of the HTTP server, in seconds, bytes and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

RECEIVE: Final = 16 << 10
RECEIVE_BODY: Final = 256 << 10
"""Bytes received at once, of heads and of bodies."""

SMALL_BODY: Final = 8 << 10
"""Bytes below which a body is joined to its head: cheaper than two buffers for the kernel."""


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Limits of a listener and its connections."""

    max_connections: int = 20_000
    """Open connections; further ones wait in the socket's backlog. Those that chat and continuous
    streams have taken over do not count."""

    descriptor_share: float = 0.75
    """Part of the process's file descriptors for connections: idle clients must not keep encoders
    out and the database closed."""

    accept_batch: int = 200
    """Connections accepted in one callback of the event loop."""

    accept_retry: float = 1.0
    """Seconds between two attempts to accept while no descriptor is free."""

    keep_alive: int = 75
    """Seconds for which a connection may be idle: more than a proxy in front keeps one."""

    head_timeout: int = 15
    """Seconds from the first byte of a request head to its last."""

    body_timeout: int = 60
    """Seconds between two pieces of a request body that its handler waits for."""

    send_timeout: int = 60
    """Seconds in which a client that takes nothing of a response is disconnected. On TCP the kernel
    has the same limit (TCP_USER_TIMEOUT), also for what it has buffered itself."""

    linger_timeout: int = 5
    """Seconds for the client to read the last response before the connection is closed."""

    max_pipelined: int = 8
    """Parsed events of requests that may wait for the response to an earlier one."""

    max_unread: int = 256 << 10
    """Bytes of a request body buffered for its handler; then the socket is not read."""


DEFAULT_LIMITS: Final = HttpLimits()
