"""Limits of a chat connection."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChatLimits:
    """Limits of one connection: times in seconds, sizes in bytes.

    A field's name is the limit's name in errors and metrics.
    """

    frame: int = 16 * 1024
    """One client message, all fragments together. 500 characters of any script with their envelope
    stay below 4 KiB; sent to Socket.IO clients as `maxPayload`."""

    fragments: int = 16
    """Frames of one message. Browsers send one; bounds the cost of empty ones."""

    join: float = 10.0
    """From the opening to the CONNECT packet, which every client sends at once."""

    ping_interval: float = 25.0
    """Between pings: the default of Socket.IO, which proxies are tuned for."""

    ping_timeout: float = 20.0
    """From a ping to its answer: the default of Socket.IO. Covers a phone in a tunnel."""


DEFAULT_LIMITS = ChatLimits()
