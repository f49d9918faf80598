"""Chunk stream: splitting messages into chunks and reassembling them (RTMP 1.0, section 5.3)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from madang.base.errors import LimitExceeded
from madang.wire.rtmp.errors import RtmpError
from madang.wire.rtmp.limits import RtmpLimits

DEFAULT_CHUNK_SIZE = 128
"""Initial chunk size of both sides (5.4.1)."""

MIN_CHUNK_SIZE = 128
"""Smaller chunks cost more headers than they save latency, and are a cheap way to burn CPU."""

TIMESTAMP_MASK = 0xFFFFFFFF
"""Timestamps are milliseconds modulo 2**32 (5.3.1)."""

SET_CHUNK_SIZE = 1
ABORT = 2
"""Messages that control the chunk stream itself; the reader consumes them."""

_EXTENDED = 0xFFFFFF
_HEADER_SIZE = (11, 7, 3)
_U32 = struct.Struct(">I")


class RtmpMessage(NamedTuple):
    """One whole message; `timestamp` is absolute, in milliseconds modulo 2**32."""

    type_id: int
    timestamp: int
    stream_id: int
    body: bytes


class _ChunkStream:
    """Last header of a chunk stream, and its unfinished message."""

    __slots__ = (
        "body",
        "delta",
        "extended",
        "length",
        "marker",
        "missing",
        "stream_id",
        "timestamp",
        "type_id",
    )

    def __init__(self, csid: int) -> None:
        self.marker = bytes((0xC0 | csid,)) if csid < 64 else b""
        self.timestamp = 0
        self.delta = 0
        self.extended = b""
        self.length = 0
        self.type_id = 0
        self.stream_id = 0
        self.missing = 0
        self.body = bytearray()


class ChunkReader:
    """Incremental reassembly of messages.

    Messages may have `limits.setup_message` bytes until `limit_messages` changes that.
    """

    def __init__(self, limits: RtmpLimits) -> None:
        self._limits = limits
        self._message_limit = "setup_message"
        self._max_message = limits.setup_message
        self._chunk_size = DEFAULT_CHUNK_SIZE
        self._streams: dict[int, _ChunkStream] = {}
        self._declared = 0
        self._data = b""
        self._position = 0
        self._current: _ChunkStream | None = None
        self._chunk_left = 0
        self._form = 0
        self._csid = 0

    @property
    def buffered(self) -> int:
        """Bytes not yet read."""
        return len(self._data) - self._position

    def last_header(self) -> str:
        """Describe the header of the latest chunk for a log, without the payload, which may have
        secrets."""
        words = f"chunk type {self._form}, chunk stream {self._csid}"
        stream = self._streams.get(self._csid)
        if stream is None:
            return f"{words}, without a header before it"
        return (
            f"{words}, message type {stream.type_id}, {stream.length} bytes, "
            f"{stream.missing} of them to come, message stream {stream.stream_id}, "
            f"time {stream.timestamp} ms"
        )

    def limit_messages(self, name: str, size: int) -> None:
        """Limit messages that begin from now on to `size` bytes; `name` is the limit's name."""
        self._message_limit = name
        self._max_message = size

    def feed(self, data: bytes) -> None:
        """Take bytes from the peer, for `next_message`."""
        self._data = self._data[self._position :] + data if self.buffered else data
        self._position = 0

    def next_message(self) -> RtmpMessage | None:
        """Return the next whole message, None if more bytes are needed.

        Raises RtmpError for a broken chunk stream, LimitExceeded past a named limit.
        """
        while True:
            stream = self._current
            if stream is None:
                if self._position == len(self._data):
                    return None
                stream = self._read_header()
                if stream is None:
                    return None
                self._current = stream
                self._chunk_left = min(stream.missing, self._chunk_size)
            self._take_payload(stream)
            if self._chunk_left:
                return None
            self._current = None
            if stream.missing:
                self._take_run(stream)
            if not stream.missing:
                message = self._finish(stream)
                if message is not None:
                    return message

    def _take_payload(self, stream: _ChunkStream) -> None:
        start = self._position
        taken = self._data[start : start + self._chunk_left]
        self._position = start + len(taken)
        self._chunk_left -= len(taken)
        stream.missing -= len(taken)
        stream.body += taken

    def _take_run(self, stream: _ChunkStream) -> None:
        """Take consecutive whole chunks of the unfinished message at once.

        Makes small chunks cheap: one frame of 16 KiB is 128 chunks of 128 bytes with the same
        one-byte header, which slicing removes in C.
        """
        stride = self._chunk_size + 1
        if stream.extended or not stream.marker:
            return
        count = min(stream.missing // self._chunk_size, self.buffered // stride)
        if count < 2:
            return
        start = self._position
        headers = self._data[start : start + count * stride : stride]
        count -= len(headers.lstrip(stream.marker))
        run = bytearray(self._data[start : start + count * stride])
        del run[::stride]
        stream.body += run
        stream.missing -= len(run)
        self._position = start + count * stride

    def _finish(self, stream: _ChunkStream) -> RtmpMessage | None:
        body = bytes(stream.body)
        stream.body = bytearray()
        self._declared -= stream.length
        if stream.type_id == SET_CHUNK_SIZE:
            self._set_chunk_size(body)
        elif stream.type_id == ABORT:
            self._abort(body)
        else:
            return RtmpMessage(stream.type_id, stream.timestamp, stream.stream_id, body)
        return None

    def _set_chunk_size(self, body: bytes) -> None:
        if len(body) != 4:
            raise RtmpError("A chunk size does not have four bytes.")
        size = _U32.unpack(body)[0]
        if size < MIN_CHUNK_SIZE:
            raise LimitExceeded("chunk_size", f"Chunks of {size} bytes are too small.")
        if size > self._limits.chunk_size:
            raise LimitExceeded("chunk_size", f"Chunks of {size} bytes are too large.")
        self._chunk_size = size

    def _abort(self, body: bytes) -> None:
        if len(body) != 4:
            raise RtmpError("An abort does not have four bytes.")
        stream = self._streams.get(_U32.unpack(body)[0])
        if stream is not None and stream.missing:
            self._declared -= stream.length
            stream.missing = 0
            stream.body = bytearray()

    def _read_header(self) -> _ChunkStream | None:
        """Read a chunk's headers (5.3.1). Return None, without consuming, if bytes are missing."""
        data = self._data
        position = self._position
        form = data[position] >> 6
        csid = data[position] & 63
        position += 1
        if csid < 2:
            end = position + csid + 1
            if end > len(data):
                return None
            csid = 64 + int.from_bytes(data[position:end], "little")
            position = end
        self._form, self._csid = form, csid
        stream = self._streams.get(csid)
        if form == 3:
            if stream is None:
                raise RtmpError("A chunk refers to a header that was not sent.")
            return self._continue(stream, position)
        return self._begin(stream, csid, form, position)

    def _continue(self, stream: _ChunkStream, position: int) -> _ChunkStream | None:
        """Process a type 3 chunk: the rest of a message, or a new one with the same header.

        The extended timestamp is repeated here (5.3.1.3), but not by OBS before version 30 and
        others, so it is recognised by being equal to that of the last header.
        """
        if stream.extended:
            peeked = self._data[position : position + 4]
            if peeked == stream.extended:
                position += 4
            elif stream.extended.startswith(peeked):
                return None
        self._position = position
        if not stream.missing:
            stream.timestamp = (stream.timestamp + stream.delta) & TIMESTAMP_MASK
            self._open(stream)
        return stream

    def _begin(
        self, stream: _ChunkStream | None, csid: int, form: int, position: int
    ) -> _ChunkStream | None:
        """Process a chunk of type 0, 1 or 2, which starts a message."""
        data = self._data
        end = position + _HEADER_SIZE[form]
        if end > len(data):
            return None
        time = int.from_bytes(data[position : position + 3], "big")
        extended = b""
        if time == _EXTENDED:
            extended = data[end : end + 4]
            if len(extended) < 4:
                return None
            time = _U32.unpack(extended)[0]
        if stream is None:
            stream = self._add(csid)
        elif stream.missing:
            raise RtmpError("A message begins inside another on the same chunk stream.")
        if form < 2:
            stream.length = int.from_bytes(data[position + 3 : position + 6], "big")
            stream.type_id = data[position + 6]
        if form == 0:
            stream.stream_id = int.from_bytes(data[position + 7 : position + 11], "little")
            stream.timestamp = time
        else:
            stream.timestamp = (stream.timestamp + time) & TIMESTAMP_MASK
        # Repeated by a type 3 chunk that starts a message, also after a type 0 (5.3.1.2.4).
        stream.delta = time
        stream.extended = extended
        self._position = end + len(extended)
        self._open(stream)
        return stream

    def _add(self, csid: int) -> _ChunkStream:
        # Type 1 is legal here, on message stream 0: librtmp uses it for pings. Type 2 (DJI) is an
        # empty message of type 0.
        if len(self._streams) >= self._limits.chunk_streams:
            raise LimitExceeded("chunk_streams", "The peer uses too many chunk streams.")
        stream = self._streams[csid] = _ChunkStream(csid)
        return stream

    def _open(self, stream: _ChunkStream) -> None:
        """Start a message. The declared sizes of all unfinished ones are bounded together:
        interleaving must not multiply the limit of one."""
        length = stream.length
        self._declared += length
        if length > self._max_message or self._declared > 2 * self._max_message:
            raise LimitExceeded(self._message_limit, f"A message of {length} bytes is too large.")
        stream.missing = length


class ChunkWriter:
    """Splits messages into chunks, each with a full header: four bytes more than a delta, and
    unambiguous for every peer."""

    def __init__(self) -> None:
        self._chunk_size = DEFAULT_CHUNK_SIZE

    def set_chunk_size(self, size: int) -> bytes:
        """Use chunks of `size` bytes from now on; return the message that announces it."""
        announcement = self.encode(2, RtmpMessage(SET_CHUNK_SIZE, 0, 0, _U32.pack(size)))
        self._chunk_size = size
        return announcement

    def encode(self, csid: int, message: RtmpMessage) -> bytes:
        """Return the chunks of a message on the chunk stream `csid`, 2 to 63."""
        type_id, timestamp, stream_id, body = message
        time = min(timestamp, _EXTENDED)
        extended = _U32.pack(timestamp) if time == _EXTENDED else b""
        pieces = [
            bytes((csid,)),
            time.to_bytes(3, "big"),
            (len(body) << 8 | type_id).to_bytes(4, "big"),
            stream_id.to_bytes(4, "little"),
            extended,
            body[: self._chunk_size],
        ]
        continuation = bytes((0xC0 | csid,)) + extended
        for start in range(self._chunk_size, len(body), self._chunk_size):
            pieces += (continuation, body[start : start + self._chunk_size])
        return b"".join(pieces)
