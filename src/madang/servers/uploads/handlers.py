"""Handlers of `/files/`: tus 1.0 and the IETF's resumable uploads."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Final
from urllib.parse import urlsplit

from madang.infra.database import DatabaseAway
from madang.servers.accounts import Account, Accounts
from madang.servers.http.exchange import Exchange
from madang.servers.uploads.registry import Entry, refused_by_disk
from madang.servers.uploads.uploads import Uploads
from madang.wire.tus import (
    Append,
    Concatenate,
    Create,
    Options,
    Problem,
    Response,
    Retrieve,
    Terminate,
    UploadError,
    UploadRequest,
    combined,
)

PATH: Final = "/files/"

VIDEO_FIELD: Final = "Madang-Video"
"""Field of the last answer, and of HEAD, with the id of the video that the upload became."""

RETRY_SECONDS: Final = 10
"""Seconds after which a client asks again while the database is away."""

Work = Coroutine[Any, Any, None]


class UploadHandlers:
    """Answers exchanges below `/files/`."""

    def __init__(self, uploads: Uploads, accounts: Accounts) -> None:
        self._uploads = uploads
        self._accounts = accounts
        self._protocol = uploads.protocol

    def __call__(self, exchange: Exchange) -> Work:
        """Return a coroutine that answers."""
        return self._answer(exchange)

    async def _answer(self, exchange: Exchange) -> None:
        upload_id = exchange.path.removeprefix(PATH) or None
        request = UploadRequest.of(exchange.method, upload_id, combined(exchange.headers.items()))
        entry: Entry | None = None
        try:
            command = self._protocol.parse(request)
            if isinstance(command, Options):
                response: Response | None = self._protocol.options(command)
            else:
                account = await self._account(exchange)
                if upload_id is not None:
                    entry = self._uploads.of_account(upload_id, account)
                entry, response = await self._run(command, entry, account, exchange)
        except UploadError as error:
            response = self._protocol.refuse(request, error, entry.upload if entry else None)
        except DatabaseAway as error:
            exchange.refuse(503, str(error), [("retry-after", str(RETRY_SECONDS))])
            return
        except OSError as error:
            refusal = refused_by_disk(error)
            if refusal is None:
                raise
            response = self._protocol.refuse(request, refusal, entry.upload if entry else None)
        if response is None:
            exchange.refuse(408, "The rest of the request did not come.")
            return
        if entry is not None and entry.video_id is not None and response.status < 300:
            response = response.with_fields((VIDEO_FIELD, entry.video_id))
        exchange.answer(response.status, list(response.headers), response.body)

    async def _run(
        self,
        command: Create | Concatenate | Append | Retrieve | Terminate,
        entry: Entry | None,
        account: Account,
        exchange: Exchange,
    ) -> tuple[Entry | None, Response | None]:
        uploads = self._uploads
        match command:
            case Create():
                entry, transfer = await uploads.create(command, account)
                return await uploads.receive(entry, transfer, exchange.body())
            case Concatenate():
                return await uploads.concatenate(command, account)
            case Append() if entry is not None:
                transfer = await uploads.append(command, entry)
                return await uploads.receive(entry, transfer, exchange.body())
            case Append():
                raise UploadError(Problem.UNKNOWN, "There is no upload with this address.")
            case Retrieve():
                return entry, await uploads.retrieve(command, entry)
            case Terminate():
                return entry, await uploads.terminate(command, entry)

    async def _account(self, exchange: Exchange) -> Account:
        """Return who asks. Raises UploadError, DatabaseAway.

        A session counts for pages of this station alone. Browsers send none across origins, as no
        request for an upload is simple and its preflight allows no credentials; a page in another
        port or subdomain is another origin of the same site.
        """
        origin = exchange.header("origin")
        by_token = exchange.header("authorization")
        foreign = origin and urlsplit(origin).netloc != exchange.header("host")
        account = None if foreign and not by_token else await self._accounts.of(exchange)
        if account is None:
            words = "Uploads need a session, or a token with the scope `upload`."
            raise UploadError(Problem.SIGN_IN, words)
        return account
