"""Uploads to which nothing is sent any more: joined, handed on, expired, forgotten."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from functools import partial
from typing import Final

from madang.base.errors import MadangError
from madang.infra.database import DatabaseAway
from madang.servers.uploads.folder import JoinStopped
from madang.servers.uploads.registry import HANDED_ON, JOINED, Entry, Registry
from madang.wire.tus import StaleTransfer, State
from madang.wire.tus.model import GONE

RETRY_SECONDS: Final = 5.0

REMEMBERED_SECONDS: Final = 7 * 24 * 3600.0
"""Time for which a complete upload answers, and one that is gone says so."""

HAND_ON_PATIENCE: Final = 5.0
"""Seconds for which the last answer waits for the database."""


log = logging.getLogger(__name__)


class Completion:
    """Does what is next for uploads; for one event loop."""

    def __init__(self, registry: Registry, sweep_seconds: float) -> None:
        self._registry = registry
        self._sweep_seconds = sweep_seconds
        self._handing_on: dict[str, asyncio.Task[None]] = {}

    def go_on(self, entry: Entry) -> None:
        """Do what is next for an upload to which nothing is sent any more."""
        upload = entry.upload
        if upload.state is State.JOINING:
            self._registry.tasks.spawn(self._join(entry))
            return
        due = entry.video_id is not None and HANDED_ON not in upload.attributes
        if due and upload.id not in self._handing_on:
            task = self._registry.tasks.spawn(self._hand_on(entry))
            self._handing_on[upload.id] = task
            task.add_done_callback(lambda _: self._handing_on.pop(upload.id, None))

    async def handed_on(self, entry: Entry) -> None:
        """Wait a moment until a complete upload is handed on."""
        task = self._handing_on.get(entry.upload.id)
        if task is not None:
            await asyncio.wait([task], timeout=HAND_ON_PATIENCE)

    async def _hand_on(self, entry: Entry) -> None:
        upload = entry.upload
        assert upload.length is not None  # it is complete
        finish = partial(self._registry.ledger.finish, upload.id, upload.length)
        while True:
            try:
                await self._registry.database.run(finish)
                break
            except DatabaseAway as error:
                log.warning("the upload %s waits: %s", upload.id, error)
                await asyncio.sleep(RETRY_SECONDS)
            except MadangError as error:
                log.warning("the upload %s is deleted: %s", upload.id, error)
                async with entry.lock:
                    await self._registry.save(
                        entry, self._registry.protocol.fail(entry.upload, error.message)
                    )
                await self._registry.forget_data(entry)
                return
        async with entry.lock:
            attributes = {**entry.upload.attributes, HANDED_ON: "1"}
            await self._registry.save(entry, replace(entry.upload, attributes=attributes))

    async def _join(self, entry: Entry) -> None:
        async with entry.joining:
            if entry.upload.state is State.JOINING:
                await self._join_parts(entry)

    async def _join_parts(self, entry: Entry) -> None:
        upload = entry.upload

        def wanted() -> bool:
            return entry.upload.epoch == upload.epoch

        try:
            await self._registry.io(lambda: self._registry.folder.join(upload, wanted))
            async with entry.lock:
                await self._registry.save(
                    entry, self._registry.protocol.joined(entry.upload, upload.epoch)
                )
        except (JoinStopped, StaleTransfer):
            await self._registry.io(lambda: self._registry.folder.remove_data(upload.id))
            return  # the sweep deletes parts that were deleted meanwhile
        except OSError as error:
            log.error("the parts of the upload %s cannot be joined: %s", upload.id, error)
            async with entry.lock:
                words = "Its parts could not be joined."
                await self._registry.save(entry, self._registry.protocol.fail(entry.upload, words))
            await self._registry.forget_data(entry)
            return
        for part in upload.parts:
            joined = self._registry.entries.get(part)
            if joined is not None:
                async with joined.lock:
                    # It still answers: a client whose last answer was lost asks for its parts.
                    attributes = {**joined.upload.attributes, JOINED: "1"}
                    await self._registry.save(joined, replace(joined.upload, attributes=attributes))
                await self._registry.forget_data(joined, "joined")
        self.go_on(entry)

    async def sweep(self) -> None:
        """End what has expired, and forget what ended long ago; never what somebody sends."""
        while True:
            await asyncio.sleep(self._sweep_seconds)
            for entry in list(self._registry.entries.values()):
                try:
                    await self._sweep_one(entry)
                except OSError as error:
                    log.warning("the upload %s cannot be swept: %s", entry.upload.id, error)

    async def _sweep_one(self, entry: Entry) -> None:
        registry, now = self._registry, self._registry.now()
        async with entry.lock:
            upload_id = entry.upload.id
            busy = entry.receiving is not None or registry.is_part(entry.upload)
            if busy or registry.entries.get(upload_id) is not entry:
                return
            expired = registry.protocol.expire(entry.upload, now)
            if expired is not None:
                await registry.save(entry, expired)
            upload = entry.upload
            handed_on = HANDED_ON in upload.attributes
            there = await registry.io(partial(registry.folder.has_data, upload_id))
            if upload.state in GONE and not handed_on and (there or expired is not None):
                await registry.forget_data(entry)
                there = False
            over = upload.state in GONE or handed_on
            if over and not there and now - entry.recorded_at >= REMEMBERED_SECONDS:
                del registry.entries[upload_id]
                await registry.io(partial(registry.folder.remove, upload_id))
        if not entry.joining.locked():
            self.go_on(entry)  # where a full disk ended it before
