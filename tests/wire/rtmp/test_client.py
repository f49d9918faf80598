"""Client session against server session, without sockets."""

from __future__ import annotations

import pytest

from madang.wire import flv
from madang.wire.flv import Tag, TagType
from madang.wire.rtmp import (
    HANDSHAKE_RANDOM,
    ClientSession,
    Event,
    MediaReceived,
    MetadataReceived,
    PublishRequested,
    PublishStopped,
    RtmpError,
    ServerSession,
)
from madang.wire.rtmp.client import ClientEvent, PublishAccepted, PublishRejected
from madang.wire.rtmp.messages import Command, UserControl, UserEvent
from tests.wire.rtmp.peer import SERVER_RANDOM


class _Pair:
    """A client and a server that exchange bytes at once."""

    def __init__(self, chunk_size: int = 60_000, refusal: str = "") -> None:
        self.refusal = refusal
        self.server = ServerSession(handshake_random=SERVER_RANDOM, now=0.0)
        self.client = ClientSession(
            handshake_random=b"c" * HANDSHAKE_RANDOM,
            now=0.0,
            app="live",
            tc_url="rtmp://host/live",
            name="key",
            chunk_size=chunk_size,
        )
        self.server_events: list[Event] = []
        self.client_events: list[ClientEvent] = []

    def cross(self) -> None:
        """Exchange bytes until neither side has more."""
        while sent := self.client.take_output():
            for event in self.server.receive(sent, 0.0):
                self.server_events.append(event)
                if isinstance(event, PublishRequested):
                    self._decide()
            self.client_events += self.client.receive(self.server.take_output(), 0.0)
        answer = self.server.take_output()
        if answer:
            self.client_events += self.client.receive(answer, 0.0)
            self.cross()

    def _decide(self) -> None:
        if self.refusal:
            self.server.refuse_publish(self.refusal)
        else:
            self.server.accept_publish()


@pytest.mark.parametrize("chunk_size", [128, 4_096, 60_000])
def test_what_the_client_sends_is_what_the_server_gets(chunk_size: int) -> None:
    pair = _Pair(chunk_size)
    pair.cross()
    assert pair.client_events == [PublishAccepted()]
    tags = [
        Tag(TagType.VIDEO, 0xFFFFFF - 1, bytes(range(256)) * 300),
        Tag(TagType.AUDIO, 0xFFFFFF + 1, b"aac"),
        Tag(TagType.VIDEO, 0xFFFFFFFF, b"x" * 1000),
        Tag(TagType.VIDEO, 10, b"after the wrap"),
    ]
    for tag in tags:
        pair.client.send(tag)
    pair.client.send(Tag(TagType.SCRIPT, 0, flv.encode_metadata({"width": 16.0})))
    pair.client.finish()
    pair.cross()
    received = [event for event in pair.server_events if isinstance(event, MediaReceived)]
    assert [Tag(event.type, event.timestamp, event.body) for event in received] == tags
    assert pair.server_events[-2:] == [MetadataReceived({"width": 16.0}), PublishStopped()]


def test_a_refusal_reaches_the_client_in_the_servers_words() -> None:
    pair = _Pair(refusal="This stream key is not valid.")
    pair.cross()
    assert pair.client_events == [
        PublishRejected("NetStream.Publish.Denied", "This stream key is not valid.")
    ]
    with pytest.raises(RuntimeError):
        pair.client.send(Tag(TagType.AUDIO, 0, b""))


def test_a_takeover_reaches_the_client_in_the_servers_words() -> None:
    pair = _Pair()
    pair.cross()
    pair.server.end("Another encoder took over.")
    pair.cross()
    assert pair.client_events[1:] == [
        PublishRejected("NetStream.Publish.BadName", "Another encoder took over.")
    ]


def test_long_streams_are_acknowledged_both_ways() -> None:
    pair = _Pair()
    pair.cross()
    for time in range(30):
        pair.client.send(Tag(TagType.VIDEO, time, bytes(100_000)))
        pair.cross()
    assert sum(isinstance(event, MediaReceived) for event in pair.server_events) == 30
    assert pair.server.bytes_in > 3_000_000


def test_a_server_that_does_not_answer_is_given_up() -> None:
    client = _Pair().client
    assert client.deadline() == 5.0
    assert client.tick(4.9) == []
    [event] = client.tick(5.0)
    assert isinstance(event, PublishRejected)
    assert client.deadline() is None


def _answer(client: ClientSession, control: Command | UserControl) -> list[ClientEvent]:
    """Let a server send something that ours never sends."""
    from madang.wire.rtmp.chunks import ChunkWriter, RtmpMessage
    from madang.wire.rtmp.messages import type_id_of

    message = RtmpMessage(type_id_of(control), 0, 0, control.serialise())
    return client.receive(ChunkWriter().encode(3, message), 0.0)


def test_an_error_in_answer_to_connect_is_a_rejection() -> None:
    client = _Pair().client
    client.receive(b"\x03" + bytes(2 * 1536), 0.0)
    error = {"level": "error", "code": "NetConnection.Connect.Rejected", "description": "No."}
    assert _answer(client, Command("_error", 1.0, (None, error))) == [
        PublishRejected("NetConnection.Connect.Rejected", "No.")
    ]


def test_a_stream_without_a_number_is_the_servers_fault() -> None:
    client = _Pair().client
    client.receive(b"\x03" + bytes(2 * 1536), 0.0)
    with pytest.raises(RtmpError):
        _answer(client, Command("_result", 4.0, (None, "one")))


def test_the_servers_ping_is_answered() -> None:
    client = _Pair().client
    client.receive(b"\x03" + bytes(2 * 1536), 0.0)
    client.take_output()
    _answer(client, UserControl(UserEvent.PING_REQUEST, b"\0\0\0\x07"))
    assert client.take_output().endswith(b"\x00\x07\0\0\0\x07")
