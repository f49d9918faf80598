"""Permission to watch a video, asked of the database and remembered for seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from madang.infra.clock import Clock
from madang.infra.database import DatabaseThreads
from madang.recording.trim import Trim
from madang.servers.accounts import Accounts, Remembered
from madang.servers.http.exchange import Exchange

SHARED: Final = frozenset({"public", "unlisted"})
"""Visibilities of videos for everybody who knows the address."""


class VideoAccess(Protocol):
    """Facts of a video in the database that decide on access."""

    @property
    def owner_id(self) -> int: ...

    @property
    def visibility(self) -> str: ...

    @property
    def state(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def finishing(self) -> bool: ...

    @property
    def trim(self) -> Trim | None: ...

    @property
    def poster(self) -> bool: ...


Access = Callable[[str], VideoAccess | None]
"""Returns what is known of the video with this id; None for one that does not exist."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave to watch a video, or what `trim` leaves of it; `shared` is true where everybody has
    it, `poster` where its picture was chosen."""

    title: str
    shared: bool
    trim: Trim | None = None
    poster: bool = False


class AccessCheck:
    """Decides who may see a video; for one event loop."""

    def __init__(
        self,
        access: Access,
        accounts: Accounts,
        database: DatabaseThreads,
        clock: Clock,
    ) -> None:
        self._access = access
        self._accounts = accounts
        self._videos: Remembered[VideoAccess | None] = Remembered(database, clock)

    async def grant(
        self, video_id: str, exchange: Exchange, *, finishing: bool = False
    ) -> Grant | None:
        """Return leave to see the video, None where there is none. Raises DatabaseAway.

        `finishing`: viewers of its show may still see the end.
        """
        video = await self._video(video_id)
        if video is None or video.state == "deleted":
            return None
        if video.visibility in SHARED or (finishing and video.finishing):
            return Grant(video.title, shared=True, trim=video.trim, poster=video.poster)
        if await self._is_owner(video, exchange):
            return Grant(video.title, shared=False, trim=video.trim, poster=video.poster)
        return None

    async def grant_whole(self, video_id: str, exchange: Exchange) -> Grant | None:
        """Return leave to see what was cut away as well: the owner's. None for others. Raises
        DatabaseAway."""
        video = await self._video(video_id)
        if video is None or not await self._is_owner(video, exchange):
            return None
        return Grant(video.title, shared=False)

    async def _video(self, video_id: str) -> VideoAccess | None:
        return await self._videos.get(video_id, partial(self._access, video_id))

    async def _is_owner(self, video: VideoAccess, exchange: Exchange) -> bool:
        viewer = await self._accounts.of(exchange)
        return viewer is not None and (viewer.administrator or viewer.id == video.owner_id)
