"""Load clients, as cheap as possible so that they disturb little.

Each counts what it receives while `counting` is set, and fails the load on an unexpected answer.
"""

from __future__ import annotations

import asyncio
import gzip
import os
from dataclasses import dataclass, field
from typing import Final, cast
from urllib.parse import urljoin

from madang.ops.measure.errors import MeasureFailed
from madang.wire.hls import MediaPlaylist, parse_media

_PARSED_LIMIT: Final = 64
"""Number of parsed playlists kept, so that a thousand viewers parse each once."""

_GZIP_MAGIC: Final = b"\x1f\x8b"
"""First bytes of gzip (RFC 1952, section 2.3.1); a playlist starts with #EXTM3U."""

_BROWSER_HEADERS: Final = (
    "Connection: keep-alive\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36\r\nAccept: */*\r\nReferer: http://127.0.0.1/\r\n"
    "Accept-Encoding: gzip, deflate\r\nAccept-Language: en\r\n\r\n"
)
"""Headers of a browser: parsing them is part of the cost of a request."""


@dataclass(slots=True)
class LoadCounters:
    """State shared by all clients of a load. `counting` is true during the measured seconds."""

    counting: bool = False
    count: int = 0
    received: int = 0
    failed: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def fail(self, message: str) -> None:
        """End the load; only the first reason counts."""
        if not self.failed.done():
            self.failed.set_exception(MeasureFailed(message))


class HttpClient(asyncio.Protocol):
    """A connection with one request at a time (HTTP/1.1, Content-Length)."""

    def __init__(self, counters: LoadCounters, name: int) -> None:
        self.counters = counters
        self._request_end = (
            " HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"X-Playback-Session-Id: measure-{name}\r\n{_BROWSER_HEADERS}"
        ).encode()
        self._head = bytearray()
        self._missing = -1
        self._body: list[bytes] = []
        self._closing = False

    def on_connected(self) -> None:
        """Send the first request."""
        raise NotImplementedError

    def on_body(self, body: bytes) -> None:
        """Handle a complete response."""
        raise NotImplementedError

    def request(self, path: str) -> None:
        """Request `path`."""
        self._transport.write(b"GET " + path.encode() + self._request_end)

    def close(self) -> None:
        """Close the connection."""
        self._closing = True
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.on_connected()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._closing:
            self.counters.fail(f"The station closed a connection ({error or 'no error'}).")

    def data_received(self, data: bytes) -> None:
        if self.counters.counting:
            self.counters.received += len(data)
        if self._missing < 0:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._head[:end]).lower()
            data = bytes(self._head[end + 4 :])
            self._head.clear()
            mark = head.find(b"\r\ncontent-length:")
            if b" 200 " not in head[:16] or mark < 0:
                self.counters.fail(f"The station answered {head[:60].decode(errors='replace')}.")
                self.close()
                return
            self._missing = int(head[mark + 17 :].split(b"\r\n", 1)[0])
        if data:
            self._body.append(data)
            self._missing -= len(data)
        if self._missing == 0:
            self._missing = -1
            body = b"".join(self._body)
            self._body.clear()
            if not self._closing:
                self.on_body(body)


class PollingClient(HttpClient):
    """Requests one path `rate` times a second (0: without pause), with another query each time, so
    that no cache answers.

    With a rate it starts `phase` seconds after the connection, as clients in step would make
    bursts.
    """

    def __init__(
        self, counters: LoadCounters, name: int, path: str, rate: float, phase: float = 0.0
    ) -> None:
        super().__init__(counters, name)
        self._name = name
        self._phase = phase
        self._path = path
        self._rate = rate
        self._asked = 0
        self._began = 0.0

    def on_connected(self) -> None:
        loop = asyncio.get_running_loop()
        self._began = loop.time() + self._phase
        if self._phase:
            loop.call_at(self._began, self._request)
        else:
            self._request()

    def on_body(self, body: bytes) -> None:
        if self.counters.counting:
            self.counters.count += 1
        self._asked += 1
        loop = asyncio.get_running_loop()
        due = self._began + self._asked / self._rate if self._rate else 0.0
        if due > loop.time():
            loop.call_at(due, self._request)
        else:
            self._request()

    def _request(self) -> None:
        if not self._closing:
            self.request(f"{self._path}?request={self._name}-{self._asked}")


