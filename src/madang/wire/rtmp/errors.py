"""Error of a protocol violation."""

from __future__ import annotations

from madang.base.errors import ParseError


class RtmpError(ParseError):
    """Protocol violation by the peer; the connection cannot continue."""
