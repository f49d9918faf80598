"""Publisher side of a connection, for restreaming and for tests."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from madang.wire import amf0
from madang.wire.flv import Tag, TagType
from madang.wire.rtmp import chunks
from madang.wire.rtmp.connect import FOURCCS
from madang.wire.rtmp.errors import RtmpError
from madang.wire.rtmp.handshake import Handshake, opening
from madang.wire.rtmp.limits import DEFAULT_LIMITS, RtmpLimits
from madang.wire.rtmp.messages import (
    Acknowledgement,
    Command,
    Control,
    UserControl,
    UserEvent,
    WindowSize,
    parse_control,
    type_id_of,
)

CHUNK_SIZE = 60_000
"""Same as OBS and ffmpeg: most frames are one chunk."""

_CONTROL = 2
_COMMANDS = 3
_CHUNK_STREAMS = {TagType.AUDIO: 4, TagType.VIDEO: 6, TagType.SCRIPT: 5}
_CONNECT = 1.0
_CREATE_STREAM = 4.0
_SET_DATA_FRAME = amf0.encode("@setDataFrame")


@dataclass(frozen=True, slots=True)
class PublishAccepted:
    """Server accepted the stream: `send` may begin."""


@dataclass(frozen=True, slots=True)
class PublishRejected:
    """Server refused the stream or ended it; `code` is that of NetStream or NetConnection,
    `description` the server's text."""

    code: str
    description: str


ClientEvent = PublishAccepted | PublishRejected


class _Phase(enum.Enum):
    HANDSHAKE = enum.auto()
    CONNECTING = enum.auto()
    PUBLISHING = enum.auto()
    ENDED = enum.auto()


