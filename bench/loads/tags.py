"""Viewers of continuous streams: HTTP-FLV, and RTMP play.

A tag counts when all of it is here. Its lateness is measured against the first viewer that had
it, by the timestamp that servers pass on from the publisher.
"""

from __future__ import annotations

import asyncio
import os
import struct
from typing import Final, cast

from bench.loads.audience import Audience, Playhead
from bench.loads.http import HttpViewer
from madang.base.errors import ParseError
from madang.wire.flv import TagType
from madang.wire.rtmp import DEFAULT_LIMITS, HANDSHAKE_RANDOM
from madang.wire.rtmp import chunks as rtmp_chunks
from madang.wire.rtmp.handshake import Handshake, opening
from madang.wire.rtmp.messages import (
    Acknowledgement,
    Command,
    UserControl,
    WindowSize,
    parse_control,
    type_id_of,
)

HOLD: Final = 1.0
"""Seconds of buffer of the player: three parts of a third of a second, as for low-latency HLS."""

_KEPT: Final = 4096
"""Tags that are remembered: more than any server sends a new viewer at once."""

_HEADER: Final = struct.Struct(">II")
_SIZE: Final = struct.Struct(">I")
_FILE_HEADER: Final = 13
_TAG_HEADER: Final = 11
_PEEK: Final = 2
"""Bytes of a body that are read with its header: codec, and whether it is a frame (FLV 10.1,
E.4.3.1). The sample's tags, H.264 and AAC, have more."""

_FRAME: Final = 1
_VIDEO: Final = int(TagType.VIDEO)
_TYPES: Final = frozenset(int(kind) for kind in TagType)


class Arrivals:
    """First arrival and length of each video tag, by timestamp."""

    def __init__(self, audience: Audience) -> None:
        self._audience = audience
        self._first: dict[int, tuple[float, int]] = {}
        self.shared = 0

    def note(self, timestamp: int, length: int, playhead: Playhead) -> str | None:
        """Record a complete video tag. Return an error text, None if it is valid."""
        audience = self._audience
        now = audience.now()
        playhead.arrived(timestamp / 1000, now)
        known = self._first.get(timestamp)
        if known is None:
            if len(self._first) >= _KEPT:
                del self._first[next(iter(self._first))]
            self._first[timestamp] = known = (now, length)
        elif known[1] != length:
            return f"{length} bytes at {timestamp} ms, {known[1]} for another viewer"
        else:
            self.shared += 1
        if audience.measuring:
            audience.pieces += 1
            audience.lateness.append(now - known[0])
        return None


class FlvViewer(HttpViewer):
    """Reads an FLV stream: walks from tag to tag and checks type, time and size of each."""

    def __init__(
        self, audience: Audience, host: str, name: int, arrivals: Arrivals, target: str
    ) -> None:
        super().__init__(audience, host, name)
        self._target = target.encode()
        self._arrivals = arrivals
        self.playhead = Playhead(audience, HOLD)
        self._start = b""  # an incomplete tag header, with what stands before it
        self._skip = 0  # bytes of the tag's body to come
        self._opened = False
        self._size = 0  # the last tag's, as the four bytes after it must repeat
        self._frame = False  # whether the tag is a video frame
        self._time = -1

    def on_connected(self) -> None:
        self.request(self._target)

    def on_end(self) -> None:
        self.fail("the stream ended")

    def on_body(self, data: memoryview) -> None:
        position = 0
        if self._start:
            # Rare: a header across two reads. Join and go on as if they were one.
            data = memoryview(self._start + bytes(data))
            self._start = b""
        if not self._opened:
            if len(data) < _FILE_HEADER:
                self._start = bytes(data)
                return
            if bytes(data[:3]) != b"FLV":
                self.fail("this is not FLV")
                return
            self._opened = True
            position = _FILE_HEADER - _SIZE.size
        end = len(data)
        while True:
            if self._skip:
                taken = min(self._skip, end - position)
                self._skip -= taken
                position += taken
                if self._skip:
                    return
                if self._frame:
                    wrong = self._arrivals.note(self._time, self._size, self.playhead)
                    if wrong:
                        self.fail(wrong)
                        return
            if end - position < _SIZE.size + _TAG_HEADER + _PEEK:
                self._start = bytes(data[position:])
                return
            position = self._next(data, position)
            if self._closing:
                return

    def _next(self, data: memoryview, position: int) -> int:
        (size,) = _SIZE.unpack_from(data, position)
        position += _SIZE.size
        first, stamp = _HEADER.unpack_from(data, position)
        position += _TAG_HEADER
        kind = first >> 24
        length = first & 0xFFFFFF
        time = (stamp & 0xFF) << 24 | stamp >> 8
        self._frame = kind == _VIDEO and data[position + 1] == _FRAME
        if size != self._size:
            self.fail(f"a tag of {self._size} bytes is followed by the size {size}")
        elif kind not in _TYPES or length <= _PEEK:
            self.fail(f"a tag of type {kind} with {length} bytes")
        elif self._frame and time < self._time:
            self.fail(f"video goes back from {self._time} to {time} ms")
        if self._frame:
            self._time = time
        self._skip = length - _PEEK
        self._size = length + _TAG_HEADER
        return position + _PEEK


