"""Server side of one chat connection: bytes and a time in, events and bytes out."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from madang.base.errors import LimitExceeded
from madang.wire.chat.errors import ChatError
from madang.wire.chat.limits import DEFAULT_LIMITS, ChatLimits
from madang.wire.chat.packets import ROOT, Engine, Packet, PacketType, opening, parse_packet
from madang.wire.websocket import (
    CloseCode,
    FrameReader,
    Opcode,
    WebSocketError,
    WebSocketMessage,
    encode,
    encode_close,
)


class CloseReason(enum.Enum):
    """Reason of an ending: close code (RFC 6455, section 7.4.1) and text.

    A member's name in lower case is the reason in metrics.
    """

    LEFT = CloseCode.NORMAL, "Good bye."
    BROKEN = CloseCode.ABNORMAL, "The connection broke."
    DRAINING = CloseCode.GOING_AWAY, "The station is restarting: connect again in a moment."
    PROTOCOL = CloseCode.PROTOCOL_ERROR, "This is not WebSocket, Engine.IO 4 or Socket.IO 5."
    BINARY = (
        CloseCode.UNSUPPORTED_DATA,
        "Chat takes text: binary messages and attachments are refused.",
    )
    REFUSED = CloseCode.POLICY_VIOLATION, "The station refused the connection."
    TOO_LARGE = CloseCode.TOO_BIG, "The message is too large."
    JOIN_TIMEOUT = 4000, "No Socket.IO CONNECT packet came."
    PING_TIMEOUT = 4001, "No answer to a ping came."
    STALLED = 4002, "Nothing was read for too long."
    SIGNED_OUT = 4003, "The sign-in has ended, or the token was revoked."

    @property
    def code(self) -> int:
        return int(self.value[0])

    @property
    def dismisses(self) -> bool:
        """True if reconnecting is of no use. Then Socket.IO's DISCONNECT is sent, after which
        clients do not retry."""
        return self in {CloseReason.REFUSED, CloseReason.SIGNED_OUT}

    @property
    def words(self) -> str:
        """Text of the reason."""
        return str(self.value[1])


@dataclass(frozen=True, slots=True)
class JoinRequested:
    """Client sent CONNECT: answer with `accept` or `reject`."""

    auth: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Emitted:
    """Client emitted an event; `ack`, if not None, is the argument of `ChatSession.ack`."""

    name: str
    arguments: tuple[Any, ...]
    ack: int | None


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """End of the session: send the output, then close."""

    ending: CloseReason


ChatEvent = JoinRequested | Emitted | SessionEnded


class _Phase(enum.Enum):
    OPENED = enum.auto()
    DECIDING = enum.auto()
    JOINED = enum.auto()
    ENDED = enum.auto()


class ChatSession:
    """One connection after the WebSocket handshake.

    `sid` is its ID for the client; `now` is in seconds of a monotonic clock.
    """

    __slots__ = ("_answer_due", "_limits", "_output", "_phase", "_ping_at", "_reader", "_sid")

    def __init__(self, *, sid: str, now: float, limits: ChatLimits = DEFAULT_LIMITS) -> None:
        self._sid = sid
        self._limits = limits
        self._reader = FrameReader(limits.frame, limits.fragments)
        self._phase = _Phase.OPENED
        self._answer_due: float | None = now + limits.join
        self._ping_at = now + limits.ping_interval
        self._output = encode(
            Opcode.TEXT, opening(sid, limits.ping_interval, limits.ping_timeout, limits.frame)
        )

    @property
    def joined(self) -> bool:
        """True from `accept` until the client leaves."""
        return self._phase is _Phase.JOINED

    @property
    def closing(self) -> bool:
        """True if the connection is to be closed after `take_output`."""
        return self._phase is _Phase.ENDED

    def receive(self, data: bytes, now: float) -> list[ChatEvent]:
        """Process bytes from the client. A protocol violation ends the session with a reason."""
        events: list[ChatEvent] = []
        if self._phase is _Phase.ENDED:
            return events
        try:
            self._reader.feed(data)
            while not self.closing and (message := self._reader.next_message()) is not None:
                self._message(message, now, events)
        except LimitExceeded as error:
            self._end(CloseReason.TOO_LARGE, events, str(error))
        except (ChatError, WebSocketError) as error:
            self._end(CloseReason.PROTOCOL, events, str(error))
        return events

    def take_output(self) -> bytes:
        """Return the pending output and clear it."""
        output, self._output = self._output, b""
        return output

    def deadline(self) -> float:
        """Return the time of the next `tick`."""
        return self._ping_at if self._answer_due is None else self._answer_due

    def tick(self, now: float) -> list[ChatEvent]:
        """Send a ping, or end the session of a client that does not answer."""
        events: list[ChatEvent] = []
        if self._phase is _Phase.ENDED:
            return events
        if self._answer_due is not None:
            if now >= self._answer_due:
                late = self._phase in {_Phase.OPENED, _Phase.DECIDING}
                self._end(CloseReason.JOIN_TIMEOUT if late else CloseReason.PING_TIMEOUT, events)
        elif now >= self._ping_at:
            self._output += encode(Opcode.TEXT, Engine.PING.encode())
            self._answer_due = now + self._limits.ping_timeout
        return events

    def accept(self, now: float) -> None:
        """Accept the client waiting since `JoinRequested`."""
        if self._phase is not _Phase.DECIDING:
            return
        self._phase = _Phase.JOINED
        self._answer_due = None
        self._ping_at = now + self._limits.ping_interval
        self._send(Packet(PacketType.CONNECT, {"sid": self._sid}))

    def reject(self, words: str, data: Mapping[str, object], now: float) -> None:
        """Refuse the client, with a text for a person and data for its program.

        The connection stays open: Socket.IO clients retry on it.
        """
        if self._phase is not _Phase.DECIDING:
            return
        self._phase = _Phase.OPENED
        self._answer_due = now + self._limits.join
        self._send(Packet(PacketType.CONNECT_ERROR, {"message": words, "data": data}))

    def emit(self, name: str, *arguments: object) -> None:
        """Send an event to this client."""
        if self._phase is _Phase.JOINED:
            self._send(Packet(PacketType.EVENT, [name, *arguments]))

    def ack(self, number: int | None, answer: Mapping[str, object]) -> None:
        """Acknowledge the event with `number`; None: no acknowledgement was requested."""
        if number is not None and self._phase is _Phase.JOINED:
            self._send(Packet(PacketType.ACK, [answer], ack=number))

    def close(self, ending: CloseReason) -> None:
        """End the session from the server."""
        if self._phase is _Phase.JOINED and ending.dismisses:
            self._send(Packet(PacketType.DISCONNECT))
        if self._phase is not _Phase.ENDED:
            self._end(ending, [])

    def _message(self, message: WebSocketMessage, now: float, events: list[ChatEvent]) -> None:
        match message.opcode:
            case Opcode.TEXT:
                try:
                    text = message.payload.decode()
                except UnicodeDecodeError:
                    raise ChatError("A text message is not UTF-8.") from None
                self._engine(text, now, events)
            case Opcode.BINARY:
                self._end(CloseReason.BINARY, events)
            case Opcode.PING:
                self._output += encode(Opcode.PONG, message.payload)
            case Opcode.CLOSE:
                self._end(CloseReason.LEFT, events)
            case _:
                pass  # unsolicited Pong (RFC 6455, section 5.5.3)

    def _engine(self, text: str, now: float, events: list[ChatEvent]) -> None:
        match text[:1]:
            case Engine.MESSAGE:
                self._packet(parse_packet(text[1:]), now, events)
            case Engine.PONG:
                if self._phase is _Phase.JOINED:
                    self._answer_due = None
                    self._ping_at = now + self._limits.ping_interval
            case Engine.PING:
                self._output += encode(Opcode.TEXT, (Engine.PONG + text[1:]).encode())
            case Engine.CLOSE:
                self._end(CloseReason.LEFT, events)
            case Engine.NOOP | Engine.UPGRADE:
                pass
            case _:
                raise ChatError("A message is not a packet of Engine.IO 4.")

    def _packet(self, packet: Packet, now: float, events: list[ChatEvent]) -> None:
        match packet.kind:
            case PacketType.BINARY_EVENT | PacketType.BINARY_ACK:
                self._end(CloseReason.BINARY, events)
            case PacketType.CONNECT if packet.namespace != ROOT:
                refusal = {"message": "There is only the namespace /.", "data": _NO_NAMESPACE}
                self._send(Packet(PacketType.CONNECT_ERROR, refusal, packet.namespace))
            case PacketType.CONNECT:
                if self._phase is not _Phase.OPENED:
                    raise ChatError("A second CONNECT packet came.")
                self._phase = _Phase.DECIDING
                events.append(JoinRequested(packet.data or {}))
            case PacketType.EVENT | PacketType.ACK | PacketType.DISCONNECT if (
                packet.namespace != ROOT
            ):
                pass  # packet of a refused namespace
            case PacketType.EVENT:
                if self._phase is not _Phase.JOINED:
                    raise ChatError("An event came before the CONNECT packet was accepted.")
                name, *arguments = packet.data
                events.append(Emitted(name, tuple(arguments), packet.ack))
            case PacketType.DISCONNECT:
                self._end(CloseReason.LEFT, events)
            case PacketType.ACK:
                pass  # acknowledgement that was not requested
            case _:
                raise ChatError("Only a server sends CONNECT_ERROR.")

    def _send(self, packet: Packet) -> None:
        self._output += encode(Opcode.TEXT, packet.serialise())

    def _end(self, ending: CloseReason, events: list[ChatEvent], words: str = "") -> None:
        self._phase = _Phase.ENDED
        self._output += encode_close(ending.code, words or ending.words)
        events.append(SessionEnded(ending))


_NO_NAMESPACE = {"code": "bad_namespace"}
