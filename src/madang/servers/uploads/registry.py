"""State of all uploads of a storage, in memory and on the disk."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, TypeVar

from madang.apps.uploads.new_upload import NewUpload
from madang.infra.clock import Clock
from madang.infra.database import DatabaseAway, DatabaseThreads
from madang.infra.tasks import TaskSupervisor
from madang.servers.accounts import Account
from madang.servers.uploads.folder import UploadFolder
from madang.servers.uploads.ports import Ledger
from madang.servers.uploads.receiving import Receiving
from madang.wire.tus import (
    Kind,
    Problem,
    State,
    Upload,
    UploadError,
    UploadProtocol,
    parse_metadata,
)
from madang.wire.tus.model import settled

ACCOUNT: Final = "account"
VIDEO: Final = "video"
HANDED_ON: Final = "handed_on"
JOINED: Final = "joined"
DIGEST: Final = "digest"
ENDED_AT: Final = "ended_at"
"""Attributes of an upload: ids of its account and of the video that it becomes; "1" once the
station has taken it over, and for a part once it was joined; SHA-256 of what came with its
creation; when it was complete."""

THREADS: Final = 4

NO_ROOM: Final = "The station's disk has no room for this file."
ASK_OPERATOR: Final = "Delete something, or tell the station's operator."

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Entry:
    """An upload. `lock` is held while its state changes, not while content arrives; `joining` while
    its parts are joined. A final upload that is made again shares both with the one before."""

    upload: Upload
    recorded_at: float
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    joining: asyncio.Lock = field(default_factory=asyncio.Lock)
    receiving: Receiving | None = None
    declaring: int = 0
    """Bytes of a length that is being declared: they are reserved already."""

    @property
    def account_id(self) -> str:
        return self.upload.attributes.get(ACCOUNT, "")

    @property
    def video_id(self) -> str | None:
        """Id of the video that a complete upload became."""
        complete = self.upload.state is State.COMPLETE and self.upload.kind is not Kind.PARTIAL
        return self.upload.attributes.get(VIDEO) if complete else None


class Registry:
    """The uploads of one storage, which no other process serves; for one event loop.

    `reserve` is the number of bytes of the disk that uploads leave free.
    """

    def __init__(
        self,
        protocol: UploadProtocol,
        folder: UploadFolder,
        ledger: Ledger,
        database: DatabaseThreads,
        clock: Clock,
        *,
        reserve: int = 0,
    ) -> None:
        self.protocol = protocol
        self.folder = folder
        self.ledger = ledger
        self.database = database
        self.now = clock.wall
        self.entries: dict[str, Entry] = {}
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="uploads")
        self.tasks = TaskSupervisor(log, "work on uploads")
        self._reserve = reserve

    def of_account(self, upload_id: str, account: Account) -> Entry | None:
        """Return an upload that `account` may use, None if there is none."""
        entry = self.entries.get(upload_id)
        if entry is None or not (account.administrator or entry.account_id == str(account.id)):
            return None
        return entry

    async def add(self, upload: Upload, account: Account) -> Entry:
        """Note a new upload: its space is reserved from here on. It may take the place of one that
        is gone, whose lock is held."""
        before = self.entries.get(upload.id)
        metadata = parse_metadata(upload.metadata, self.protocol.site.limits.metadata)
        entry = Entry(upload, self.now())
        if before is not None:
            entry.lock, entry.joining = before.lock, before.joining
        self.entries[upload.id] = entry
        new = NewUpload(
            id=upload.id,
            account_id=account.id,
            metadata={key: value.decode(errors="replace") for key, value in metadata.items()},
            length=upload.length,
            expires_at=upload.expires_at,
            video_id=upload.attributes[VIDEO],
            partial=upload.kind is Kind.PARTIAL,
        )
        try:
            await self.check_room()
            video_id = await self.database.run(lambda: self.ledger.begin(new))
            upload = replace(upload, attributes={**upload.attributes, VIDEO: video_id})
            await self.io(lambda: self.folder.save(upload))
        except BaseException:
            end = partial(self.ledger.end, upload.id, State.FAILED.value)
            self.tasks.spawn(self.told(end))  # the row may be there
            del self.entries[upload.id]
            if before is not None:
                self.entries[upload.id] = before
            raise
        entry.upload = upload
        return entry

    def is_part(self, upload: Upload) -> bool:
        """Return whether an upload is a part of one that is joined: its data is needed."""
        if upload.kind is not Kind.PARTIAL:
            return False
        uploads = (each.upload for each in self.entries.values())
        return any(each.state is State.JOINING and upload.id in each.parts for each in uploads)

    async def check_room(self) -> None:
        """Raise UploadError where the disk has no room for what is declared."""
        entries = self.entries.values()
        reserved = sum(each.upload.undelivered + each.declaring for each in entries)
        free = await self.io(self.folder.free)
        if reserved > free - self._reserve:
            raise UploadError(Problem.NO_SPACE, NO_ROOM, mend=ASK_OPERATOR)

    async def stop(self, entry: Entry) -> None:
        """End the transfer under way, and store what it has received; the lock is held."""
        receiving, entry.receiving = entry.receiving, None
        if receiving is not None:
            size = await receiving.stop()
            upload = self.protocol.progress(entry.upload, receiving.transfer, size, self.now())
            await self.save(entry, settled(upload))

    async def interrupt(self, entry: Entry) -> None:
        """End the transfer under way for a request that sends nothing."""
        async with entry.lock:
            await self.stop(entry)
            await self.save(entry, self.protocol.revoke(entry.upload))

    async def save(self, entry: Entry, upload: Upload) -> None:
        """Store a new state of an upload; the lock is held. Raises OSError."""
        if upload.state is State.COMPLETE and ENDED_AT not in upload.attributes:
            ended = {ENDED_AT: f"{self.now():.0f}"}
            upload = replace(upload, attributes={**upload.attributes, **ended})
        await self.io(lambda: self.folder.save(upload))
        entry.upload, entry.recorded_at = upload, self.now()

    async def forget_data(self, entry: Entry, state: str | None = None) -> None:
        """Delete the data of an upload that is gone, or `state`. Raises OSError."""
        upload = entry.upload
        await self.io(lambda: self.folder.remove_data(upload.id))
        end = partial(self.ledger.end, upload.id, state or upload.state.value)
        self.tasks.spawn(self.told(end))

    async def note_progress(self, upload: Upload) -> None:
        """Tell the rows how far an upload has come."""
        note = partial(self.ledger.progress, upload.id, upload.offset, upload.expires_at)
        await self.told(note)

    async def told(self, work: Callable[[], None]) -> None:
        """Tell the rows something that they may miss."""
        try:
            await self.database.run(work)
        except DatabaseAway as error:
            log.warning("the rows of uploads lag behind: %s", error)

    async def io(self, function: Callable[[], T]) -> T:
        """Run a function of the folder on a thread."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, function)


def refused_by_disk(error: OSError) -> UploadError | None:
    """Return the refusal for a disk that is full, None for other errors."""
    if error.errno not in _FULL:
        return None
    return UploadError(Problem.NO_SPACE, NO_ROOM, mend=ASK_OPERATOR)
