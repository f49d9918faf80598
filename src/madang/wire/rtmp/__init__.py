"""RTMP sessions of both sides, sans-IO (Adobe's RTMP 1.0 and Enhanced RTMP v2)."""

from madang.wire.rtmp.client import ClientSession
from madang.wire.rtmp.errors import NoHandshake, RtmpError
from madang.wire.rtmp.events import (
    Closed,
    Connected,
    Event,
    MediaReceived,
    MetadataReceived,
    PublishRequested,
    PublishStopped,
    SessionEnding,
)
from madang.wire.rtmp.handshake import RANDOM as HANDSHAKE_RANDOM
from madang.wire.rtmp.limits import DEFAULT_LIMITS, RtmpLimits
from madang.wire.rtmp.server import ServerSession

__all__ = [
    "DEFAULT_LIMITS",
    "HANDSHAKE_RANDOM",
    "ClientSession",
    "Closed",
    "Connected",
    "Event",
    "MediaReceived",
    "MetadataReceived",
    "NoHandshake",
    "PublishRequested",
    "PublishStopped",
    "RtmpError",
    "RtmpLimits",
    "ServerSession",
    "SessionEnding",
]
