"""Serving of uploads, for every role that has the storage.

Import after `boot.start_django`.
"""

from __future__ import annotations

from typing import Final

from madang.apps.ids import new_id
from madang.apps.uploads import services
from madang.apps.uploads.errors import NotAllowed, QuotaExceeded, UploadRefused
from madang.apps.uploads.files import UPLOADS
from madang.apps.uploads.new_upload import NewUpload
from madang.apps.uploads.services import Quotas
from madang.infra.database import DatabaseThreads
from madang.infra.storage import make_storage_id
from madang.servers.http.router import Route
from madang.servers.uploads.folder import UploadFolder
from madang.servers.uploads.handlers import PATH, VIDEO_FIELD, UploadHandlers
from madang.servers.uploads.uploads import Uploads
from madang.station.config.settings import Settings
from madang.station.roles.accounts import accounts
from madang.wire.tus import Problem, UploadError, UploadLimits, UploadProtocol
from madang.wire.tus.responses import Site

GIGABYTE = 10**9
HOUR = 3600.0

UPLOAD_SECONDS: Final = 3.0
"""Time to store what has arrived of uploads, and to end the requests that send it."""


class UploadsPlane:
    """Handlers of uploads, with their files and rows."""

    def __init__(self, settings: Settings, database: DatabaseThreads) -> None:
        section = settings.uploads
        limits = UploadLimits(
            size=int(section.max_gb * GIGABYTE), lifetime=section.expire_hours * HOUR
        )
        self.uploads = Uploads(
            UploadProtocol(Site(limits, base=PATH, exposed=(VIDEO_FIELD,))),
            UploadFolder(settings.media_folder / UPLOADS),
            Rows(settings),
            database,
            new_id,
            reserve=int(settings.recording.reserve_gb * GIGABYTE),
        )
        self._handlers = UploadHandlers(self.uploads, accounts(database, "upload"))

    @property
    def route(self) -> Route:
        """The route of the uploads."""
        return Route(PATH, self._handlers)

    async def start(self) -> None:
        """Go on with what is on the disk."""
        await self.uploads.start()

    async def close(self, patience: float) -> None:
        """Store what has arrived, in at most `patience` seconds, and take no more."""
        await self.uploads.close(patience)


class Rows:
    """The rows of the app `uploads`; its refusals become those of the protocol."""

    def __init__(self, settings: Settings) -> None:
        self._quotas = quotas(settings)
        self._media = settings.media_folder

    def begin(self, new: NewUpload) -> str:
        """Note an upload; return the id of its video. Raises UploadError."""
        try:
            return services.begin(new, self._quotas)
        except UploadRefused as error:
            raise _refusal(error) from error

    def declare(self, upload_id: str, length: int) -> None:
        """Note the length of an upload. Raises UploadError."""
        try:
            services.declare(upload_id, length, self._quotas)
        except UploadRefused as error:
            raise _refusal(error) from error

    def progress(self, upload_id: str, offset: int, expires_at: float | None) -> None:
        """Note how far an upload has come."""
        services.progress(upload_id, offset, expires_at)

    def finish(self, upload_id: str, length: int) -> None:
        """Make a video of a complete upload. Raises UploadError."""
        try:
            services.finish(upload_id, length, storage=make_storage_id(self._media))
        except UploadRefused as error:
            raise _refusal(error) from error

    def end(self, upload_id: str, state: str) -> None:
        """Note that an upload is gone."""
        services.end(upload_id, state)


def quotas(settings: Settings) -> Quotas:
    """Return the quotas of uploaded videos."""
    section = settings.uploads
    return Quotas(_bytes(section.quota_gb), _bytes(section.station_gb))


def _bytes(gigabytes: float) -> int | None:
    return int(gigabytes * GIGABYTE) or None


def _refusal(error: UploadRefused) -> UploadError:
    problem = Problem.INVALID
    if isinstance(error, NotAllowed):
        problem = Problem.FORBIDDEN
    elif isinstance(error, QuotaExceeded):
        problem = Problem.QUOTA
    return UploadError(problem, error.message, mend=error.mend)
