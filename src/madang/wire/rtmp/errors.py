"""Errors of protocol violations."""

from __future__ import annotations

from madang.base.errors import ParseError


class RtmpError(ParseError):
    """Protocol violation by the peer; the connection cannot continue."""


class NoHandshake(RtmpError):
    """First bytes that neither an encoder nor a lost browser sends: no RTMP, TLS or text."""
