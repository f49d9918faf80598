"""One HTTP/1.1 connection of a viewer: heads are parsed, bodies pass through in slices.

All connections read into one buffer: what arrives is looked at before the next connection reads,
and a buffer that stays in the processor's cache is what makes thousands of viewers cheap.
"""

from __future__ import annotations

import asyncio
from typing import Final, cast

from bench.loads.audience import Audience

_SCRATCH: Final = memoryview(bytearray(1 << 18))
_MAX_HEAD: Final = 16_384
_CRLF: Final = b"\r\n"


class HttpViewer(asyncio.BufferedProtocol):
    """HTTP client that passes responses to `on_head`, `on_body` and `on_end`."""

    def __init__(self, audience: Audience, host: str, name: int) -> None:
        self.audience = audience
        # Headers of Chromium and hls.js, with the station's own session header.
        self._head = (
            f" HTTP/1.1\r\nHost: {host}\r\nConnection: keep-alive\r\n"
            f"X-Playback-Session-Id: viewer-{name}\r\n"
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
            f"Chrome/140.0.0.0 Safari/537.36\r\nAccept: */*\r\nReferer: http://{host}/\r\n"
            "Accept-Encoding: gzip, deflate\r\nAccept-Language: en\r\n\r\n"
        ).encode()
        self._pending = b""
        self._left = 0
        self._in_head = True
        self._chunked = False
        self._closing = False
        self._asked = b""
        self._status = b" 200 "

    def request(self, target: bytes, first: int = 0, length: int = 0) -> None:
        """Ask for `target`, a path with its query, or with `length` for so many bytes of it."""
        self._asked = target
        self._in_head = True
        head = self._head
        if length:
            head = head[:-2] + b"Range: bytes=%d-%d\r\n\r\n" % (first, first + length - 1)
        self._status = b" 206 " if length else b" 200 "
        self._transport.write(b"GET " + target + head)

    def on_connected(self) -> None:
        """Handle the connection; send the first request."""
        raise NotImplementedError

    def on_head(self, head: bytes, length: int) -> None:
        """Handle a head with the right status; `head` is in lower case, `length` -1 if unknown."""

    def on_body(self, data: memoryview) -> None:
        """Handle the next bytes of the body, valid until this returns."""
        raise NotImplementedError

    def on_end(self) -> None:
        """Handle the end of the response."""
        raise NotImplementedError

    def fail(self, reason: str) -> None:
        """End the run: the server's response is wrong."""
        self.audience.fail(f"{self._asked.decode(errors='replace')}: {reason}")
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._closing = True
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.on_connected()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._closing:
            self.fail(f"the server closed the connection ({error or 'without an error'})")

    def get_buffer(self, sizehint: int) -> memoryview:
        return _SCRATCH

    def buffer_updated(self, count: int) -> None:
        self.audience.received += count
        data = _SCRATCH[:count]
        while data and not self._closing:
            if self._in_head:
                data = self._read_head(data)
            elif self._left:
                data = self._read_body(data)
            elif self._chunked:
                data = self._read_chunk_size(data)
            else:
                self.fail("bytes came that nobody asked for")

    def _read_head(self, data: memoryview) -> memoryview:
        text = self._pending + bytes(data[:_MAX_HEAD])
        end = text.find(b"\r\n\r\n")
        if end < 0:
            if len(text) > _MAX_HEAD:
                self.fail("the head of the response is too long")
            self._pending = text
            return data[len(data) :]
        rest = data[end + 4 - len(self._pending) :]
        self._pending = b""
        self._in_head = False
        head = text[: end + 2].lower()
        if head[:7] != b"http/1." or head[8:13] != self._status:
            self.fail(f"the answer is {head.partition(_CRLF)[0].decode(errors='replace')}")
            return rest
        length = _field(head, b"content-length")
        self._chunked = _field(head, b"transfer-encoding") == b"chunked"
        if self._chunked:
            self._left = 0
        elif length is None:
            self._left = 1 << 62  # until the connection ends
        else:
            self._left = int(length)
        self.on_head(head, -1 if length is None else int(length))
        if self._left == 0 and not self._chunked:
            self.on_end()
        return rest

    def _read_body(self, data: memoryview) -> memoryview:
        taken = data[: self._left]
        self._left -= len(taken)
        self.on_body(taken)
        if not self._left and not self._chunked:
            self.on_end()
        return data[len(taken) :]

    def _read_chunk_size(self, data: memoryview) -> memoryview:
        """The line between chunks (RFC 9112, section 7.1), with the CRLF of the last before it."""
        line = self._pending + bytes(data[:32])
        start = 2 if line.startswith(_CRLF) else 0
        end = line.find(_CRLF, start)
        if end < 0:
            if len(line) >= 64:
                self.fail("a chunk has no size")
            self._pending = line
            return data[32:]
        size = int(line[start:end], 16)
        if not size:
            end += 2  # an empty line ends the response; servers here send no trailers
            if len(line) < end + 2:
                self._pending = line
                return data[32:]
        rest = data[end + 2 - len(self._pending) :]
        self._pending = b""
        self._left = size
        if not size:
            self._chunked = False
            self.on_end()
        return rest


def _field(head: bytes, name: bytes) -> bytes | None:
    start = head.find(b"\r\n" + name + b":")
    if start < 0:
        return None
    start += len(name) + 3
    return head[start : head.index(_CRLF, start)].strip()
