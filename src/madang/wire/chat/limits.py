"""What a chat client may use of this machine, by name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChatLimits:
    """Limits of one connection: times in seconds, sizes in bytes.

    A field's name is the limit's name in errors and metrics.
    """

    frame: int = 16 * 1024
    """One message of a client, all its fragments together. 500 characters of any script with their
    envelope stay below 4 KiB; Socket.IO clients are told this as `maxPayload`."""

    fragments: int = 16
    """Frames of one message: browsers send one, and empty ones would cost time without end."""

    join: float = 10.0
    """From the opening to the CONNECT packet, which every client sends at once."""

    ping_interval: float = 25.0
    """Between our pings; the default of Socket.IO, which proxies are tuned for."""

    ping_timeout: float = 20.0
    """From a ping to the answer; the default of Socket.IO. A phone in a tunnel is back by then."""


DEFAULT_LIMITS = ChatLimits()
