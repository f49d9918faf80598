"""Commands of clients, carried out on the uploads of a storage."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

from madang.infra.clock import SYSTEM_CLOCK, Clock
from madang.infra.database import DatabaseThreads
from madang.servers.accounts import Account
from madang.servers.uploads.completion import Completion
from madang.servers.uploads.folder import UploadFolder
from madang.servers.uploads.ports import Ledger
from madang.servers.uploads.receiving import Receiving
from madang.servers.uploads.registry import (
    ACCOUNT,
    DIGEST,
    ENDED_AT,
    HANDED_ON,
    JOINED,
    VIDEO,
    Entry,
    Registry,
    refused_by_disk,
)
from madang.wire.tus import (
    Append,
    Concatenate,
    Create,
    Kind,
    Outcome,
    ReceivedContent,
    Response,
    Retrieve,
    StaleTransfer,
    State,
    Terminate,
    Transfer,
    Upload,
    UploadError,
    UploadProtocol,
)
from madang.wire.tus.model import GONE

SWEEP_SECONDS: Final = 30.0

REPEATED_SECONDS: Final = 3600.0
"""Time within which an equal creation with equal content is a repetition: its answer was lost."""


class Uploads:
    """The uploads of one storage, which no other process serves; for one event loop.

    `reserve` is the number of bytes of the disk that uploads leave free. `make_video_id` returns a
    new random id.
    """

    def __init__(
        self,
        protocol: UploadProtocol,
        folder: UploadFolder,
        ledger: Ledger,
        database: DatabaseThreads,
        make_video_id: Callable[[], str],
        *,
        reserve: int = 0,
        clock: Clock = SYSTEM_CLOCK,
        sweep_seconds: float = SWEEP_SECONDS,
    ) -> None:
        self.protocol = protocol
        self._registry = Registry(protocol, folder, ledger, database, clock, reserve=reserve)
        self._completion = Completion(self._registry, sweep_seconds)
        self._make_video_id = make_video_id

    def of_account(self, upload_id: str, account: Account) -> Entry | None:
        """Return an upload that `account` may use, None if there is none."""
        return self._registry.of_account(upload_id, account)

    @property
    def open(self) -> int:
        """Number of uploads that are not complete."""
        return sum(each.upload.state is State.ACTIVE for each in self._registry.entries.values())

    async def start(self) -> None:
        """Read what is on the disk, and go on with it."""
        for upload, recorded_at in await self._registry.io(
            lambda: list(self._registry.folder.load())
        ):
            self._registry.entries[upload.id] = entry = Entry(upload, recorded_at)
            self._completion.go_on(entry)
        self._registry.tasks.spawn(self._completion.sweep())

    async def close(self, patience: float = 3.0) -> None:
        """Store what has arrived, and take no more."""
        receiving = [each for each in self._registry.entries.values() if each.receiving is not None]
        await asyncio.gather(*(self._registry.interrupt(entry) for entry in receiving))
        await self._registry.tasks.close(patience)
        self._registry.threads.shutdown(wait=False, cancel_futures=True)

    async def create(self, create: Create, account: Account) -> tuple[Entry, Transfer]:
        """Begin an upload. Raises UploadError, DatabaseAway, OSError."""
        upload, transfer = self.protocol.create(create, secrets.token_hex(16), self._registry.now())
        attributes = {ACCOUNT: str(account.id), VIDEO: self._make_video_id()}
        entry = await self._registry.add(replace(upload, attributes=attributes), account)
        return entry, transfer

    async def append(self, append: Append, entry: Entry) -> Transfer:
        """Begin to append. Raises UploadError, DatabaseAway, OSError."""
        async with entry.lock:
            await self._registry.stop(entry)
            self._completion.go_on(entry)  # what is stored may be all
            known = entry.upload.length
            upload, transfer = self.protocol.begin(append, entry.upload, self._registry.now())
            if known is None and upload.length is not None:
                entry.declaring = upload.length - upload.offset
            try:
                if entry.declaring:
                    await self._registry.check_room()
                if known is None and upload.length is not None:
                    declare = partial(self._registry.ledger.declare, upload.id, upload.length)
                    await self._registry.database.run(declare)
                await self._registry.save(entry, upload)
            finally:
                entry.declaring = 0
        return transfer

    async def receive(
        self, entry: Entry, transfer: Transfer, pieces: AsyncIterator[bytes]
    ) -> tuple[Entry, Response | None]:
        """Store the content of a request; return the upload that it belongs to, and the response.

        The upload is another one where this request repeats an earlier one. Raises UploadError,
        StaleTransfer among them.
        """
        if entry.upload.state is State.COMPLETE:  # the last request again; its file may be gone
            return entry, await self._repeat(entry, transfer)
        folder = self._registry.folder
        async with entry.lock:
            if entry.upload.epoch != transfer.epoch:
                raise StaleTransfer
            receiving = Receiving(
                transfer,
                await self._registry.io(partial(folder.open, entry.upload.id, transfer.offset)),
                folder.disk,
                self._registry.threads,
                digest=transfer.creates and transfer.content.size != 0,
            )
            entry.receiving = receiving
            receiving.start(pieces, partial(self._progress, entry, transfer))
        try:
            received = await receiving.wait()
        except UploadError:
            if entry.receiving is receiving:
                await self._registry.interrupt(entry)
                self._completion.go_on(entry)
            raise
        if receiving.stopped:
            raise StaleTransfer
        async with entry.lock:
            if entry.receiving is receiving:
                entry.receiving = None
            outcome = await self._finish(entry, transfer, received)
        if receiving.failure is not None:
            self._completion.go_on(entry)
            raise refused_by_disk(receiving.failure) or receiving.failure
        earlier = await self._earlier(entry) if transfer.creates else None
        if earlier is not None and outcome.response is not None:
            location = ("Location", self.protocol.site.location(earlier.upload.id))
            fields = [each for each in outcome.response.headers if each[0] != location[0]]
            return earlier, replace(outcome.response, headers=(*fields, location))
        self._completion.go_on(entry)
        await self._completion.handed_on(entry)
        return entry, outcome.response

    async def retrieve(self, retrieve: Retrieve, entry: Entry | None) -> Response:
        """Return the state of an upload. Raises UploadError, OSError."""
        if entry is None:
            return self.protocol.retrieve(retrieve, None, self._registry.now())
        if entry.receiving is not None:
            await self._registry.interrupt(entry)
            self._completion.go_on(entry)
        response = self.protocol.retrieve(retrieve, entry.upload, self._registry.now())
        await self._completion.handed_on(entry)
        return response

    async def terminate(self, terminate: Terminate, entry: Entry | None) -> Response:
        """Delete an upload. Raises UploadError, DatabaseAway, OSError."""
        if entry is None:
            outcome = self.protocol.terminate(terminate, None, self._registry.now())
        else:
            async with entry.lock:
                await self._registry.stop(entry)
                outcome = self.protocol.terminate(terminate, entry.upload, self._registry.now())
                handed_on = HANDED_ON in entry.upload.attributes
                await self._registry.save(entry, outcome.upload)
                # The file may be that of a video, or be read for a join, after which it goes.
                if not handed_on and not self._registry.is_part(entry.upload):
                    await self._registry.forget_data(entry)
        assert outcome.response is not None
        return outcome.response

    async def concatenate(self, command: Concatenate, account: Account) -> tuple[Entry, Response]:
        """Make a final upload. Raises UploadError, DatabaseAway, OSError."""
        found = {
            part: entry.upload
            for part in command.parts
            if (entry := self._registry.of_account(part, account)) is not None
            and JOINED not in entry.upload.attributes
        }
        known = self._registry.of_account(command.upload_id, account)
        async with known.lock if known is not None else contextlib.nullcontext():
            return await self._concatenate(command, account, found)

    async def _concatenate(
        self, command: Concatenate, account: Account, found: Mapping[str, Upload]
    ) -> tuple[Entry, Response]:
        existing = self._registry.of_account(command.upload_id, account)
        outcome = self.protocol.concatenate(
            command, found, existing.upload if existing is not None else None, self._registry.now()
        )
        assert outcome.response is not None
        entry = existing
        if entry is None or outcome.upload is not entry.upload:
            attributes = {ACCOUNT: str(account.id), VIDEO: self._make_video_id()}
            entry = await self._registry.add(
                replace(outcome.upload, attributes=attributes), account
            )
            self._completion.go_on(entry)
        return entry, outcome.response

    async def _repeat(self, entry: Entry, transfer: Transfer) -> Response | None:
        async with entry.lock:
            outcome = await self._finish(entry, transfer, ReceivedContent(0))
        return outcome.response

    async def _progress(self, entry: Entry, transfer: Transfer, size: int) -> None:
        async with entry.lock:
            await self._registry.save(
                entry,
                self.protocol.progress(entry.upload, transfer, size, self._registry.now()),
            )
        if entry.upload.length is None:
            await self._registry.check_room()

    async def _finish(self, entry: Entry, transfer: Transfer, received: ReceivedContent) -> Outcome:
        outcome = self.protocol.finish(entry.upload, transfer, received, self._registry.now())
        upload = outcome.upload
        if "sha256" in received.digests and upload.state is State.COMPLETE:
            digest = received.digests["sha256"].hex()
            upload = replace(upload, attributes={**upload.attributes, DIGEST: digest})
        await self._registry.save(entry, upload)
        if upload.offset < transfer.offset + received.size:
            await self._registry.io(
                lambda: self._registry.folder.truncate(upload.id, upload.offset)
            )
        if upload.state in GONE:
            await self._registry.forget_data(entry)
        elif upload.state is State.ACTIVE:
            self._registry.tasks.spawn(self._registry.note_progress(upload))
        return outcome

    async def _earlier(self, entry: Entry) -> Entry | None:
        """Return the upload of which this one is a repetition, and delete this one; None where it
        is none: the same person, file name, length and bytes, a short while ago."""
        upload = entry.upload
        digest = upload.attributes.get(DIGEST)
        if digest is None or upload.kind is Kind.PARTIAL:
            return None
        oldest = self._registry.now() - REPEATED_SECONDS
        for other in self._registry.entries.values():
            same = other.upload.attributes.get(DIGEST) == digest and other is not entry
            if (
                same
                and other.upload.state is State.COMPLETE
                and other.upload.fingerprint == upload.fingerprint
                and other.account_id == entry.account_id
                and float(other.upload.attributes[ENDED_AT]) >= oldest
            ):
                await self._registry.save(entry, self.protocol.fail(upload, "It was a repetition."))
                await self._registry.forget_data(entry)
                return other
        return None
