"""What the database has of a video beside its files: subtitles."""

from __future__ import annotations

from typing import Final, Protocol

from madang.servers.vod.errors import NoSuchFile


class Documents(Protocol):
    """Port to what belongs to videos. Methods raise NoSuchFile and DatabaseAway."""

    async def subtitles(self, video_id: str, subtitles_id: str) -> bytes:
        """Return a WebVTT file."""


class NoDocuments:
    """Videos to which nothing belongs."""

    async def subtitles(self, video_id: str, subtitles_id: str) -> bytes:
        """Raise NoSuchFile."""
        raise NoSuchFile("The recording has no such file.")


NO_DOCUMENTS: Final = NoDocuments()
