"""What the database has of a video beside its files: subtitles, and the poster that
somebody chose."""

from __future__ import annotations

from typing import Final, Protocol

from madang.servers.vod.errors import NoSuchFile


class Documents(Protocol):
    """Port to what belongs to videos. Methods raise NoSuchFile and DatabaseAway."""

    async def subtitles(self, video_id: str, subtitles_id: str) -> bytes:
        """Return a WebVTT file."""

    async def poster(self, video_id: str) -> bytes:
        """Return the JPEG file of the poster that was chosen."""


class NoDocuments:
    """Videos to which nothing belongs."""

    async def subtitles(self, video_id: str, subtitles_id: str) -> bytes:
        """Raise NoSuchFile."""
        raise NoSuchFile("The recording has no such file.")

    async def poster(self, video_id: str) -> bytes:
        """Raise NoSuchFile."""
        raise NoSuchFile("The recording has no such file.")


NO_DOCUMENTS: Final = NoDocuments()
