"""What can be wrong with bytes from a chat client."""

from __future__ import annotations

from madang.base.errors import ParseError


class ChatError(ParseError):
    """The client breaks Engine.IO or Socket.IO."""
