"""Serving of recordings, for every role that has the storage.

Import after `boot.start_django`.
"""

from __future__ import annotations

from collections import Counter
from importlib import import_module

from django.conf import settings as django_settings

from madang.apps.accounts import tokens
from madang.apps.accounts.models import User
from madang.apps.accounts.services import user_of_session
from madang.apps.videos import services
from madang.infra.clock import SYSTEM_CLOCK
from madang.infra.database import DatabaseThreads
from madang.recording.manifest import RECORDINGS
from madang.servers.http.router import Route
from madang.servers.vod.access import AccessCheck, Viewer, Viewers
from madang.servers.vod.handlers import VodHandlers
from madang.servers.vod.store import RecordingStore
from madang.station.config.settings import Settings


class VodPlane:
    """Handlers of recordings, with their files and permissions. Bytes are counted in `sent`."""

    def __init__(self, settings: Settings, database: DatabaseThreads, sent: Counter[str]) -> None:
        self._store = RecordingStore(settings.media_folder / RECORDINGS)
        access = AccessCheck(
            services.access,
            Viewers(_by_session, _by_token),
            django_settings.SESSION_COOKIE_NAME,
            database,
            SYSTEM_CLOCK,
        )
        prefix = settings.storage.internal_prefix
        self._handlers = VodHandlers(self._store, access, sent, prefix)

    @property
    def route(self) -> Route:
        """The route of the recordings."""
        return Route("/vod/", self._handlers)

    def close(self) -> None:
        """Read no more."""
        self._store.close()


def _by_session(key: str) -> Viewer | None:
    engine = import_module(django_settings.SESSION_ENGINE)
    return _viewer(user_of_session(engine.SessionStore(key)))


def _by_token(token: str) -> Viewer | None:
    return _viewer(tokens.user_of_token(token, "read"))


def _viewer(user: User | None) -> Viewer | None:
    return Viewer(user.pk, user.admin) if user is not None else None
