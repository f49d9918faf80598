"""Permission to watch a video, asked of the database and remembered for seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from madang.infra.clock import Clock
from madang.infra.database import DatabaseThreads
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


Access = Callable[[str], VideoAccess | None]
"""Returns what is known of the video with this id; None for one that does not exist."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave to watch a video; `shared` is true where everybody has it."""

    title: str
    shared: bool


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
        video = await self._videos.get(video_id, partial(self._access, video_id))
        if video is None or video.state == "deleted":
            return None
        if video.visibility in SHARED or (finishing and video.finishing):
            return Grant(video.title, shared=True)
        viewer = await self._accounts.of(exchange)
        if viewer is None or not (viewer.administrator or viewer.id == video.owner_id):
            return None
        return Grant(video.title, shared=False)
