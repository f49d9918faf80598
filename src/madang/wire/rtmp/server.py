"""Server side of a publisher's connection; section numbers are RTMP 1.0's."""

from __future__ import annotations

import contextlib
import enum
from typing import assert_never

from madang.base.errors import LimitExceeded, ParseError
from madang.wire import amf0, flv
from madang.wire.flv import TagType
from madang.wire.rtmp import chunks
from madang.wire.rtmp.connect import connect_result, key_texts, parse_connect
from madang.wire.rtmp.errors import RtmpError
from madang.wire.rtmp.events import (
    Closed,
    Connected,
    Event,
    MediaReceived,
    MetadataReceived,
    PublishRequested,
    PublishStopped,
    SessionEnding,
)
from madang.wire.rtmp.handshake import Handshake, opening
from madang.wire.rtmp.limits import DEFAULT_LIMITS, RtmpLimits
from madang.wire.rtmp.messages import (
    Acknowledgement,
    Aggregate,
    Command,
    Control,
    PeerBandwidth,
    TypeId,
    UserControl,
    UserEvent,
    WindowSize,
    parse_control,
    type_id_of,
)
from madang.wire.rtmp.rate import BitRateLimit

WINDOW = 2_500_000
"""Bytes between acknowledgements, requested from the peer and the default for its side: about a
second of the fastest stream, and the usual value of servers."""

CHUNK_SIZE = 65_536
"""Larger than any message sent by this side, so that each is one chunk. ffmpeg adopts it: nearly
every frame then arrives in one."""

_CONTROL = 2
_COMMANDS = 3
_STATUS = 5
"""Chunk streams by content, as encoders expect them."""

_MEDIA = {int(TagType.AUDIO): TagType.AUDIO, int(TagType.VIDEO): TagType.VIDEO}
_NOT_FOR_PLAYING = "This address is for publishing; watch on the channel's page."


class _Phase(enum.Enum):
    HANDSHAKE = enum.auto()
    SETUP = enum.auto()
    DECIDING = enum.auto()
    PUBLISHING = enum.auto()
    CLOSING = enum.auto()