class ClientSession:
    """One connection that publishes `name` in `app` of the server at `tc_url`.

    `handshake_random` is `handshake.RANDOM` random bytes; `now` is in seconds of a monotonic clock.
    `chunk_size` is in bytes, from 128.
    """

    def __init__(
        self,
        *,
        handshake_random: bytes,
        now: float,
        app: str,
        tc_url: str,
        name: str,
        chunk_size: int = CHUNK_SIZE,
        limits: RtmpLimits = DEFAULT_LIMITS,
    ) -> None:
        self._limits = limits
        self._app = app
        self._tc_url = tc_url
        self._name = name
        self._chunk_size = chunk_size
        self._handshake = Handshake()
        self._chunks = chunks.ChunkReader(limits)
        self._writer = chunks.ChunkWriter()
        self._output = bytearray(opening(handshake_random))
        self._phase = _Phase.HANDSHAKE
        self._began = now
        self._stream_id = 0
        self._window = 0
        self._bytes_in = 0
        self._acknowledged = 0

    def receive(self, data: bytes, now: float) -> list[ClientEvent]:
        """Process bytes from the server. Raises ParseError for a protocol violation."""
        self._bytes_in += len(data)
        if self._phase is _Phase.HANDSHAKE:
            echo, data = self._handshake.receive(data)
            self._output += echo
            if not self._handshake.done:
                return []
            self._phase = _Phase.CONNECTING
            self._began = now
            self._connect()
        self._chunks.feed(data)
        events: list[ClientEvent] = []
        while (message := self._chunks.next_message()) is not None:
            control = parse_control(message.type_id, message.body)
            if control is not None:
                self._control(control, events)
        if self._window and self._bytes_in - self._acknowledged >= self._window // 2:
            self._acknowledged = self._bytes_in
            self._call(Acknowledgement(self._bytes_in & chunks.TIMESTAMP_MASK))
        return events

    def take_output(self) -> bytes:
        """Return the pending output and clear it."""
        output = bytes(self._output)
        self._output.clear()
        return output

    def deadline(self) -> float | None:
        """Return the time of the next `tick`, None if no answer is awaited."""
        match self._phase:
            case _Phase.HANDSHAKE:
                return self._began + self._limits.handshake
            case _Phase.CONNECTING:
                return self._began + self._limits.setup
            case _:
                return None

    def tick(self, now: float) -> list[ClientEvent]:
        """Fail if the server's answer is overdue."""
        deadline = self.deadline()
        if deadline is None or now < deadline:
            return []
        self._phase = _Phase.ENDED
        return [PublishRejected("NetConnection.Connect.Failed", "The server does not answer.")]

    def send(self, tag: Tag) -> None:
        """Send a tag; script tags as data that the server stores for late viewers."""
        if self._phase is not _Phase.PUBLISHING:
            raise RuntimeError("the server has not accepted the stream")
        body = tag.body
        if tag.type is TagType.SCRIPT and not body.startswith(_SET_DATA_FRAME):
            body = _SET_DATA_FRAME + body
        message = chunks.RtmpMessage(tag.type, tag.timestamp, self._stream_id, body)
        self._output += self._writer.encode(_CHUNK_STREAMS[tag.type], message)

    def finish(self) -> None:
        """Announce the end of the stream; close the connection once the output is written."""
        if self._phase is _Phase.PUBLISHING:
            self._call(Command("FCUnpublish", 6.0, (None, self._name)))
            self._call(Command("deleteStream", 7.0, (None, float(self._stream_id))))
        self._phase = _Phase.ENDED

    def _connect(self) -> None:
        self._output += self._writer.set_chunk_size(self._chunk_size)
        properties: dict[str, amf0.Value] = {
            "app": self._app,
            "type": "nonprivate",
            "flashVer": "FMLE/3.0 (compatible; Madang)",
            "tcUrl": self._tc_url,
            "fourCcList": list(FOURCCS),
        }
        self._call(Command("connect", _CONNECT, (properties,)))

    def _control(self, control: Control, events: list[ClientEvent]) -> None:
        match control:
            case Command("_result", transaction) if transaction == _CONNECT:
                self._call(Command("releaseStream", 2.0, (None, self._name)))
                self._call(Command("FCPublish", 3.0, (None, self._name)))
                self._call(Command("createStream", _CREATE_STREAM))
            case Command("_result", transaction, values) if transaction == _CREATE_STREAM:
                self._publish(values)
            case Command("_error", transaction, values) if transaction in (
                _CONNECT,
                _CREATE_STREAM,
            ):
                self._reject(values, events)
            case Command("onStatus", _, values):
                self._status(values, events)
            case UserControl(UserEvent.PING_REQUEST, data):
                self._call(UserControl(UserEvent.PING_RESPONSE, data))
            case WindowSize(size):
                self._window = size
            case _:
                pass  # answers without a pending call

    def _publish(self, values: tuple[amf0.Value, ...]) -> None:
        match values:
            case (_, float(stream_id)) if 0 < stream_id <= chunks.TIMESTAMP_MASK:
                self._stream_id = int(stream_id)
            case _:
                raise RtmpError("The server created a stream without a number.")
        self._call(Command("publish", 5.0, (None, self._name, "live")), self._stream_id)

    def _status(self, values: tuple[amf0.Value, ...], events: list[ClientEvent]) -> None:
        information = _information(values)
        if information.get("level") == "error":
            self._reject(values, events)
        elif (
            information.get("code") == "NetStream.Publish.Start"
            and self._phase is _Phase.CONNECTING
        ):
            self._phase = _Phase.PUBLISHING
            events.append(PublishAccepted())

    def _reject(self, values: tuple[amf0.Value, ...], events: list[ClientEvent]) -> None:
        self._phase = _Phase.ENDED
        information = _information(values)
        code, description = information.get("code"), information.get("description")
        events.append(PublishRejected(str(code or ""), str(description or "")))

    def _call(self, control: Control, stream_id: int = 0) -> None:
        csid = _COMMANDS if isinstance(control, Command) else _CONTROL
        message = chunks.RtmpMessage(type_id_of(control), 0, stream_id, control.serialise())
        self._output += self._writer.encode(csid, message)


def _information(values: tuple[amf0.Value, ...]) -> Mapping[str, amf0.Value]:
    """Return the last value of a status, always an object."""
    return values[-1] if values and isinstance(values[-1], Mapping) else {}
