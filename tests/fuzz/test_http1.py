"""Mutated requests are requests or broken; nothing else happens, however they are cut."""

from __future__ import annotations

from madang.wire.http1 import MAX_HEAD, Body, InvalidRequest, RequestReader
from tests.support.fuzzing import fuzz
from tests.wire.test_http1 import CHUNKED, GET, POST

WEBSOCKET = (
    b"GET /socket.io/?EIO=4 HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def test_requests_are_understood_or_refused() -> None:
    def target(data: bytes) -> None:
        reader = RequestReader()
        bodies = 0
        for start in range(0, len(data), 64):
            for event in reader.receive(data[start : start + 64]):
                if isinstance(event, InvalidRequest):
                    return
                bodies += len(event.data) if isinstance(event, Body) else 0
        assert bodies <= len(data) <= MAX_HEAD

    fuzz(target, [GET + GET, POST + GET, CHUNKED + POST, WEBSOCKET], ())