class LowLatencyClient(HttpClient):
    """Follows a low-latency playlist part by part (RFC 8216bis, section 6.2.5.2)."""

    _parsed: dict[bytes, MediaPlaylist]

    def __init__(
        self, counters: LoadCounters, name: int, path: str, parsed: dict[bytes, MediaPlaylist]
    ) -> None:
        super().__init__(counters, name)
        self._path = path
        self._parsed = parsed
        self._next = path
        self._last = (-1, -1)
        self._pending: list[tuple[tuple[int, int], str]] = []
        self._fetching: tuple[int, int] | None = None

    def on_connected(self) -> None:
        self.request(self._path)

    def on_body(self, body: bytes) -> None:
        if self._fetching is not None:
            self._last = self._fetching
            if self.counters.counting:
                self.counters.count += 1
        else:
            self._read(body)
        if self._pending:
            self._fetching, uri = self._pending.pop(0)
            self.request(urljoin(self._path, uri))
        else:
            self._fetching = None
            self.request(self._next)

    def _read(self, body: bytes) -> None:
        playlist = self._parsed.get(body)
        if playlist is None:
            if len(self._parsed) > _PARSED_LIMIT:
                self._parsed.clear()
            text = gzip.decompress(body) if body.startswith(_GZIP_MAGIC) else body
            playlist = self._parsed[body] = parse_media(text.decode())
        found: list[tuple[tuple[int, int], str]] = []
        following = (playlist.media_sequence, 0)
        first = playlist.media_sequence + playlist.skipped
        for msn, segment in enumerate(playlist.segments, first):
            for index, part in enumerate(segment.parts):
                found.append(((msn, index), part.uri))
            following = (msn + 1, 0) if segment.complete else (msn, len(segment.parts))
        self._next = f"{self._path}?_HLS_msn={following[0]}&_HLS_part={following[1]}&_HLS_skip=YES"
        new = [entry for entry in found if entry[0] > self._last]
        self._pending = new if self._last[0] >= 0 else new[-1:]


class ChatClient(asyncio.Protocol):
    """A guest in a chat: Socket.IO 5 over WebSocket. Counts the messages it receives."""

    def __init__(self, counters: LoadCounters, name: int, slug: str) -> None:
        self.counters = counters
        self._name = name
        self._slug = slug
        self._buffer = b""
        self._open = False
        self._closing = False
        self.joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: bWFkYW5nLW1lYXN1cmVzIQ==\r\n\r\n"
        )

    def connection_lost(self, error: Exception | None) -> None:
        if not self._closing:
            self.counters.fail(f"The chat closed a connection ({error or 'no error'}).")

    def send_message(self, number: int) -> None:
        """Send a message to the chat."""
        self._send(f'42["message",{{"text":"measuring, message {number}"}}]')

    def close(self) -> None:
        """Close the connection."""
        self._closing = True
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        if self.counters.counting:
            self.counters.received += len(data)
        self._buffer += data
        if not self._open:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            if b" 101 " not in self._buffer[:16]:
                answer = self._buffer[:60].decode(errors="replace")
                self.counters.fail(f"The chat answered {answer}.")
                self.close()
                return
            self._buffer = self._buffer[end + 4 :]
            self._open = True
            # A name stays reserved for a while after its owner left.
            name = f"{self._name}-{os.urandom(4).hex()}"
            auth = f'{{"channel":"{self._slug}","name":"{name}"}}'
            self._send(f"40{auth}")
        while self._read_frame():
            pass

    def _read_frame(self) -> bool:
        """Read one frame of the server, which is not masked (RFC 6455, section 5.2)."""
        data = self._buffer
        if len(data) < 2:
            return False
        length, start = data[1] & 0x7F, 2
        if length >= 126:
            start = 4 if length == 126 else 10
            if len(data) < start:
                return False
            length = int.from_bytes(data[2:start], "big")
        if len(data) < start + length:
            return False
        body = data[start : start + length]
        self._buffer = data[start + length :]
        if body[:1] == b"2":
            self._send("3")
        elif body[:2] == b"40" and not self.joined.done():
            self.joined.set_result(None)
        elif body[:2] == b"44":
            self.counters.fail(f"The chat refused: {body[:100].decode(errors='replace')}")
        elif self.counters.counting and body.startswith(b'42["messages"'):
            self.counters.count += body.count(b'"text":')
        return True

    def _send(self, text: str) -> None:
        payload = text.encode()
        mask = os.urandom(4)
        size = len(payload)
        head = (
            bytes([0x81, 0x80 | size])
            if size < 126
            else (bytes([0x81, 0xFE]) + size.to_bytes(2, "big"))
        )
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        self._transport.write(head + mask + masked)
