"""Serving of recordings, for every role that has the storage.

Import after `boot.start_django`.
"""

from __future__ import annotations

from collections import Counter
from functools import partial

from madang.apps.videos import posters, services, subtitles
from madang.infra.clock import SYSTEM_CLOCK
from madang.infra.database import DatabaseThreads
from madang.recording.manifest import RECORDINGS
from madang.servers.http.router import Route
from madang.servers.vod.access import AccessCheck
from madang.servers.vod.errors import NoSuchFile
from madang.servers.vod.handlers import VodHandlers
from madang.servers.vod.store import RecordingStore
from madang.station.config.settings import Settings
from madang.station.roles.accounts import accounts


class DatabaseDocuments:
    """What the database has of videos beside their files (`documents.Documents`)."""

    def __init__(self, database: DatabaseThreads) -> None:
        self._database = database

    async def subtitles(self, video_id: str, subtitles_id: str) -> bytes:
        """Return a WebVTT file."""
        found = await self._database.run(partial(subtitles.text_of, video_id, subtitles_id))
        if found is None:
            raise NoSuchFile("The video has no such subtitles.")
        return found

    async def poster(self, video_id: str) -> bytes:
        """Return the poster that was chosen."""
        found = await self._database.run(partial(posters.picture_of, video_id))
        if found is None:
            raise NoSuchFile("The recording has no such file.")
        return found


class VodPlane:
    """Handlers of recordings, with their files and permissions. Bytes are counted in `sent`."""

    def __init__(self, settings: Settings, database: DatabaseThreads, sent: Counter[str]) -> None:
        self._store = RecordingStore(settings.media_folder / RECORDINGS)
        access = AccessCheck(
            services.access,
            accounts(database, "read", "manage"),
            database,
            SYSTEM_CLOCK,
        )
        prefix = settings.storage.internal_prefix
        documents = DatabaseDocuments(database)
        self._handlers = VodHandlers(self._store, access, sent, prefix, documents)

    @property
    def route(self) -> Route:
        """The route of the recordings."""
        return Route("/vod/", self._handlers)

    def close(self) -> None:
        """Read no more."""
        self._store.close()
