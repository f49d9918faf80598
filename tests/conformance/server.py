"""Serves a synthetic stream over HTTP/1.1, correctly, save where a fault is put in."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, urlsplit

import httpx

from madang.wire.hls import MediaPlaylist, render_media, render_multivariant
from tests.conformance.synthetic import PARTS, Station

_IMMUTABLE = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Request:
    """A request as a fault sees it: header names are in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]

    @property
    def name(self) -> str:
        """The last step of the path."""
        return self.path.rpartition("/")[2]

    @property
    def is_playlist(self) -> bool:
        """True where a playlist is asked for."""
        return self.path.endswith(".m3u8")


@dataclass(frozen=True, slots=True)
class Answer:
    """A response before its length is put in."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fault:
    """Errors of a server. Each hook gets what is right and returns what is sent instead.

    `directives` changes the query before it is obeyed, `playlist` the value that is rendered
    (rendition name first), `text` what was rendered, `media` the bytes of a fragment (its file
    name first), `answer` the whole response. `wait` is the longest wait for a part in seconds,
    `hint_waits` is false where a hinted part is not waited for.
    """

    directives: Callable[[Request], str] = lambda request: request.query
    playlist: Callable[[str, MediaPlaylist], MediaPlaylist] = lambda name, playlist: playlist
    text: Callable[[str], str] = lambda text: text
    media: Callable[[str, bytes], bytes] = lambda name, data: data
    answer: Callable[[Request, Answer], Answer] = lambda request, answer: answer
    wait: float = 3.0
    hint_waits: bool = True


CORRECT = Fault()


@dataclass(slots=True)
class Server:
    """Answers for one station under one fault."""

    station: Station
    fault: Fault = CORRECT

    async def answer(self, request: Request) -> Answer:
        """The response to `request`, wrong as the fault has it."""
        query = self.fault.directives(request)
        if request.name == "index.m3u8":
            text = render_multivariant(self.station.multivariant())
            answer = _playlist(request, text)
        elif request.is_playlist:
            answer = await self._media_playlist(request, query)
        else:
            answer = await self._media(request)
        answer.headers["access-control-allow-origin"] = "*"
        return self.fault.answer(request, answer)

    async def _media_playlist(self, request: Request, query: str) -> Answer:
        directives = parse_qs(query, keep_blank_values=True)
        numbers: dict[str, int] = {}
        for key in ("_HLS_msn", "_HLS_part"):
            if key in directives:
                if not re.fullmatch(r"[0-9]{1,18}", directives[key][0], re.ASCII):
                    return Answer(400)
                numbers[key] = int(directives[key][0])
        if numbers and not self.station.ended:
            refusal = await self._wait(numbers)
            if refusal is not None:
                return refusal
        name = request.path.split("/")[-2]
        playlist = self.fault.playlist(name, self.station.playlist(name))
        skip = directives.get("_HLS_skip", [""])[0] in ("YES", "v2")
        return _playlist(request, self.fault.text(render_media(playlist, skip=skip)))

    async def _wait(self, numbers: dict[str, int]) -> Answer | None:
        if "_HLS_msn" not in numbers:
            return Answer(400)
        msn, part = numbers["_HLS_msn"], numbers.get("_HLS_part", PARTS - 1)
        if msn > (self.station.count() - 1) // PARTS + 2:
            return Answer(400)
        wanted = msn * PARTS + min(part, PARTS) + 1
        return None if await self.station.reach(wanted, self.fault.wait) else Answer(503)

    async def _media(self, request: Request) -> Answer:
        match = re.fullmatch(r"(init|p|s)(\d{1,9})\.mp4", request.name)
        if match is None:
            return Answer(404)
        rendition, number = request.path.split("/")[-2], int(match[2])
        hinted = match[1] == "p" and number == self.station.count()
        if hinted and self.fault.hint_waits:
            await self.station.reach(number + 1, self.fault.wait)
        data = self.station.media(rendition, match[1], number)
        if data is None:
            return Answer(404)
        data = self.fault.media(request.name, data)
        headers = {
            "content-type": f"{rendition}/mp4",
            "cache-control": _IMMUTABLE,
            "etag": f'"{hashlib.sha256(data).hexdigest()[:16]}"',
            "accept-ranges": "bytes",
        }
        return _conditional(request, Answer(200, data, headers))


def _playlist(request: Request, text: str) -> Answer:
    headers = {
        "content-type": "application/vnd.apple.mpegurl",
        "cache-control": "no-cache",
        "vary": "Accept-Encoding",
    }
    body = text.encode()
    if "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, 1)
        headers["content-encoding"] = "gzip"
    return Answer(200, body, headers)


def _conditional(request: Request, full: Answer) -> Answer:
    if request.headers.get("if-none-match") == full.headers["etag"]:
        return replace(full, status=304, body=b"")
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("range", ""))
    if match is None:
        return full
    size = len(full.body)
    if match[1]:
        first, last = int(match[1]), min(int(match[2] or size), size - 1)
    else:
        first, last = size - int(match[2]), size - 1
    if first >= size:
        return Answer(416, b"", {**full.headers, "content-range": f"bytes */{size}"})
    where = {"content-range": f"bytes {first}-{last}/{size}"}
    return Answer(206, full.body[first : last + 1], full.headers | where)


class InProcess(httpx.AsyncBaseTransport):
    """Asks `server` without a socket: hundreds of broken streams need no connections."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The server's answer, as it would be on the wire."""
        url = request.url
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Request(request.method, url.path, url.query.decode(), headers)
        answer = await self._server.answer(asked)
        body = b"" if request.method == "HEAD" else answer.body
        length = {} if answer.status == 304 else {"content-length": str(len(answer.body))}
        return httpx.Response(answer.status, headers=answer.headers | length, content=body)


@asynccontextmanager
async def serve(server: Server) -> AsyncIterator[str]:
    """Serve on a free port of the loopback; yields the address of the multivariant playlist."""

    conversations: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(_converse(server, reader, writer))
        conversations.add(task)
        task.add_done_callback(conversations.discard)

    listener = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/live/demo/index.m3u8"
        left = list(conversations)
        for task in left:
            task.cancel()
        for outcome in await asyncio.gather(*left, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome


async def _converse(
    server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        while True:
            request = _parse(await reader.readuntil(b"\r\n\r\n"))
            answer = await server.answer(request)
            writer.write(_head(answer))
            writer.write(b"" if request.method == "HEAD" else answer.body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # the client has gone, as clients do
    finally:
        writer.close()


def _parse(head: bytes) -> Request:
    first, *rest = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    pairs = (line.partition(":") for line in rest if line)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    parts = urlsplit(target)
    return Request(method, parts.path, parts.query, headers)


def _head(answer: Answer) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} X"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    if answer.status != 304:
        lines.append(f"content-length: {len(answer.body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
