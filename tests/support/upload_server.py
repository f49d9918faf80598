"""A port that takes uploads, with a ledger in memory."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from madang.infra.clock import SYSTEM_CLOCK, Clock
from tests.support.data_plane import Answer, Port, listening

if TYPE_CHECKING:
    from madang.apps.uploads.new_upload import NewUpload
    from madang.infra.disk import Disk
    from madang.servers.accounts import Account
    from madang.servers.uploads.uploads import Uploads

VIDEO = "4fDbx9oQmWzk"
TUS = {"tus_resumable": "1.0.0"}
OFFSET_STREAM = "application/offset+octet-stream"


@dataclass
class MemoryLedger:
    """Rows of uploads. `refusal` is raised when one begins; `away`: the database does not answer.

    The database errors are those that Django raises.
    """

    begun: dict[str, NewUpload] = field(default_factory=dict)
    declared: dict[str, int] = field(default_factory=dict)
    offsets: dict[str, int] = field(default_factory=dict)
    finished: list[tuple[str, int]] = field(default_factory=list)
    ended: dict[str, str] = field(default_factory=dict)
    refusal: Exception | None = None
    unwanted: Exception | None = None
    away: bool = False

    def begin(self, new: NewUpload) -> str:
        self._check()
        if self.refusal is not None:
            raise self.refusal
        self.begun[new.id] = new
        return new.metadata.get("replaces") or new.video_id

    def declare(self, upload_id: str, length: int) -> None:
        self._check()
        if self.refusal is not None:
            raise self.refusal
        self.declared[upload_id] = length

    def progress(self, upload_id: str, offset: int, expires_at: float | None) -> None:
        self._check()
        self.offsets[upload_id] = offset

    def finish(self, upload_id: str, length: int) -> None:
        self._check()
        if self.unwanted is not None:
            raise self.unwanted
        self.finished.append((upload_id, length))

    def end(self, upload_id: str, state: str) -> None:
        self._check()
        self.ended[upload_id] = state

    def _check(self) -> None:
        from django.db import OperationalError

        if self.away:
            raise OperationalError("away")


@dataclass
class UploadPort:
    """The port, as clients use it, and what is behind it."""

    port: Port
    uploads: Uploads
    ledger: MemoryLedger
    storage: Path

    def ask(
        self,
        method: str,
        path: str = "/files/",
        body: bytes | Iterator[bytes] | None = None,
        who: str = "owner",
        **headers: str,
    ) -> Answer:
        """Return the answer to a request of tus; those of the IETF name their own fields."""
        own = "upload_complete" in headers or "upload_draft_interop_version" in headers
        fields = {} if own else dict(TUS)
        if who:
            fields["authorization"] = f"Bearer {who}"
        return self.port.ask(path, method, body, **(fields | headers))

    def create(self, length: int | None = None, **headers: str) -> str:
        """Return the address of a new upload."""
        size = {"upload_defer_length": "1"} if length is None else {"upload_length": str(length)}
        answer = self.ask("POST", **(size | headers))
        assert answer.status == 201, answer.text
        return answer.headers["location"]

    def patch(self, path: str, offset: int, body: bytes, **headers: str) -> Answer:
        """Return the answer to an append."""
        fields = {"upload_offset": str(offset), "content_type": OFFSET_STREAM}
        return self.ask("PATCH", path, body, **(fields | headers))

    def offset(self, path: str) -> int:
        """Return how much the server has of an upload."""
        answer = self.ask("HEAD", path)
        assert answer.status == 200, answer.status
        return int(answer.headers["upload-offset"])

    def receives(self, path: str) -> bool:
        """Return whether somebody sends to an upload."""
        entry = self.uploads.of_account(path.removeprefix("/files/"), _owner())
        return entry is not None and entry.receiving is not None

    def data(self, path: str) -> bytes:
        """Return what is stored of an upload."""
        return self.file(path).read_bytes()

    def file(self, path: str) -> Path:
        """Return the path of the data of an upload."""
        return self.storage / "uploads" / path.removeprefix("/files/") / "data"

    def head_of_patch(self, path: str, offset: int, length: int) -> bytes:
        """Return the head of an append, to be sent by hand."""
        return (
            f"PATCH {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer owner\r\n"
            f"Tus-Resumable: 1.0.0\r\nUpload-Offset: {offset}\r\n"
            f"Content-Type: {OFFSET_STREAM}\r\nContent-Length: {length}\r\n\r\n"
        ).encode()


def metadata(**values: str) -> str:
    """Return Upload-Metadata."""
    return ",".join(
        f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items()
    )


@contextmanager
def uploading(
    storage: Path,
    ledger: MemoryLedger | None = None,
    *,
    clock: Clock = SYSTEM_CLOCK,
    disk: Disk | None = None,
    reserve: int = 0,
    size: int = 1 << 30,
    lifetime: float = 3600.0,
    sweep_seconds: float = 30.0,
) -> Iterator[UploadPort]:
    """Take uploads into `storage`."""
    from madang.infra.database import DatabaseThreads
    from madang.servers.accounts import AccountQueries, Accounts
    from madang.servers.http.router import Route, Router, elsewhere
    from madang.servers.uploads.folder import UploadFolder
    from madang.servers.uploads.handlers import PATH, VIDEO_FIELD, UploadHandlers
    from madang.servers.uploads.uploads import Uploads
    from madang.wire.tus import UploadLimits, UploadProtocol
    from madang.wire.tus.responses import Site

    rows = ledger or MemoryLedger()
    database = DatabaseThreads()
    limits = UploadLimits(size=size, lifetime=lifetime)
    uploads = Uploads(
        UploadProtocol(Site(limits, base=PATH, exposed=(VIDEO_FIELD,))),
        UploadFolder(storage / "uploads", disk),
        rows,
        database,
        lambda: VIDEO,
        reserve=reserve,
        clock=clock,
        sweep_seconds=sweep_seconds,
    )
    accounts = Accounts(AccountQueries(_account, _account), "sessionid", database, SYSTEM_CLOCK)
    handlers = UploadHandlers(uploads, accounts)
    with listening(Router([Route(PATH, handlers)], elsewhere)) as port:
        port.loop.run(uploads.start())
        yield UploadPort(port, uploads, rows, storage)
        port.loop.run(uploads.close())
    database.close()


def _account(key: str) -> Account | None:
    from madang.servers.accounts import Account

    accounts = {"owner": _owner(), "other": Account(8, False)}
    return (accounts | {"admin": Account(9, True)}).get(key)


def _owner() -> Account:
    from madang.servers.accounts import Account

    return Account(7, False)
