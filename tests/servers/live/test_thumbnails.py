from __future__ import annotations

import asyncio
import io
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import av
import imageio_ffmpeg
import pytest

from madang.infra.clock import Clock
from madang.infra.tasks import TaskSupervisor
from madang.live.events import ShowEnded, ShowOpened
from madang.live.show import LiveSettings, Show
from madang.media.track import AccessUnit, VideoTrack
from madang.wire.fmp4 import TrackRun, fragment, init_segment
from tests.support.data_plane import on_the_air, until
from tests.support.samples import sample
from tests.support.shows import Encoder, channel_key

if TYPE_CHECKING:
    from madang.servers.live.thumbnails import Picture, Thumbnails

PROGRAM = imageio_ffmpeg.get_ffmpeg_exe()

pytestmark = pytest.mark.usefixtures("station")


def key_frame(number: int = 0, name: str = "avc", rotation: int = 0) -> bytes:
    """An fMP4 with one real picture, a key frame of a sample."""
    made = sample("bundled", name)
    track = made.track
    assert isinstance(track, VideoTrack)
    track = replace(track, rotation=rotation)
    unit = AccessUnit(0, 0, True, [unit.data for unit in made.units if unit.key][number])
    return init_segment([track]) + fragment(1, [TrackRun(1, [unit], track.timescale)])


class Still(Show):
    """A show whose key frame is given."""

    data: bytes | None = None

    def thumbnail_source(self) -> bytes | None:
        return self.data


class Run:
    """Thumbnails of a show, whose clock the test sets."""

    def __init__(self, program: str = PROGRAM) -> None:
        from madang.servers.live.broadcast import LiveBroadcast
        from madang.servers.live.thumbnails import Thumbnailer, Thumbnails

        self.now = 100.0
        self.show = Still(LiveSettings(), "e", 1, 0.0)
        self.tasks = TaskSupervisor(logging.getLogger("test"), "a thumbnail")
        broadcast = LiveBroadcast("yard", self.show, Clock(lambda: self.now, lambda: self.now))
        self.thumbnails: Thumbnails = Thumbnails(broadcast, Thumbnailer(program), self.tasks)

    async def tick(self, now: float, data: bytes | None) -> Picture | None:
        """Let it be `now` with `data` as the key frame; return the latest picture after that."""
        self.now, self.show.data = now, data
        self.thumbnails.tick(now)
        await self.tasks.wait(10)
        return self.thumbnails.latest


def test_pictures_come_every_ten_seconds_with_rising_numbers() -> None:
    async def story() -> None:
        run, data = Run(), key_frame()
        assert await run.tick(99.0, data) is None
        run.now, run.show.data = 100.0, None
        run.thumbnails.on_event(ShowOpened())
        assert await run.tick(100.9, data) is None  # looks for a key frame once a second
        first = await run.tick(101.0, data)
        assert first is not None
        assert first.number == 1
        assert first.jpeg.startswith(b"\xff\xd8")
        assert await run.tick(110.9, data) is first
        second = await run.tick(111.0, key_frame(1))
        assert second is not None
        assert second.number == 2
        run.thumbnails.on_event(ShowEnded())
        assert await run.tick(200.0, data) is second

    asyncio.run(story())


def test_no_picture_is_made_twice_of_the_same_key_frame() -> None:
    async def story() -> None:
        run = Run()
        run.thumbnails.on_event(ShowOpened())
        first = await run.tick(101.0, key_frame())
        assert first is not None
        assert await run.tick(111.0, key_frame()) is first
        assert await run.tick(121.0, key_frame(1)) is not first

    asyncio.run(story())


@pytest.mark.parametrize(
    ("name", "rotation", "shape"),
    [("avc-anamorphic", 0, (192, 108)), ("avc", 90, (90, 160)), ("avc", 180, (160, 90))],
)
def test_a_picture_has_the_shape_that_viewers_see(
    name: str, rotation: int, shape: tuple[int, int]
) -> None:
    async def story() -> None:
        run = Run()
        run.thumbnails.on_event(ShowOpened())
        found = await run.tick(101.0, key_frame(name=name, rotation=rotation))
        assert found is not None
        with av.open(io.BytesIO(found.jpeg)) as container:
            stream = container.streams.video[0]
            assert (stream.width, stream.height) == shape

    asyncio.run(story())


def test_damaged_pictures_are_a_warning_and_the_next_is_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story() -> None:
        run, whole = Run(), key_frame()
        run.thumbnails.on_event(ShowOpened())
        assert await run.tick(101.0, bytes(500)) is None
        assert await run.tick(111.0, whole[:200]) is None
        picture = await run.tick(121.0, whole)
        assert picture is not None
        assert picture.number == 1

    with caplog.at_level(logging.WARNING):
        asyncio.run(story())
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2


def test_a_program_that_is_not_there_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        run = Run("/nowhere/ffmpeg")
        run.thumbnails.on_event(ShowOpened())
        assert await run.tick(101.0, key_frame()) is None

    asyncio.run(story())
    assert "cannot be started" in caplog.text


@pytest.mark.usefixtures("committed_db")
def test_a_channel_on_the_air_has_a_poster() -> None:
    from madang.servers.live.hub import LiveLimits
    from madang.servers.live.thumbnails import ThumbnailLimits

    key = channel_key()
    limits = LiveLimits(thumbnails=ThumbnailLimits(interval=0.2, first=0.1))
    with on_the_air(live_limits=limits) as air:
        assert air.ask("/live/yard/poster.jpg").status == 404
        encoder = Encoder(air, key)
        air.on_air("yard")
        poster = until(lambda: air.status("yard")["poster"])
        named = air.ask(poster)
        assert named.headers["content-type"] == "image/jpeg"
        assert "immutable" in named.headers["cache-control"]
        latest = air.ask("/live/yard/poster.jpg")
        assert latest.body.startswith(b"\xff\xd8")
        assert latest.headers["cache-control"] == "no-cache"
        sent = len(named.body) + len(latest.body)
        until(lambda: air.counters.bytes_sent["poster"] == sent)  # counted once they are out

        def is_known() -> bool:
            tag = air.ask("/live/yard/poster.jpg").headers["etag"]
            return air.ask("/live/yard/poster.jpg", if_none_match=tag).status == 304

        until(is_known)  # a new picture may come in between
        encoder.stop()
