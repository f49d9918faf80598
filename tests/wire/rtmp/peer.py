"""Publisher with explicit control of every message."""

from __future__ import annotations

from madang.wire import amf0
from madang.wire.rtmp import DEFAULT_LIMITS, HANDSHAKE_RANDOM, Event, RtmpLimits, ServerSession
from madang.wire.rtmp.chunks import ChunkReader, ChunkWriter, RtmpMessage
from madang.wire.rtmp.handshake import PACKET, opening
from madang.wire.rtmp.messages import Command, Control, TypeId, parse_control, type_id_of

SERVER_RANDOM = b"s" * HANDSHAKE_RANDOM
CLIENT_HELLO = opening(b"c" * HANDSHAKE_RANDOM)


class Peer:
    """A session and the client's end of its connection; `now` is the test's clock, in seconds,
    `stamp` the stream's, in milliseconds."""

    def __init__(self, limits: RtmpLimits = DEFAULT_LIMITS) -> None:
        self.now = 0.0
        self.stamp = 0
        self.session = ServerSession(handshake_random=SERVER_RANDOM, now=self.now, limits=limits)
        self.writer = ChunkWriter()
        self.reader = ChunkReader(DEFAULT_LIMITS)
        self._handshake_left = 1 + 2 * PACKET

    def feed(self, data: bytes) -> list[Event]:
        """Send raw bytes."""
        return self.session.receive(data, self.now)

    def shake(self) -> None:
        """Complete the handshake."""
        self.feed(CLIENT_HELLO + bytes(PACKET))
        self.answers()

    def send(self, control: Control, stream_id: int = 0) -> list[Event]:
        """Send a control message or command."""
        return self.message(type_id_of(control), control.serialise(), stream_id=stream_id)

    def message(
        self, type_id: int, body: bytes, timestamp: int = 0, stream_id: int = 1
    ) -> list[Event]:
        """Send a message of any type."""
        return self.feed(
            self.writer.encode(3, RtmpMessage(type_id, timestamp & 0xFFFFFFFF, stream_id, body))
        )

    def call(
        self, name: str, transaction: float, *values: amf0.Value, stream_id: int = 0
    ) -> list[Event]:
        """Send a command; `values` begin with the command object."""
        return self.send(Command(name, transaction, values or (None,)), stream_id)

    def answers(self) -> list[Control]:
        """Return the messages that the session sends."""
        data = self.session.take_output()
        skipped = min(self._handshake_left, len(data))
        self._handshake_left -= skipped
        self.reader.feed(data[skipped:])
        found = []
        while (message := self.reader.next_message()) is not None:
            assert message.type_id in tuple(TypeId)
            control = parse_control(message.type_id, message.body)
            assert control is not None
            found.append(control)
        return found

    def commands(self) -> list[Command]:
        """Return the commands among the answers."""
        return [answer for answer in self.answers() if isinstance(answer, Command)]

    def connect(self, **properties: amf0.Value) -> list[Event]:
        """Handshake and connect, with `properties` added to the usual ones."""
        self.shake()
        usual: dict[str, amf0.Value] = {"app": "live", "tcUrl": "rtmp://host/live"}
        return self.call("connect", 1.0, usual | properties)

    def request(self, name: amf0.Value = "key", **properties: amf0.Value) -> list[Event]:
        """Do everything up to the publish command, and discard the answers."""
        self.connect(**properties)
        self.call("createStream", 4.0)
        events = self.call("publish", 5.0, None, name, "live", stream_id=1)
        self.answers()
        return events

    def publish(self) -> None:
        """Publish and be accepted."""
        self.request()
        self.session.accept_publish()
        self.answers()


def information(command: Command) -> dict[str, amf0.Value]:
    """Return the information object of a status or an answer."""
    found = command.values[-1]
    assert isinstance(found, dict)
    return found


def publisher(limits: RtmpLimits = DEFAULT_LIMITS) -> Peer:
    """Return a peer that has been accepted."""
    peer = Peer(limits)
    peer.publish()
    return peer
