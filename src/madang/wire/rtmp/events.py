"""What sessions tell their shells."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from madang.wire.amf0 import Value
from madang.wire.flv import TagType


class SessionEnding(enum.Enum):
    """Why a session ended by itself; the value is the reason's name in metrics."""

    HANDSHAKE_TIMEOUT = "handshake_timeout"
    SETUP_TIMEOUT = "setup_timeout"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Connected:
    """A client named its application. `encoder` is what it calls itself; `fourccs` and `caps_ex`
    are its Enhanced RTMP capabilities, empty and 0 for others. `app` and `tc_url` may hold the
    stream key: not for logs."""

    app: str
    tc_url: str
    encoder: str
    fourccs: tuple[str, ...]
    caps_ex: int


@dataclass(frozen=True, slots=True)
class PublishRequested:
    """A client wants to publish and waits for `accept_publish` or `refuse_publish`.

    `keys` are the texts that may be its stream key, the likeliest first; secrets, as is the name.
    """

    stream_name: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MediaReceived:
    """Sound or pictures of an accepted publisher; `timestamp` in milliseconds modulo 2**32."""

    type: TagType
    timestamp: int
    body: bytes


@dataclass(frozen=True, slots=True)
class MetadataReceived:
    """The properties of an accepted publisher's onMetaData; as often wrong as right."""

    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class PublishStopped:
    """The publisher said that it has finished; it may publish again on the connection."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The session gave the peer up; close the connection."""

    reason: SessionEnding
    description: str


Event = Connected | PublishRequested | MediaReceived | MetadataReceived | PublishStopped | Closed
