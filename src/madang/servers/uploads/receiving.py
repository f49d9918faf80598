"""The content of one request on its way to the disk, with constant memory."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from functools import partial
from typing import Final

from madang.infra.disk import Disk, ShortWrite, write_all
from madang.wire.tus import Hashes, ReceivedContent, Transfer, UploadError

WRITE_BYTES: Final = 1 << 20
"""Bytes written at once. While one such block is written the next one is received."""

SYNC_BYTES: Final = 64 << 20
SYNC_SECONDS: Final = 5.0
"""Bytes and seconds between two records of the progress: what a crash makes a client send again."""

Record = Callable[[int], Awaitable[None]]
"""Stores how many bytes of the content are on the disk."""


class Receiving:
    """Stores the content of one request; for one event loop.

    `size` counts the bytes that are written, `synced` those of them that are on the disk for
    certain. `stopped`: another request came. `failure` is what the
    disk said when it took no more. `threads` run the writes to `descriptor`, one after another; it
    is closed after the last of them.
    """

    def __init__(
        self, transfer: Transfer, descriptor: int, disk: Disk, threads: Executor, *, digest: bool
    ) -> None:
        algorithms = (*transfer.algorithms, *(("sha256",) if digest else ()))
        self.transfer = transfer
        self.size = self.synced = 0
        self.failure: OSError | None = None
        self.stopped = False
        self._hashes = Hashes(dict.fromkeys(algorithms))
        self._descriptor = descriptor
        self._disk = disk
        self._threads = threads
        self._pieces: list[bytes] = []
        self._buffered = 0
        self._on_thread: asyncio.Future[int] | None = None
        self._reception: asyncio.Task[bool] | None = None
        self._task: asyncio.Task[ReceivedContent] | None = None

    def start(self, pieces: AsyncIterator[bytes], record: Record) -> None:
        """Begin."""
        loop = asyncio.get_running_loop()
        self._reception = loop.create_task(self._receive(pieces, record))
        self._task = loop.create_task(self._run(self._reception))

    async def wait(self) -> ReceivedContent:
        """Return what was received, all of it written and synced. Raises UploadError."""
        assert self._task is not None
        await asyncio.wait([self._task])
        return self._task.result()

    async def stop(self) -> int:
        """Take no more, and return how many bytes are written and synced."""
        assert self._reception is not None
        assert self._task is not None
        self.stopped = True
        self._reception.cancel()
        await asyncio.wait([self._task])
        return self.synced

    async def _run(self, reception: asyncio.Task[bool]) -> ReceivedContent:
        try:
            return await self._store(reception)
        finally:
            if self._on_thread is not None:
                await asyncio.wait([self._on_thread])
            os.close(self._descriptor)

    async def _store(self, reception: asyncio.Task[bool]) -> ReceivedContent:
        ended = excess = False
        refusal: UploadError | None = None
        try:
            excess = await reception
            ended = not excess
        except (ConnectionError, TimeoutError):
            pass
        except asyncio.CancelledError:
            if not self.stopped:
                raise
        except UploadError as error:
            refusal = error
        except OSError as error:
            self._fail(error)
        if self.failure is None:
            try:
                await self._sync()
            except OSError as error:
                self._fail(error)
                ended = False
        if isinstance(self.failure, ShortWrite):  # a sync that failed must not be tried again
            with contextlib.suppress(OSError):
                await self._sync()
        if refusal is not None:
            raise refusal
        whole = ended and not self.stopped
        return ReceivedContent(
            self.synced, ended=whole or excess, excess=excess, digests=self._hashes.digests()
        )

    async def _receive(self, pieces: AsyncIterator[bytes], record: Record) -> bool:
        """Receive all; return whether there was too much."""
        room = self.transfer.capacity
        now = asyncio.get_running_loop().time
        recorded_size, recorded_at = 0, now()
        async for piece in pieces:
            self._pieces.append(piece[:room])
            self._buffered += len(self._pieces[-1])
            if len(piece) > room:
                return True
            room -= len(piece)
            if self._buffered >= WRITE_BYTES:
                await self._flush()
            due = self.size - recorded_size >= SYNC_BYTES or now() - recorded_at >= SYNC_SECONDS
            if due and self.transfer.keeps:
                await self._sync()
                await record(self.size)
                recorded_size, recorded_at = self.size, now()
        return False

    async def _flush(self) -> None:
        """Hand the pieces to a thread, once those before are written."""
        await self._settle()
        if self._pieces:
            pieces, self._pieces, self._buffered = self._pieces, [], 0
            self._begin(partial(self._write, pieces))

    async def _sync(self) -> None:
        await self._flush()
        await self._settle()
        self._begin(self._sync_disk)
        await self._settle()
        self.synced = self.size

    def _begin(self, function: Callable[[], int]) -> None:
        """Run a function on a thread that returns how many bytes it wrote."""
        self._on_thread = asyncio.get_running_loop().run_in_executor(self._threads, function)

    async def _settle(self) -> None:
        """Wait for the thread, also for what it began before a stop."""
        running = self._on_thread
        if running is None:
            return
        try:
            written = await asyncio.shield(running)
        except OSError as error:
            self._on_thread = None
            if isinstance(error, ShortWrite):
                self.size += error.written
            raise
        self._on_thread = None
        self.size += written

    def _write(self, pieces: list[bytes]) -> int:
        written = 0
        for piece in pieces:
            self._hashes.update(piece)
            try:
                write_all(self._disk, self._descriptor, piece, self._end + written)
            except ShortWrite as error:
                error.written += written
                raise
            written += len(piece)
        return written

    @property
    def _end(self) -> int:
        return self.transfer.offset + self.size

    def _sync_disk(self) -> int:
        self._disk.sync(self._descriptor)
        return 0

    def _fail(self, error: OSError) -> None:
        self.failure = error
        self._pieces.clear()
