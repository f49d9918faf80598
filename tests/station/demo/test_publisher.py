from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import imageio_ffmpeg
import pytest

from tests.support.data_plane import Loop, on_the_air, until
from tests.support.shows import channel_key

if TYPE_CHECKING:
    from madang.station.demo.publisher import DemoPublisher

PROGRAM = imageio_ffmpeg.get_ffmpeg_exe()
linux = pytest.mark.skipif(sys.platform != "linux", reason="finds the encoder in /proc")


def demo(program: str, url: str, *, show: float = 3600.0) -> DemoPublisher:
    from madang.station.demo.publisher import DemoPublisher

    return DemoPublisher(program, url, "Asia/Seoul", grace=0.1, show=show)


@pytest.fixture
def quick(station: object, monkeypatch: pytest.MonkeyPatch) -> None:
    from madang.station.demo import publisher

    monkeypatch.setattr(publisher, "RETRY", 0.1)
    monkeypatch.setattr(publisher, "SIZE", "640x360")


def encoders(url: str) -> list[int]:
    """Processes that publish to `url`."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                line = (folder / "cmdline").read_bytes()
            except OSError:
                continue  # ended meanwhile
            if url.encode() in line.split(b"\0"):
                found.append(int(folder.name))
    return found


@linux
@pytest.mark.usefixtures("committed_db", "quick")
def test_the_demo_is_on_the_air_and_comes_back_when_its_encoder_is_killed() -> None:
    with on_the_air() as air:
        url = f"rtmp://127.0.0.1:{air.rtmp_port}/live/{channel_key('demo')}"
        publisher = demo(PROGRAM, url)
        air.loop.call(publisher.start)
        air.on_air("demo")
        (first,) = encoders(url)
        os.kill(first, signal.SIGKILL)
        air.on_air("demo", "interrupted")
        air.on_air("demo")
        assert encoders(url) != [first]
        air.loop.run(publisher.stop())
        assert encoders(url) == []


@pytest.mark.usefixtures("committed_db", "quick")
def test_a_show_of_the_demo_ends_and_another_begins() -> None:
    with on_the_air(grace=0.1) as air:
        url = f"rtmp://127.0.0.1:{air.rtmp_port}/live/{channel_key('demo')}"
        publisher = demo(PROGRAM, url, show=3.0)
        air.loop.call(publisher.start)
        shows: set[object] = set()

        def another() -> bool:
            shows.update(status.since for status in air.hub.snapshot().values())
            return len(shows) > 1

        until(another)
        air.loop.run(publisher.stop())


@pytest.mark.usefixtures("quick")
def test_the_encoders_words_are_logged_without_the_stream_key(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop = Loop()
    publisher = demo(PROGRAM, "rtmp://127.0.0.1:9/live/live_secret_of_this_station")
    try:
        with caplog.at_level(logging.WARNING):
            loop.call(publisher.start)
            until(lambda: caplog.text.count("it is started again") >= 2)
        loop.run(publisher.stop())
    finally:
        loop.close()
    assert "secret" not in caplog.text
    assert "********" in caplog.text


@pytest.mark.usefixtures("quick")
def test_an_encoder_that_cannot_be_started_is_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop = Loop()
    publisher = demo("/nowhere/ffmpeg", "rtmp://127.0.0.1:9/live/key")
    try:
        with caplog.at_level(logging.WARNING):
            loop.call(publisher.start)
            until(lambda: caplog.text.count("/nowhere/ffmpeg: No such file") >= 2)
        loop.run(publisher.stop())
    finally:
        loop.close()
