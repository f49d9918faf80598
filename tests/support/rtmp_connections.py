"""Raw connections to the RTMP server, and encoders that are not let in."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.support.rtmp_publisher import PublishRefused, RtmpPublisher

if TYPE_CHECKING:
    from tests.support.data_plane import Air


def refusal(air: Air, key: str) -> str:
    """Return the reason that an encoder with `key` is told."""

    async def ask() -> str:
        with pytest.raises(PublishRefused) as refused:
            async with RtmpPublisher("127.0.0.1", air.rtmp_port, name=key):
                pass
        return refused.value.description

    return air.loop.run(ask())


def connect(air: Air) -> socket.socket:
    """A connection that says nothing yet."""
    return socket.create_connection(("127.0.0.1", air.rtmp_port), timeout=10)


def closed(connection: socket.socket) -> bool:
    """Wait until the other end has closed."""
    try:
        while connection.recv(65_536):
            pass
    except ConnectionResetError:
        pass
    return True
