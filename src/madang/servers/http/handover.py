"""Takes a WebSocket out of Granian's hands: its socket, after the handshake.

A send through Granian crosses to its thread, makes a future and copies the message for each
reader, which bounds the fan-out at some tens of thousands of frames a second. On a socket of our
own, the same bytes go to every reader with one system call each, a full buffer is seen at once,
and a connection costs a fraction of the memory (docs/decisions/0011-chat-on-its-own-sockets.md).
"""

from __future__ import annotations

import logging
import socket
from typing import Final

from madang.servers.http.exchange import Exchange
from madang.servers.http.sockets import Sockets

_COMPLAINT: Final = "RSGI protocol failure"


class _Expected(logging.Filter):
    """Granian logs a failure when a WebSocket is dropped without an end; these are on purpose."""

    def __init__(self) -> None:
        super().__init__()
        self.due = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be written."""
        if self.due > 0 and record.getMessage() == _COMPLAINT:
            self.due -= 1
            return False
        return True


_expected = _Expected()
logging.getLogger("_granian.rsgi.http").addFilter(_expected)


async def take_over(
    exchange: Exchange, sockets: Sockets, send_buffer: int | None = None
) -> socket.socket:
    """Answer the WebSocket handshake and return the connection's socket, non-blocking.

    The kernel holds at most `send_buffer` bytes for its reader, or what it thinks best.

    The exchange is over for Granian: dropping the last reference to its transport closes its own
    file descriptor and no more. Raises ConnectionError where the client has left.
    """
    taken = await sockets.find(exchange)
    try:
        await exchange.proto.accept()
        taken.setblocking(False)
        taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if send_buffer is not None:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    except (OSError, RuntimeError) as error:
        taken.close()
        raise ConnectionError("the client has left") from error
    _expected.due += 1
    exchange.release()
    return taken
