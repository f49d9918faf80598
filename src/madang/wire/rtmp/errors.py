"""The error of a peer that breaks the protocol."""

from __future__ import annotations

from madang.base.errors import ParseError


class RtmpError(ParseError):
    """The peer broke the protocol; the connection cannot go on."""
