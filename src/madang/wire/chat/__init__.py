"""Server side of Socket.IO 5 on Engine.IO 4 over WebSocket, sans-IO."""

from madang.wire.chat.errors import ChatError
from madang.wire.chat.limits import DEFAULT_LIMITS, ChatLimits
from madang.wire.chat.packets import event_frame, json_of, list_frame
from madang.wire.chat.session import (
    ChatEvent,
    ChatSession,
    CloseReason,
    Emitted,
    JoinRequested,
    SessionEnded,
)

__all__ = [
    "DEFAULT_LIMITS",
    "ChatError",
    "ChatEvent",
    "ChatLimits",
    "ChatSession",
    "CloseReason",
    "Emitted",
    "JoinRequested",
    "SessionEnded",
    "event_frame",
    "json_of",
    "list_frame",
]
