"""RTMP connections, during and after the handshake, give events or raise their errors."""

from __future__ import annotations

from madang.base.errors import LimitExceeded
from madang.wire import flv
from madang.wire.amf0 import Amf0Error
from madang.wire.flv import FlvError
from madang.wire.rtmp import HANDSHAKE_RANDOM, ClientSession, RtmpError, RtmpLimits, ServerSession
from madang.wire.rtmp.chunks import ChunkWriter, RtmpMessage
from madang.wire.rtmp.handshake import PACKET, opening
from madang.wire.rtmp.messages import Command
from tests.support.fuzzing import SUITE_COUNT, fuzz
from tests.wire.rtmp import cases

_ALLOWED = (RtmpError, Amf0Error, FlvError, LimitExceeded)
_HANDSHAKE = opening(bytes(HANDSHAKE_RANDOM)) + bytes(PACKET)
_LIMITS = RtmpLimits(setup_message=4_096, message=8_192, pending=4_096)


def _command(name: str, transaction: float, *values: object, stream_id: int = 0) -> bytes:
    command = Command(name, transaction, values)  # type: ignore[arg-type]
    return ChunkWriter().encode(3, RtmpMessage(20, 0, stream_id, command.serialise()))


_SETUP = (
    _command("connect", 1.0, {"app": "live", "tcUrl": "rtmp://h/live?key=k", "fourCcList": ["*"]})
    + _command("releaseStream", 2.0, None, "key")
    + _command("FCPublish", 3.0, None, "key")
    + _command("createStream", 4.0, None)
    + _command("publish", 5.0, None, "key?key=abc", "live", stream_id=1)
)
_QUICK_SETUP = _command("connect", 1.0, {}) + _command("publish", 5.0, stream_id=1)
_MEDIA = [
    *(data for data, _ in cases.READ.values()),
    *(data for _, data, _ in cases.WRITTEN.values()),
    *cases.BROKEN.values(),
    *(
        ChunkWriter().encode(2, RtmpMessage(type_id, 0, 0, body))
        for type_id, body, _ in (*cases.CONTROLS.values(), *cases.CONTROLS_ONE_WAY.values())
    ),
    *(
        ChunkWriter().encode(4, RtmpMessage(22, 5, 1, body))
        for body, _ in cases.AGGREGATES.values()
    ),
    ChunkWriter().encode(4, RtmpMessage(18, 0, 1, flv.encode_metadata({"width": 16.0}))),
    _command("FCUnpublish", 6.0, None, "key") + _command("deleteStream", 7.0, None, 1.0),
    _command("play", 6.0, None, "key") + _command("nonsense", 7.0, None),
]


def _converse(session: ServerSession, data: bytes) -> None:
    """Feed in pieces, accept every publisher, and check that memory stays bounded."""
    for start in range(0, len(data), 64):
        events = session.receive(data[start : start + 64], start / 1e3)
        if session.awaiting_decision:
            session.accept_publish()
            events += session.tick(start / 1e3)
        assert len(session.take_output()) <= 64 * 1024
        if session.closing:
            return


def _session() -> ServerSession:
    return ServerSession(handshake_random=bytes(HANDSHAKE_RANDOM), now=0.0, limits=_LIMITS)


def _set_up(data: bytes) -> None:
    session = _session()
    session.receive(_HANDSHAKE, 0.0)
    _converse(session, data)


def _publish(data: bytes) -> None:
    session = _session()
    session.receive(_HANDSHAKE + _QUICK_SETUP, 0.0)
    session.accept_publish()
    _converse(session, data)


def _client(data: bytes) -> None:
    client = ClientSession(
        handshake_random=bytes(HANDSHAKE_RANDOM), now=0.0, app="live", tc_url="", name="key"
    )
    client.receive(_HANDSHAKE, 0.0)
    client.receive(data, 0.0)
    client.take_output()


def test_a_connection_that_sets_up_gives_events_or_raises_its_errors() -> None:
    fuzz(_set_up, [_SETUP, _SETUP + _MEDIA[0]], allowed=_ALLOWED, count=SUITE_COUNT // 4)


def test_a_publisher_gives_events_or_raises_its_errors() -> None:
    fuzz(_publish, _MEDIA, allowed=_ALLOWED, count=SUITE_COUNT // 2)


def test_a_handshake_gives_events_or_raises_its_errors() -> None:
    fuzz(
        lambda data: _converse(_session(), data),
        [_HANDSHAKE[:1700], _HANDSHAKE[:10]],
        allowed=_ALLOWED,
        count=SUITE_COUNT // 40,
    )


def _server_bytes() -> bytes:
    """Return the server's output to a publisher, without the handshake."""
    session = _session()
    session.receive(_HANDSHAKE, 0.0)
    session.take_output()
    session.receive(_SETUP, 0.0)
    session.accept_publish()
    return session.take_output()


def test_a_client_gives_events_or_raises_its_errors() -> None:
    fuzz(_client, [_server_bytes()], allowed=_ALLOWED, count=SUITE_COUNT // 4)
