"""RTMP publisher on a real socket, for tests and benches that need exact misbehaviour."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from madang.wire.flv import FlvReader, Tag
from madang.wire.rtmp import HANDSHAKE_RANDOM, ClientSession
from madang.wire.rtmp.client import CHUNK_SIZE, PublishAccepted, PublishRejected


class PublishRefused(Exception):
    """Server refused the stream or ended it; `description` is its text."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{description} ({code})")
        self.code = code
        self.description = description


class RtmpPublisher:
    """Publisher to `rtmp://host:port/app` under the stream name `name`.

    Entering connects and waits for acceptance: it raises PublishRefused, or ConnectionError if the
    server closes. Leaving ends the stream in order, unless `abort` came first. A half-open
    connection is one that is entered and then left alone.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        app: str = "live",
        name: str,
        tls: ssl.SSLContext | None = None,
        chunk_size: int = CHUNK_SIZE,
    ) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        scheme = "rtmps" if tls else "rtmp"
        self._session = ClientSession(
            handshake_random=os.urandom(HANDSHAKE_RANDOM),
            now=asyncio.get_running_loop().time(),
            app=app,
            tc_url=f"{scheme}://{host}:{port}/{app}",
            name=name,
            chunk_size=chunk_size,
        )
        self._accepted = asyncio.Event()
        self._rejection: PublishRejected | None = None
        self._aborted = False

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(
            self._host, self._port, ssl=self._tls
        )
        self._flush()
        self._listener = asyncio.create_task(self._listen())
        accepted = asyncio.create_task(self._accepted.wait())
        await asyncio.wait({accepted, self._listener}, return_when=asyncio.FIRST_COMPLETED)
        accepted.cancel()
        if not self._accepted.is_set():
            await self._close()
            self._raise_if_over()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._aborted and not self._listener.done():
            self._session.finish()
            self._flush()
        await self._close()

    async def send(self, *tags: Tag) -> None:
        """Send tags as fast as the server reads. Raises PublishRefused or ConnectionError."""
        for tag in tags:
            self._raise_if_over()
            self._session.send(tag)
            self._flush()
            try:
                await self._writer.drain()
            except ConnectionError:
                await asyncio.wait([self._listener])  # it may still read why the server closed
                self._raise_if_over()
                raise

    async def play(self, tags: Iterable[Tag], *, shift: int = 0) -> None:
        """Send tags at the times of their timestamps, the first at once; `shift` milliseconds are
        added to each. Raises like `send`."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        first: int | None = None
        for tag in tags:
            first = tag.timestamp if first is None else first
            await asyncio.sleep(began + (tag.timestamp - first) / 1e3 - loop.time())
            await self.send(Tag(tag.type, tag.timestamp + shift & 0xFFFFFFFF, tag.body))

    async def wait_closed(self) -> PublishRejected | None:
        """Wait until the server closes; return its reason, if any."""
        await asyncio.wait({self._listener})
        return self._rejection

    def abort(self) -> None:
        """Reset the connection, as in a crash."""
        self._aborted = True
        self._writer.transport.abort()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        while data := await self._reader.read(65_536):
            for event in self._session.receive(data, loop.time()):
                match event:
                    case PublishAccepted():
                        self._accepted.set()
                    case PublishRejected():
                        self._rejection = event
            self._flush()

    def _raise_if_over(self) -> None:
        if self._rejection is not None:
            raise PublishRefused(self._rejection.code, self._rejection.description)
        if self._listener.done():
            raise ConnectionError("the server hung up")

    def _flush(self) -> None:
        output = self._session.take_output()
        if output:
            self._writer.write(output)

    async def _close(self) -> None:
        self._writer.close()
        self._listener.cancel()
        await asyncio.gather(self._listener, self._writer.wait_closed(), return_exceptions=True)


def read_flv(path: Path) -> list[Tag]:
    """Return the tags of an FLV file."""
    return FlvReader().receive(path.read_bytes())
