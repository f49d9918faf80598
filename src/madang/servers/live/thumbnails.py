"""Pictures of what is on the air, for the home page: one key frame every ten seconds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from madang.infra import ffmpeg

INTERVAL: Final = 10.0
"""Seconds between two pictures of one channel."""

FIRST: Final = 1.0
"""Seconds between two looks whether there is a key frame yet."""

TIMEOUT: Final = 5.0
"""Seconds for one picture."""

MAX_PICTURE: Final = 1 << 20
"""Bytes; a JPEG of 640 pixels across is a twentieth of it."""

_ARGUMENTS: Final = (
    *("-f", "mp4", "-i", "pipe:0", "-map", "0:v:0", "-frames:v", "1"),
    *("-vf", "scale=w='min(640,iw)':h=-2", "-q:v", "5", "-f", "mjpeg", "pipe:1"),
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG, and a number that rises with every new picture of the channel."""

    number: int
    jpeg: bytes


class Thumbnailer:
    """Decodes one picture at a time: with many channels each is refreshed less often, and the
    processor stays with the viewers."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._turn = asyncio.Lock()

    async def follow(
        self, source: Callable[[], bytes | None], show: Callable[[Picture], None]
    ) -> None:
        """Until cancelled, decode what `source` returns and hand the picture to `show`.

        `source` returns an fMP4 with one key frame, or None while there is none.
        """
        number = 0
        while True:
            data = source()
            if data is not None:
                async with self._turn:
                    picture = await self._decode(data)
                if picture is not None:
                    number += 1
                    show(Picture(number, picture))
            await asyncio.sleep(FIRST if data is None else INTERVAL)

    async def _decode(self, data: bytes) -> bytes | None:
        try:
            picture = await ffmpeg.convert(self._program, _ARGUMENTS, data, timeout=TIMEOUT)
        except ffmpeg.FfmpegFailed as error:
            log.warning("no thumbnail: %s", error)
            return None
        if 0 < len(picture) <= MAX_PICTURE:
            return picture
        log.warning("no thumbnail: a picture of %d bytes", len(picture))
        return None
