"""Chat sessions from the opening to the end, with explicit time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from madang.wire.chat import (
    ChatLimits,
    ChatSession,
    CloseReason,
    Emitted,
    JoinRequested,
    SessionEnded,
)
from madang.wire.websocket import Opcode, encode_masked

LIMITS = ChatLimits(join=10.0, ping_interval=25.0, ping_timeout=20.0)


def session(now: float = 0.0) -> ChatSession:
    """Return a session that has just been opened."""
    return ChatSession(sid="s1", now=now, limits=LIMITS)


def text(words: str) -> bytes:
    """Return a text message as a client sends it."""
    return encode_masked(Opcode.TEXT, words.encode(), b"abcd")


def said(chat: ChatSession) -> list[str]:
    """Return the text messages of the output; a Close is shown as `close CODE reason`."""
    data, found = chat.take_output(), []
    while data:
        size, at = (data[1], 2) if data[1] < 126 else (int.from_bytes(data[2:4]), 4)
        payload = data[at : at + size]
        match data[0] & 15:
            case Opcode.TEXT:
                found.append(payload.decode())
            case Opcode.CLOSE:
                found.append(f"close {int.from_bytes(payload[:2])} {payload[2:].decode()}")
            case other:
                found.append(f"{Opcode(other).name} {payload.decode()}")
        data = data[at + size :]
    return found


def joined() -> ChatSession:
    """Return a session whose client was accepted at time 1."""
    chat = session()
    chat.receive(text('40{"channel":"yard"}'), 1.0)
    chat.accept(1.0)
    chat.take_output()
    return chat


def test_the_opening_tells_the_limits() -> None:
    [opening] = said(session())
    assert opening[0] == "0"
    assert json.loads(opening[1:]) == {
        "sid": "s1",
        "upgrades": [],
        "pingInterval": 25000,
        "pingTimeout": 20000,
        "maxPayload": LIMITS.frame,
    }


def test_a_client_joins_emits_and_is_answered() -> None:
    chat = session()
    said(chat)
    assert chat.receive(text('40{"channel":"yard"}'), 1.0) == [JoinRequested({"channel": "yard"})]
    chat.accept(1.0)
    chat.emit("welcome", {"mode": 1})
    assert said(chat) == ['40{"sid":"s1"}', '42["welcome",{"mode":1}]']
    events = chat.receive(text('423["message",{"text":"hi"}]') + text('42["x"]'), 2.0)
    assert events == [Emitted("message", ({"text": "hi"},), 3), Emitted("x", (), None)]
    chat.ack(3, {"id": "m1"})
    chat.ack(None, {"id": "m2"})
    assert said(chat) == ['433[{"id":"m1"}]']


def test_a_refused_client_may_try_again_on_the_same_connection() -> None:
    chat = session()
    said(chat)
    chat.receive(text("40"), 1.0)
    chat.reject("There is no such channel.", {"code": "unknown_channel"}, 1.0)
    [refusal] = said(chat)
    assert json.loads(refusal[2:]) == {
        "message": "There is no such channel.",
        "data": {"code": "unknown_channel"},
    }
    assert chat.receive(text("40{}"), 2.0) == [JoinRequested({})]


def test_another_namespace_is_refused_in_words() -> None:
    chat = session()
    said(chat)
    assert chat.receive(text("40/admin,"), 1.0) == []
    [refusal] = said(chat)
    assert refusal.startswith("44/admin,")


def test_a_client_that_answers_pings_stays() -> None:
    chat = joined()
    now = 1.0
    for _ in range(3):
        assert chat.deadline() == now + 25.0
        now = chat.deadline()
        assert chat.tick(now) == []
        assert said(chat) == ["2"]
        now += 19.0
        chat.receive(text("3"), now)
        assert chat.tick(now) == []


def test_a_client_that_does_not_answer_a_ping_is_given_up() -> None:
    chat = joined()
    chat.tick(26.0)
    assert chat.tick(45.9) == []
    assert chat.tick(46.0) == [SessionEnded(CloseReason.PING_TIMEOUT)]
    assert chat.closing


def test_a_client_that_never_joins_is_given_up() -> None:
    chat = session()
    chat.receive(text("3"), 9.0)
    assert chat.tick(9.9) == []
    assert chat.tick(10.0) == [SessionEnded(CloseReason.JOIN_TIMEOUT)]


@pytest.mark.parametrize(
    ("data", "ending"),
    [
        (text("41"), CloseReason.LEFT),
        (text("1"), CloseReason.LEFT),
        (encode_masked(Opcode.CLOSE, b"\x03\xe8", b"abcd"), CloseReason.LEFT),
        (encode_masked(Opcode.BINARY, b"a", b"abcd"), CloseReason.BINARY),
        (text('451-["a",{"_placeholder":true,"num":0}]'), CloseReason.BINARY),
        (encode_masked(Opcode.TEXT, b"\xff", b"abcd"), CloseReason.PROTOCOL),
        (text("40{}"), CloseReason.PROTOCOL),
        (text("44{}"), CloseReason.PROTOCOL),
        (text("9"), CloseReason.PROTOCOL),
        (text("4" + "a" * LIMITS.frame), CloseReason.TOO_LARGE),
    ],
)
def test_each_ending_has_its_code(data: bytes, ending: CloseReason) -> None:
    chat = joined()
    assert chat.receive(data, 2.0) == [SessionEnded(ending)]
    [close] = said(chat)
    assert close.startswith(f"close {ending.code} ")
    assert chat.receive(text('42["late"]'), 3.0) == []


@pytest.mark.parametrize(
    ("ending", "dismissed"),
    [(CloseReason.REFUSED, True), (CloseReason.SIGNED_OUT, True), (CloseReason.DRAINING, False)],
)
def test_who_need_not_come_back_is_told_in_socket_ios_own_way(
    ending: CloseReason, dismissed: bool
) -> None:
    chat = joined()
    chat.close(ending)
    assert said(chat) == [*["41"] * dismissed, f"close {ending.code} {ending.words}"]


def test_an_event_before_the_join_breaks_the_protocol() -> None:
    assert session().receive(text('42["message"]'), 1.0) == [SessionEnded(CloseReason.PROTOCOL)]


def test_pings_of_the_client_are_answered_on_both_layers() -> None:
    chat = joined()
    chat.receive(encode_masked(Opcode.PING, b"p", b"abcd") + text("2probe"), 2.0)
    assert said(chat) == ["PONG p", "3probe"]


def test_nothing_is_sent_to_a_client_that_has_not_joined() -> None:
    chat = session()
    said(chat)
    answer: dict[str, Any] = {}
    chat.emit("welcome")
    chat.ack(1, answer)
    assert said(chat) == []
