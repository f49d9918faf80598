"""A chat connection gives events and ends with a reason; it never raises."""

from __future__ import annotations

from madang.wire.chat import ChatError, ChatLimits, ChatSession, JoinRequested
from madang.wire.chat.packets import parse_packet
from madang.wire.websocket import Opcode, encode_masked
from tests.support.fuzzing import SUITE_COUNT, fuzz
from tests.wire.chat import cases

_LIMITS = ChatLimits(frame=2048)


def _text(words: str) -> bytes:
    return encode_masked(Opcode.TEXT, words.encode(), cases.KEY)


_TALK = _text('40{"channel":"yard"}') + b"".join(
    _text(f"4{text}") for text, _ in (*cases.PACKETS.values(), *cases.TOLERATED.values())
)
_SEEDS = [
    _TALK,
    _text("40{}") + _text("3") + _text("2probe") + _text('421["message",{"text":"hi"}]'),
    *(data for data, _ in cases.FRAMES.values()),
    *cases.BROKEN_FRAMES.values(),
    *(data for data, _ in cases.TOO_LARGE.values()),
]


def _converse(data: bytes) -> None:
    session = ChatSession(sid="s", now=0.0, limits=_LIMITS)
    for start in range(0, len(data), 64):
        for event in session.receive(data[start : start + 64], start / 1e3):
            if isinstance(event, JoinRequested):
                session.accept(start / 1e3)
        session.tick(start / 1e3)
        assert len(session.take_output()) <= 64 * 1024
        if session.closing:
            return


def test_a_connection_gives_events_and_raises_nothing() -> None:
    fuzz(_converse, _SEEDS, allowed=(), count=SUITE_COUNT // 2)


def test_a_packet_is_read_or_raises_its_error() -> None:
    seeds = [
        text.encode()
        for text in (
            *(text for text, _ in cases.PACKETS.values()),
            *(text for text, _ in cases.TOLERATED.values()),
            *(text for text in cases.BROKEN_PACKETS.values() if len(text) < 100),
        )
    ]
    fuzz(
        lambda data: parse_packet(data.decode(errors="replace")) and None,
        seeds,
        allowed=(ChatError,),
        count=SUITE_COUNT // 2,
    )
