"""Events of the sessions."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from madang.wire.amf0 import Value
from madang.wire.flv import TagType


class SessionEnding(enum.Enum):
    """Reason of an ending by the session itself; the value is the reason's name in metrics."""

    HANDSHAKE_TIMEOUT = "handshake_timeout"
    SETUP_TIMEOUT = "setup_timeout"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Connected:
    """Client named its application. `encoder` is its name for itself; `fourccs` and `caps_ex` are
    its Enhanced RTMP capabilities, empty and 0 for others. `app` and `tc_url` may contain the
    stream key: not for logs."""

    app: str
    tc_url: str
    encoder: str
    fourccs: tuple[str, ...]
    caps_ex: int


@dataclass(frozen=True, slots=True)
class PublishRequested:
    """Client requests to publish and waits for `accept_publish` or `refuse_publish`.

    `texts` are the names and addresses in which its stream key may be, and secrets.
    """

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MediaReceived:
    """Audio or video of an accepted publisher; `timestamp` in milliseconds modulo 2**32."""

    type: TagType
    timestamp: int
    body: bytes


@dataclass(frozen=True, slots=True)
class MetadataReceived:
    """Properties of an accepted publisher's onMetaData; often wrong."""

    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class PublishStopped:
    """Publisher finished; it may publish again on the connection."""


@dataclass(frozen=True, slots=True)
class Closed:
    """Session ended by itself: close the connection."""

    reason: SessionEnding
    description: str


Event = Connected | PublishRequested | MediaReceived | MetadataReceived | PublishStopped | Closed
