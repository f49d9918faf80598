"""Short real recordings as tags, for publishers in tests."""

from __future__ import annotations

import asyncio
import functools
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from madang.wire.flv import Tag, TagType
from tests.support.rtmp_publisher import RtmpPublisher, read_flv
from tests.support.samples import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from tests.support.data_plane import Air


@functools.cache
def recording(
    *, size: str = "320x180", seconds: int = 4, bit_rate: str = "300k", key_frames: int = 15
) -> tuple[Tag, ...]:
    """Return H.264 and AAC, 30 pictures a second, with a key frame every `key_frames` of them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "show.flv")
        subprocess.run(
            [
                *(PROGRAMS["bundled"], "-hide_banner", "-loglevel", "error"),
                *("-f", "lavfi", "-i", f"testsrc2=s={size}:r=30"),
                *("-f", "lavfi", "-i", "sine=frequency=330:sample_rate=48000"),
                *("-t", str(seconds), "-c:v", "libx264", "-preset", "ultrafast", "-bf", "0"),
                *("-pix_fmt", "yuv420p", "-g", str(key_frames), "-sc_threshold", "0"),
                *("-b:v", bit_rate, "-nal-hrd", "cbr", "-maxrate", bit_rate, "-bufsize", bit_rate),
                *("-c:a", "aac", str(path)),
            ],
            check=True,
            timeout=60,
        )
        return tuple(read_flv(path))


def endless(tags: tuple[Tag, ...]) -> Iterator[Tag]:
    """Repeat the recording on one continuous clock."""
    headers = [tag for tag in tags if tag.timestamp == 0][:3]
    media = [tag for tag in tags if tag.type is not TagType.SCRIPT and tag not in headers]
    length = max(tag.timestamp for tag in tags) + 33
    yield from headers
    shift = 0
    while True:
        for tag in media:
            yield Tag(tag.type, tag.timestamp + shift, tag.body)
        shift += length


def channel_key(slug: str = "yard") -> str:
    """Make a channel and return its stream key."""
    from madang.apps.accounts.models import User
    from madang.apps.channels.services import create_channel

    owner, _ = User.objects.get_or_create(name="minji", email="minji@example.org")
    return str(create_channel(slug, owner=owner, title=f"The {slug}")[1])


class Encoder:
    """Publisher of a recording in real time, on the station's event loop, until `stop` or
    `vanish`."""

    def __init__(self, air: Air, key: str, tags: tuple[Tag, ...] | None = None) -> None:
        self._air = air
        self._key = key
        self._tags = recording() if tags is None else tags
        self._publisher: RtmpPublisher | None = None
        self.done: Future[None] = air.loop.start(self._publish())

    async def _publish(self) -> None:
        publisher = RtmpPublisher("127.0.0.1", self._air.rtmp_port, name=self._key)
        async with publisher:
            self._publisher = publisher
            await publisher.play(endless(self._tags))

    def stop(self) -> None:
        """End the stream in order."""
        self.done.cancel()

    def vanish(self) -> None:
        """Reset the connection."""
        assert self._publisher is not None
        self._air.loop.call(self._publisher.abort)

    @property
    def failure(self) -> BaseException | None:
        """Reason for which the station ended the stream, if it did."""
        try:
            return self.done.exception(20)
        except asyncio.CancelledError:
            return None