class ServerSession:
    """One connection, from the first byte to the last.

    `handshake_random` is `handshake.RANDOM` random bytes; `now` is in seconds of a monotonic clock,
    here and in every call.

    After `PublishRequested` the peer's bytes are buffered until `accept_publish` or
    `refuse_publish`; buffered bytes are processed by the next `receive` or `tick`, and `deadline`
    is then in the past. After `PublishStopped` the connection stays open for another publish
    command.
    """

    def __init__(
        self, *, handshake_random: bytes, now: float, limits: RtmpLimits = DEFAULT_LIMITS
    ) -> None:
        self._limits = limits
        self._opening = opening(handshake_random)
        self._handshake = Handshake()
        self._chunks = chunks.ChunkReader(limits)
        self._writer = chunks.ChunkWriter()
        self._output = bytearray()
        self._phase = _Phase.HANDSHAKE
        self._phase_began = now
        self._heard = now
        self._sent_ahead = False
        self._connected: Connected | None = None
        self._net_streams = 0
        self._publishing_on = 0
        self._announced = ""
        self._window = WINDOW
        self._acknowledged = 0
        self._rate = BitRateLimit(limits, now)
        self._bytes_in = 0
        self._passed_over = 0

    @property
    def bytes_in(self) -> int:
        """Bytes received, including the handshake."""
        return self._bytes_in

    @property
    def passed_over(self) -> int:
        """Number of malformed messages that were ignored in whole or in part."""
        return self._passed_over

    @property
    def last_header(self) -> str:
        """Header of the latest chunk in words, empty during the handshake."""
        return "" if self._phase is _Phase.HANDSHAKE else self._chunks.last_header()

    @property
    def awaiting_decision(self) -> bool:
        """True between `PublishRequested` and its answer; a shell may stop reading meanwhile."""
        return self._phase is _Phase.DECIDING

    @property
    def closing(self) -> bool:
        """True if the connection is to be closed once the output is written."""
        return self._phase is _Phase.CLOSING

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Process bytes from the peer.

        Raises ParseError (RtmpError, Amf0Error, FlvError or LimitExceeded) for a violation of the
        protocol or a limit; the shell then closes, and events of the same call are lost.
        """
        self._bytes_in += len(data)
        self._heard = now
        self._rate.passed(now)
        if self._phase is _Phase.CLOSING:
            return []
        if self._phase is _Phase.HANDSHAKE:
            echo, data = self._handshake.receive(data)
            if echo:
                self._output += self._opening + echo
            if not self._handshake.done:
                return []
            self._enter(_Phase.SETUP)
        self._chunks.feed(data)
        events = self._read()
        self._rate.received(len(data))
        if self._bytes_in - self._acknowledged >= self._window // 2:
            self._acknowledged = self._bytes_in
            self._send(Acknowledgement(self._bytes_in & chunks.TIMESTAMP_MASK))
        return events

    def take_output(self) -> bytes:
        """Return the pending output and clear it."""
        output = bytes(self._output)
        self._output.clear()
        return output

    def deadline(self) -> float | None:
        """Return the time of the next `tick`, None if only bytes or a decision can change the
        session."""
        if self._sent_ahead:
            return self._heard
        timeout = self._timeout()
        return timeout[0] if timeout else None

    def tick(self, now: float) -> list[Event]:
        """Process buffered bytes, and end the session of an overdue peer. Raises like `receive`."""
        events = self._read()
        timeout = self._timeout()
        if timeout and now >= timeout[0]:
            self._enter(_Phase.CLOSING)
            events.append(Closed(*timeout[1:]))
        return events

    def accept_publish(self) -> None:
        """Accept the publisher (NetStream.Publish.Start). Its media is delivered from now on."""
        self._require_decision()
        if self._announced:
            started = {"code": "NetStream.Publish.Start", "description": self._announced}
            self._send(Command("onFCPublish", 0.0, (None, started)))
        begun = UserControl(UserEvent.STREAM_BEGIN, self._publishing_on.to_bytes(4, "big"))
        self._send(begun)
        self._status("status", "NetStream.Publish.Start", "You are on the air.")
        self._chunks.limit_messages("message", self._limits.message)
        self._sent_ahead = self._chunks.buffered > 0
        self._enter(_Phase.PUBLISHING)

    def refuse_publish(self, description: str) -> None:
        """Refuse the publisher with a text; the session is `closing` afterwards."""
        self._require_decision()
        self._status("error", "NetStream.Publish.Denied", description)
        self._enter(_Phase.CLOSING)

    def end(self, description: str) -> None:
        """End the session of a publisher that was taken over or whose channel was closed; then
        `closing`."""
        if self._phase in (_Phase.DECIDING, _Phase.PUBLISHING):
            self._status("error", "NetStream.Publish.BadName", description)
        self._enter(_Phase.CLOSING)

    def _require_decision(self) -> None:
        if self._phase is not _Phase.DECIDING:
            raise RuntimeError("nobody waits for leave to publish")

    def _enter(self, phase: _Phase) -> None:
        self._phase = phase
        self._phase_began = self._heard

    def _timeout(self) -> tuple[float, SessionEnding, str] | None:
        limits = self._limits
        match self._phase:
            case _Phase.HANDSHAKE:
                at = self._phase_began + limits.handshake
                return at, SessionEnding.HANDSHAKE_TIMEOUT, "The handshake took too long."
            case _Phase.SETUP:
                at = self._phase_began + limits.setup
                return at, SessionEnding.SETUP_TIMEOUT, "The peer did not publish anything."
            case _Phase.PUBLISHING:
                at = self._heard + limits.silence
                return at, SessionEnding.SILENCE, "The publisher fell silent."
            case _Phase.DECIDING | _Phase.CLOSING:
                return None
        assert_never(self._phase)

    def _read(self) -> list[Event]:
        events: list[Event] = []
        self._sent_ahead = False
        while self._phase in (_Phase.SETUP, _Phase.PUBLISHING):
            message = self._chunks.next_message()
            if message is None:
                return events
            self._handle(message, events)
        if self._phase is _Phase.DECIDING and self._chunks.buffered > self._limits.pending:
            raise LimitExceeded("pending", "The peer sent too much before it was accepted.")
        return events

    def _handle(self, message: chunks.RtmpMessage, events: list[Event]) -> None:
        # The message stream is not compared: a connection has one publisher, and some encoders send
        # media on another stream than they published.
        type_id, timestamp, _, body = message
        accepted = self._phase is _Phase.PUBLISHING
        media = _MEDIA.get(type_id)
        if media is not None:
            if accepted:
                self._rate.media(timestamp)
                events.append(MediaReceived(media, timestamp, body))
        elif type_id in (TagType.SCRIPT, TypeId.DATA_AMF3):
            if accepted:
                self._metadata(body[1:] if type_id == TypeId.DATA_AMF3 else body, events)
        elif type_id == TypeId.AGGREGATE:
            if accepted:
                self._aggregate(message, events)
        else:
            try:
                control = parse_control(type_id, body)
            except ParseError:
                self._passed_over += 1
                return
            if control is not None:
                self._control(control, message.stream_id, events)

    def _aggregate(self, message: chunks.RtmpMessage, events: list[Event]) -> None:
        try:
            aggregate = Aggregate.parse(message.body)
        except ParseError:
            self._passed_over += 1
            return
        for tag in aggregate.at(message.timestamp):
            if tag.type is TagType.SCRIPT:
                self._metadata(tag.body, events)
            else:
                self._rate.media(tag.timestamp)
                events.append(MediaReceived(tag.type, tag.timestamp, tag.body))

    def _metadata(self, body: bytes, events: list[Event]) -> None:
        # Nothing depends on metadata, and a camera with malformed metadata can be fine, as can a
        # file with an index of all its key frames.
        values = None
        with contextlib.suppress(ParseError):
            values = flv.on_metadata(body) if len(body) <= self._limits.metadata else None
        if values is None:
            self._passed_over += 1
        elif values:
            events.append(MetadataReceived(values))

    def _control(self, control: Control, stream_id: int, events: list[Event]) -> None:
        match control:
            case Command():
                self._called(control, stream_id, events)
            case UserControl(UserEvent.PING_REQUEST, data):
                self._send(UserControl(UserEvent.PING_RESPONSE, data))
            case WindowSize(size):
                # A window of 0 would request an acknowledgement of every byte.
                self._window = size or WINDOW
            case Acknowledgement() | PeerBandwidth() | UserControl():
                pass  # this side sends too little for them to matter

    def _called(self, command: Command, stream_id: int, events: list[Event]) -> None:
        self._passed_over += not command.whole
        if command.name == "connect":
            self._connect(command, events)
            return
        if self._connected is None:
            raise RtmpError("A command comes before connect.")
        match command.name:
            case "releaseStream":
                self._answer(command, None, amf0.UNDEFINED)
            case "FCPublish":
                self._announced = command.text(1)
                self._answer(command, None, amf0.UNDEFINED)
            case "createStream":
                self._create_stream(command)
            case "publish":
                self._publish(command, stream_id, self._connected, events)
            case "FCUnpublish" if self._phase is _Phase.PUBLISHING:
                self._answer(command, None, amf0.UNDEFINED)
                self._status("status", "NetStream.Unpublish.Success", "You are off the air.")
                self._stop(events)
            case "deleteStream" | "closeStream" if self._phase is _Phase.PUBLISHING:
                self._close_stream(command, stream_id, events)
            case "play" | "play2":
                self._status("error", "NetStream.Play.Failed", _NOT_FOR_PLAYING, on=stream_id)
            case "getStreamLength" | "_checkbw":
                self._answer(command, None, 0.0)
            case "FCUnpublish" | "deleteStream" | "closeStream" | "_result" | "_error" | "onStatus":
                pass
            case _:
                self._decline(command)

    def _connect(self, command: Command, events: list[Event]) -> None:
        if self._connected is not None:
            raise RtmpError("The peer connects twice.")
        self._connected = parse_connect(command)
        self._send(WindowSize(WINDOW))
        self._send(PeerBandwidth(WINDOW))
        self._output += self._writer.set_chunk_size(CHUNK_SIZE)
        self._result(command, *connect_result(self._connected))
        events.append(self._connected)

    def _create_stream(self, command: Command) -> None:
        self._net_streams += 1
        if self._net_streams > self._limits.net_streams:
            raise LimitExceeded("net_streams", "The peer creates too many streams.")
        self._result(command, None, float(self._net_streams))

    def _publish(
        self, command: Command, stream_id: int, connected: Connected, events: list[Event]
    ) -> None:
        if self._phase is _Phase.PUBLISHING:
            words = "This connection publishes a stream already."
            self._status("error", "NetStream.Publish.BadName", words, on=stream_id)
            return
        self._publishing_on = stream_id
        self._enter(_Phase.DECIDING)
        name = command.text(1)
        events.append(PublishRequested(key_texts(connected, name)))

    def _close_stream(self, command: Command, stream_id: int, events: list[Event]) -> None:
        named = command.values[1] if len(command.values) > 1 else float(stream_id)
        if named == self._publishing_on:
            self._stop(events)

    def _stop(self, events: list[Event]) -> None:
        self._enter(_Phase.SETUP)
        self._chunks.limit_messages("setup_message", self._limits.setup_message)
        events.append(PublishStopped())

    def _decline(self, command: Command) -> None:
        if command.transaction:
            words = f"This server has no {command.name[:64]}."
            values = (None, _information("error", "NetConnection.Call.Failed", words))
            self._send(Command("_error", command.transaction, values))

    def _answer(self, command: Command, *values: amf0.Value) -> None:
        """Answer a call with its own transaction ID; a call with none gets no answer."""
        if command.transaction:
            self._result(command, *values)

    def _result(self, command: Command, *values: amf0.Value) -> None:
        self._send(Command("_result", command.transaction, values))

    def _status(self, level: str, code: str, description: str, on: int | None = None) -> None:
        """Send onStatus on the publishing stream, or on another."""
        status = Command("onStatus", 0.0, (None, _information(level, code, description)))
        self._send(status, stream_id=self._publishing_on if on is None else on)

    def _send(self, control: Control, stream_id: int = 0) -> None:
        csid = _CONTROL
        if isinstance(control, Command):
            csid = _STATUS if stream_id else _COMMANDS
        message = chunks.RtmpMessage(type_id_of(control), 0, stream_id, control.serialise())
        self._output += self._writer.encode(csid, message)


def _information(level: str, code: str, description: str) -> dict[str, amf0.Value]:
    return {"level": level, "code": code, "description": description}
