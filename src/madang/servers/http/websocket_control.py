"""Hears what a client says on a WebSocket that carries a stream the other way: very little."""

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

LARGEST: Final = 4096
FRAGMENTS: Final = 8
"""Bytes and frames of a message that is thrown away anyhow."""

RECEIVE: Final = 4096


class ControlReader:
    """Answers pings and goodbyes by `say`, which sends a frame between others (RFC 6455, section
    5.5). `gone` is called once, when the client has left or broke the protocol."""

    def __init__(
        self, taken: socket.socket, say: Callable[[bytes], None], gone: Callable[[], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self._taken = taken
        self._frames = FrameReader(LARGEST, FRAGMENTS)
        self._say = say
        self._gone = gone
        self._loop.add_reader(taken.fileno(), self._readable)

    def close(self) -> None:
        """Hear no more; call it before the socket is closed."""
        self._loop.remove_reader(self._taken.fileno())
        if not self.closed.done():
            self.closed.set_result(None)

    def _readable(self) -> None:
        try:
            data = self._taken.recv(RECEIVE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._leave()
            return
        try:
            self._frames.feed(data)
            while not self.closed.done() and (message := self._frames.next_message()):
                self._hear(message)
        except LimitExceeded as error:
            self._leave(encode_close(CloseCode.TOO_BIG, str(error)))
        except WebSocketError as error:
            self._leave(encode_close(CloseCode.PROTOCOL_ERROR, str(error)))

    def _hear(self, message: WebSocketMessage) -> None:
        if message.opcode is Opcode.PING:
            self._say(encode(Opcode.PONG, message.payload))
        elif message.opcode is Opcode.CLOSE:
            self._leave(encode_close(CloseCode.NORMAL, ""))

    def _leave(self, last: bytes = b"") -> None:
        if last:
            self._say(last)
        self.close()
        self._gone()
