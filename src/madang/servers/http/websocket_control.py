"""Control frames of a WebSocket whose client receives a stream and sends nothing of interest."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from madang.base.errors import LimitExceeded
from madang.wire.websocket import (
    CloseCode,
    FrameReader,
    Opcode,
    WebSocketError,
    WebSocketMessage,
    encode,
    encode_close,
)

MAX_MESSAGE: Final = 4096
MAX_FRAGMENTS: Final = 8
"""Bytes and frames of a message, which is discarded."""

RECEIVE: Final = 4096


class ControlReader:
    """Answers Ping and Close with `send`, which sends a frame between others (RFC 6455, section
    5.5). `disconnected` is called once, when the client has left or broken the protocol; `closed`
    is done from then on, or after `close`."""

    def __init__(
        self,
        connection: socket.socket,
        send: Callable[[bytes], None],
        disconnected: Callable[[], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self._connection = connection
        self._frames = FrameReader(MAX_MESSAGE, MAX_FRAGMENTS)
        self._send = send
        self._disconnected = disconnected
        self._loop.add_reader(connection.fileno(), self._readable)

    def close(self) -> None:
        """Stop reading; call it before the socket is closed."""
        self._loop.remove_reader(self._connection.fileno())
        if not self.closed.done():
            self.closed.set_result(None)

    def _readable(self) -> None:
        try:
            data = self._connection.recv(RECEIVE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._disconnect()
            return
        try:
            self._frames.feed(data)
            while not self.closed.done() and (message := self._frames.next_message()):
                self._handle(message)
        except LimitExceeded as error:
            self._disconnect(encode_close(CloseCode.TOO_BIG, str(error)))
        except WebSocketError as error:
            self._disconnect(encode_close(CloseCode.PROTOCOL_ERROR, str(error)))

    def _handle(self, message: WebSocketMessage) -> None:
        if message.opcode is Opcode.PING:
            self._send(encode(Opcode.PONG, message.payload))
        elif message.opcode is Opcode.CLOSE:
            self._disconnect(encode_close(CloseCode.NORMAL, ""))

    def _disconnect(self, last: bytes = b"") -> None:
        if last:
            self._send(last)
        self.close()
        self._disconnected()
