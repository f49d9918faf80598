"""FLV over a WebSocket: what the client says while the stream comes the other way."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from functools import partialmethod

import pytest
from websockets.frames import Frame
from websockets.frames import Opcode as Kind
from websockets.protocol import CLIENT, Protocol
from websockets.protocol import OPEN as OPEN_STATE
from websockets.sync.client import connect

from madang.wire.flv import FlvReader
from madang.wire.websocket import Opcode, encode, encode_masked
from tests.support.data_plane import Air, on_the_air, until
from tests.support.shows import Encoder, channel_key

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def air() -> Iterator[Air]:
    """A station with a show on the air."""
    with on_the_air() as station:
        encoder = Encoder(station, channel_key())
        station.on_air("yard")
        yield station
        encoder.stop()


def opened(air: Air, *, receive_buffer: int = 0) -> socket.socket:
    """A connection after its handshake, whose answer is read byte by byte and no further."""
    connection = air.connect(receive_buffer=receive_buffer)
    connection.settimeout(20)
    connection.sendall(
        b"GET /live/yard.flv HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bWFkYW5nLW1lYXN1cmVzIQ==\r\n\r\n"
    )
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(1)
    assert b" 101 " in head
    return connection


def close_code(connection: socket.socket) -> int:
    """The code of the station's goodbye."""
    client = Protocol(CLIENT, state=OPEN_STATE, max_size=None)
    while client.close_rcvd is None:
        data = connection.recv(65_536)
        assert data, "hung up without a goodbye"
        client.receive_data(data)
    return int(client.close_rcvd.code)


def test_an_answer_to_a_ping_never_lands_inside_a_block(
    air: Air, monkeypatch: pytest.MonkeyPatch
) -> None:
    from madang.servers.http.exchange import Exchange

    # A kernel that holds little, so that blocks go out in pieces.
    monkeypatch.setattr(Exchange, "accept", partialmethod(Exchange.accept, 4096))
    connection = opened(air, receive_buffer=2048)
    channel = air.hub.channel("yard")
    assert channel is not None

    def waiting() -> int:
        return max((reader._writer.waiting for reader in channel.flv._clients), default=0)

    until(lambda: air.loop.call(waiting) > 50_000)
    for number in range(20):
        connection.sendall(encode_masked(Opcode.PING, b"%d" % number, os.urandom(4)))
    client = Protocol(CLIENT, state=OPEN_STATE, max_size=None)
    flv, pongs, tags = FlvReader(), [], 0

    def take() -> bool:
        nonlocal tags
        client.receive_data(connection.recv(65_536))
        for frame in client.events_received():
            assert isinstance(frame, Frame)
            if frame.opcode is Kind.PONG:
                pongs.append(bytes(frame.data))
            else:
                tags += len(flv.receive(bytes(frame.data)))
        return len(pongs) == 20

    until(take)
    assert pongs == [b"%d" % number for number in range(20)]
    assert tags > 50
    assert client.parser_exc is None
    connection.close()


@pytest.mark.parametrize(
    ("said", "code"),
    [
        pytest.param(encode_masked(Opcode.CLOSE, b"\x03\xe8", b"mask"), 1000, id="goodbye"),
        pytest.param(encode(Opcode.TEXT, b"not masked"), 1002, id="no mask"),
        pytest.param(b"\x82\xff" + (1 << 40).to_bytes(8) + b"mask", 1009, id="a terabyte"),
    ],
)
def test_what_a_player_says_is_answered_with_its_code(air: Air, said: bytes, code: int) -> None:
    connection = opened(air)
    connection.sendall(said)
    assert close_code(connection) == code
    until(lambda: air.status("yard")["viewers"] == 0)
    connection.close()


def test_text_and_empty_lines_of_a_player_change_nothing(air: Air) -> None:
    with connect(f"ws://127.0.0.1:{air.number}/live/yard.flv") as web:
        web.send("play")
        web.send([b"a", b"b", b"c"])
        flv = FlvReader()
        tags = 0
        while tags < 100:
            data = web.recv(10)
            assert isinstance(data, bytes)
            tags += len(flv.receive(data))


def test_the_end_of_the_show_is_a_goodbye(air: Air) -> None:
    from madang.apps.broadcasts.models import EndReason

    with connect(f"ws://127.0.0.1:{air.number}/live/yard.flv") as web:
        web.recv(10)
        channel = air.hub.channel("yard")
        assert channel is not None
        air.loop.call(lambda: channel.broadcast.end(EndReason.FINISHED))
        for message in web:
            assert message
    assert web.close_code == 1000
