"""Connections of people in a chat, whose other end is in the test."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import Iterator

from madang.chat.state import Speaker
from madang.servers.chat.connection import ChatConnection
from madang.wire.chat import ChatSession


@contextlib.contextmanager
def window(speaker: Speaker) -> Iterator[tuple[ChatConnection, socket.socket]]:
    """A connection of somebody, and the socket at its other end."""
    # Keeps apart what is sent apart.
    near, far = socket.socketpair(type=socket.SOCK_SEQPACKET)
    for end in (near, far):
        end.setblocking(False)
    loop = asyncio.get_running_loop()
    made = ChatConnection(
        loop,
        near,
        ChatSession(sid="s", now=loop.time()),
        address="192.0.2.1",
        peer="192.0.2.1",
        language="en",
        events=lambda *_: None,
        lost=lambda *_: None,
    )
    made.speaker = speaker
    with near, far:
        yield made, far
        loop.remove_reader(near)


def sends(end: socket.socket) -> list[list[str]]:
    """The texts of the messages in each send that came since the last time and had any."""
    found: list[list[str]] = []
    with contextlib.suppress(BlockingIOError):
        while True:
            found.append(re.findall(r'"text":"([^"]*)"', end.recv(1 << 16).decode("latin-1")))
    return [texts for texts in found if texts]
