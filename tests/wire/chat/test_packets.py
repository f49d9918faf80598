"""Socket.IO packets and WebSocket frames by their specifications."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.base.errors import LimitExceeded
from madang.wire.chat import ChatError, event_frame, json_of, list_frame
from madang.wire.chat.packets import Packet, PacketType, parse_packet
from madang.wire.websocket import (
    FrameReader,
    Opcode,
    WebSocketError,
    WebSocketMessage,
    encode,
    encode_close,
    encode_masked,
)
from tests.wire.chat.cases import (
    BROKEN_FRAMES,
    BROKEN_PACKETS,
    FRAMES,
    KEY,
    PACKETS,
    TOLERATED,
    TOO_LARGE,
)

_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 53), 1 << 53) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


def _messages(data: bytes, *, step: int, largest: int = 1 << 20) -> list[WebSocketMessage]:
    reader = FrameReader(largest, 16)
    found = []
    for at in range(0, len(data), step):
        reader.feed(data[at : at + step])
        while (message := reader.next_message()) is not None:
            found.append(message)
    return found


@pytest.mark.parametrize("name", PACKETS)
def test_each_packet_is_read_and_written(name: str) -> None:
    text, packet = PACKETS[name]
    assert parse_packet(text) == packet
    assert packet.serialise().decode() == f"4{text}"


@pytest.mark.parametrize("name", TOLERATED)
def test_what_other_clients_write_is_read(name: str) -> None:
    text, packet = TOLERATED[name]
    assert parse_packet(text) == packet


@pytest.mark.parametrize("name", BROKEN_PACKETS)
def test_what_is_no_packet_raises_its_error(name: str) -> None:
    with pytest.raises(ChatError):
        parse_packet(BROKEN_PACKETS[name])


@given(st.text(max_size=20), st.lists(_json, max_size=3), st.none() | st.integers(0, 1 << 50))
def test_reading_undoes_writing(name: str, arguments: list[object], ack: int | None) -> None:
    packet = Packet(PacketType.EVENT, [name, *arguments], ack=ack)
    assert parse_packet(packet.serialise().decode()[1:]) == packet


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("step", [1, 3, 1000])
def test_each_frame_is_read_in_pieces_of_any_size(name: str, step: int) -> None:
    data, messages = FRAMES[name]
    assert _messages(data, step=step) == messages


@pytest.mark.parametrize("name", BROKEN_FRAMES)
def test_what_is_no_frame_raises_its_error(name: str) -> None:
    with pytest.raises(WebSocketError):
        _messages(BROKEN_FRAMES[name], step=1000)


@pytest.mark.parametrize("name", TOO_LARGE)
def test_what_is_too_large_names_its_limit_before_it_has_come(name: str) -> None:
    data, limit = TOO_LARGE[name]
    with pytest.raises(LimitExceeded) as caught:
        _messages(data, step=10, largest=100)
    assert caught.value.limit == limit


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_a_length_takes_the_fewest_bytes(size: int) -> None:
    # RFC 6455, section 5.2: "the minimal number of bytes MUST be used to encode the length"
    frame = encode(Opcode.TEXT, b"a" * size)
    assert len(frame) - size == (2 if size <= 125 else 4 if size <= 65_535 else 10)
    masked = encode_masked(Opcode.TEXT, b"a" * size, KEY)
    assert _messages(masked, step=1 << 20) == [WebSocketMessage(Opcode.TEXT, b"a" * size)]


def test_the_reason_of_a_close_is_cut_between_characters() -> None:
    frame = encode_close(1008, "마" * 100)
    assert len(frame) <= 127
    assert frame[4:].decode() == "마" * 41


def test_a_list_is_framed_as_an_event_is() -> None:
    values = [{"id": "a"}, {"text": "마당"}]
    assert list_frame("messages", [json_of(value) for value in values]) == event_frame(
        "messages", values
    )
    assert json.loads(list_frame("messages", [])[4:]) == ["messages", []]
