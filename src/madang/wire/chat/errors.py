"""Error of malformed input from a chat client."""

from __future__ import annotations

from madang.base.errors import ParseError


class ChatError(ParseError):
    """Violation of Engine.IO or Socket.IO by the client."""
