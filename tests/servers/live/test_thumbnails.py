from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

import imageio_ffmpeg
import pytest

from madang.media.track import AccessUnit, VideoTrack
from madang.wire.fmp4 import TrackRun, fragment, init_segment
from tests.support.air import on_the_air, until
from tests.support.samples import sample
from tests.support.shows import Encoder, channel_key

if TYPE_CHECKING:
    from madang.servers.live.thumbnails import Picture

PROGRAM = imageio_ffmpeg.get_ffmpeg_exe()


@pytest.fixture(autouse=True)
def _quick(station: object, monkeypatch: pytest.MonkeyPatch) -> None:
    from madang.servers.live import thumbnails

    monkeypatch.setattr(thumbnails, "INTERVAL", 0.2)
    monkeypatch.setattr(thumbnails, "FIRST", 0.1)


def key_frame() -> bytes:
    """An fMP4 with one real picture."""
    made = sample("bundled", "avc")
    assert isinstance(made.track, VideoTrack)
    unit = AccessUnit(0, 0, True, made.units[0].data)
    return init_segment([made.track]) + fragment(1, [TrackRun(1, [unit], made.track.timescale)])


def pictures(sources: list[bytes | None], seconds: float, program: str = PROGRAM) -> list[Picture]:
    """What is made of `sources`, one after the other and then the last again."""
    from madang.servers.live.thumbnails import Thumbnailer

    shown: list[Picture] = []

    async def follow() -> None:
        source = lambda: sources.pop(0) if len(sources) > 1 else sources[0]  # noqa: E731
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(Thumbnailer(program).follow(source, shown.append), seconds)

    asyncio.run(follow())
    return shown


def test_pictures_come_again_and_again_with_rising_numbers() -> None:
    shown = pictures([None, key_frame()], 2.5)
    assert [picture.number for picture in shown[:2]] == [1, 2]
    assert all(picture.jpeg.startswith(b"\xff\xd8") for picture in shown)


def test_damaged_pictures_are_a_warning_and_the_next_is_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    whole = key_frame()
    with caplog.at_level(logging.WARNING):
        shown = pictures([bytes(500), whole[:200], whole], 2.5)
    assert shown
    assert shown[0].number == 1
    assert {record.levelname for record in caplog.records} == {"WARNING"}


def test_a_program_that_is_not_there_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    assert pictures([key_frame()], 0.5, "/nowhere/ffmpeg") == []
    assert "cannot be started" in caplog.text


@pytest.mark.usefixtures("committed_db")
def test_a_channel_on_the_air_has_a_poster() -> None:
    key = channel_key()
    with on_the_air() as air:
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
        encoder.stop()