class RtmpViewer(asyncio.Protocol):
    """Plays `name` of the application `live`, as ffplay would (RTMP 1.0, section 7.2.2)."""

    def __init__(self, audience: Audience, host: str, name: str, arrivals: Arrivals) -> None:
        self._audience = audience
        self._url = f"rtmp://{host}/live"
        self._name = name
        self._arrivals = arrivals
        self.playhead = Playhead(audience, HOLD)
        self._handshake = Handshake()
        self._shaking = True
        self._reader = rtmp_chunks.ChunkReader(DEFAULT_LIMITS)
        self._writer = rtmp_chunks.ChunkWriter()
        self._window = 0
        self._bytes = 0
        self._acknowledged = 0
        self._time = -1
        self._closing = False

    def close(self) -> None:
        """Close the connection."""
        self._closing = True
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(opening(os.urandom(HANDSHAKE_RANDOM)))

    def connection_lost(self, error: Exception | None) -> None:
        if not self._closing:
            self._fail(f"the server closed the connection ({error or 'without an error'})")

    def data_received(self, data: bytes) -> None:
        self._audience.received += len(data)
        self._bytes += len(data)
        try:
            self._receive(data)
        except ParseError as error:
            self._fail(str(error))

    def _receive(self, data: bytes) -> None:
        if self._shaking:
            echo, data = self._handshake.receive(data)
            self._transport.write(echo)
            if not self._handshake.done:
                return
            self._shaking = False
            self._connect()
        self._reader.feed(data)
        while (message := self._reader.next_message()) is not None:
            if message.type_id in _TYPES:
                if message.type_id == _VIDEO and message.body[1:2] == b"\x01":
                    self._video(message)
            else:
                self._control(message)
        if self._window and self._bytes - self._acknowledged >= self._window // 2:
            self._acknowledged = self._bytes
            self._send(Acknowledgement(self._bytes & rtmp_chunks.TIMESTAMP_MASK))

    def _video(self, message: rtmp_chunks.RtmpMessage) -> None:
        if message.timestamp < self._time:
            self._fail(f"video goes back from {self._time} to {message.timestamp} ms")
            return
        self._time = message.timestamp
        wrong = self._arrivals.note(message.timestamp, len(message.body), self.playhead)
        if wrong:
            self._fail(wrong)

    def _connect(self) -> None:
        properties = {"app": "live", "flashVer": "LNX 9,0,124,2", "tcUrl": self._url}
        self._send(Command("connect", 1.0, (properties,)))

    def _control(self, message: rtmp_chunks.RtmpMessage) -> None:
        match parse_control(message.type_id, message.body):
            case Command("_result", 1.0):
                self._reader.limit_messages("message", DEFAULT_LIMITS.message)
                self._send(Command("createStream", 2.0))
            case Command("_result", 2.0, (_, float(stream_id))):
                # A player asks for some buffer; the server sends what is live at once.
                length = int(stream_id).to_bytes(4, "big") + (1000).to_bytes(4, "big")
                self._send(UserControl(3, length))
                self._send(Command("play", 3.0, (None, self._name, -2.0)), int(stream_id))
            case Command("_error"):
                self._fail("the server refuses to play")
            case WindowSize(size):
                self._window = size
            case UserControl(6, data):
                self._send(UserControl(7, data))
            case _:
                pass  # statuses and bandwidths, which change nothing for a player

    def _send(self, control: Command | UserControl | Acknowledgement, stream_id: int = 0) -> None:
        csid = 3 if isinstance(control, Command) else 2
        message = rtmp_chunks.RtmpMessage(type_id_of(control), 0, stream_id, control.serialise())
        self._transport.write(self._writer.encode(csid, message))

    def _fail(self, reason: str) -> None:
        self._audience.fail(f"{self._url}/{self._name}: {reason}")
        self.close()
