"""Followers of a broadcast: what is appended to a hub, and what one that fails costs."""

from __future__ import annotations

import io
import logging
from collections import defaultdict
from typing import TYPE_CHECKING

import av
import pytest

from madang.live.events import (
    InitChanged,
    PartAdded,
    SegmentEnded,
    ShowEnded,
    ShowEvent,
    ShowOpened,
)
from madang.live.rendition import SOURCE
from tests.support.data_plane import on_the_air, until
from tests.support.shows import Encoder, channel_key

if TYPE_CHECKING:
    from madang.servers.live.broadcast import LiveBroadcast

pytestmark = pytest.mark.usefixtures("committed_db")


class Recorder:
    """Appends what a broadcast says to one file for each rendition."""

    def __init__(self, broadcast: LiveBroadcast) -> None:
        self.slug = broadcast.slug
        self.files: defaultdict[str, bytearray] = defaultdict(bytearray)
        self.index: list[SegmentEnded] = []
        self.events: list[ShowEvent] = []
        self.ticks = 0

    def on_event(self, event: ShowEvent) -> None:
        self.events.append(event)
        match event:
            case InitChanged(rendition, file) | PartAdded(rendition, file):
                self.files[rendition] += file.body
            case SegmentEnded():
                self.index.append(event)
            case _:
                pass

    def tick(self, now: float) -> None:
        self.ticks += 1


def test_a_recorder_is_one_more_subscriber_and_its_file_plays() -> None:
    recorders: list[Recorder] = []

    def record(broadcast: LiveBroadcast) -> Recorder:
        recorders.append(Recorder(broadcast))
        return recorders[-1]

    with on_the_air(grace=0.3, subscribers=[record]) as air:
        encoder = Encoder(air, channel_key())
        air.on_air("yard")
        (recorder,) = recorders
        until(lambda: len(recorder.index) >= 4)
        encoder.stop()
        until(lambda: ShowEnded() in recorder.events)
    assert recorder.slug == "yard"
    assert recorder.ticks
    assert isinstance(recorder.events[0], ShowOpened)
    assert list(recorder.files) == [SOURCE]
    numbers = [segment.msn for segment in recorder.index]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    length = sum(segment.duration for segment in recorder.index)
    with av.open(io.BytesIO(recorder.files[SOURCE])) as played:
        pictures = [frame.time for frame in played.decode(played.streams.video[0])]
    # 30 pictures a second, but for what came behind the last of the last part.
    assert len(pictures) == pytest.approx(length * 30, abs=2)
    assert pictures[-1] - pictures[0] == pytest.approx(length, abs=0.1)
    with av.open(io.BytesIO(recorder.files[SOURCE])) as played:
        heard = sum(frame.samples for frame in played.decode(played.streams.audio[0]))
    assert heard / 48_000 == pytest.approx(length, abs=0.2)


class Broken:
    """Fails at everything."""

    def on_event(self, event: ShowEvent) -> None:
        raise RuntimeError("the disk is full")

    def tick(self, now: float) -> None:
        raise RuntimeError("the disk is full")


def test_a_subscriber_that_fails_takes_nothing_from_the_show(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR), on_the_air(subscribers=[lambda _: Broken()]) as air:
        encoder = Encoder(air, channel_key())
        air.on_air("yard")
        until(lambda: air.ask("/live/yard/source/media.m3u8").text.count("#EXTINF") > 1)
        assert not encoder.done.done()
        encoder.stop()
    assert "the disk is full" in caplog.text
