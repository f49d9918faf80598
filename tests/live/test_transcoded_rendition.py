"""Renditions that a transcoder makes of the feed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from madang.live.events import PartAdded, RenditionEnded, SegmentEnded
from madang.live.flv_feed import Chunk
from madang.live.show import Show
from madang.live.window import Window
from madang.wire.flv import FlvReader, Tag
from tests.support.broadcast import Broadcast, Encoder, Sent, Viewer, check_events

RUNG = "360p"


@dataclass
class Transcoder:
    """Gives the feed back later, with stamps that are rounded another way.

    `behind` is in seconds; `rounding` gives what is added to a stamp, in milliseconds.
    """

    broadcast: Broadcast
    behind: float
    rng: random.Random
    viewer: Viewer = field(default_factory=Viewer)
    _reader: FlvReader = field(default_factory=FlvReader)
    _queue: list[tuple[float, Tag]] = field(default_factory=list)

    def read(self, data: bytes | Chunk | None) -> None:
        if data is not None:
            tags = self._reader.receive(data if isinstance(data, bytes) else data.data)
            self._queue += [(self.broadcast.now + self.behind, tag) for tag in tags]

    def write(self) -> None:
        """Bring out what is due."""
        while self._queue and self._queue[0][0] <= self.broadcast.now:
            _, tag = self._queue.pop(0)
            if RUNG not in self.show.followers:
                # As the ladder does: when the first byte comes out of the transcoder.
                self.show.add_rendition(RUNG)
            config = tag.body[1:2] == b"\0"
            rounded = tag.timestamp if config else tag.timestamp + self.rng.randint(-1, 1)
            tag = replace(tag, timestamp=rounded)
            if events := self.show.receive_transcoded(RUNG, tag, self.broadcast.now):
                self.broadcast.note(events)
                self.viewer.look(self.window)

    @property
    def show(self) -> Show:
        return self.broadcast.show

    @property
    def window(self) -> Window:
        return self.show.followers[RUNG].window

    def end(self) -> None:
        """End the show, and check what it said of the rendition."""
        self.broadcast.end()
        check_events(self.broadcast.events, RUNG, self.viewer)

    def send(self, sent: list[Sent]) -> None:
        """Let the publisher send, the transcoder following."""
        for item in sent:
            self.broadcast.send([item])
            self.read(self.broadcast.show.feed.take())
            self.write()


def following(behind: float, seed: int, encoder: Encoder, seconds: float) -> Transcoder:
    broadcast = Broadcast()
    broadcast.connect()
    broadcast.send(encoder.stream(5.3))
    broadcast.show.feed.take()
    transcoder = Transcoder(broadcast, behind, random.Random(seed))
    transcoder.read(broadcast.show.feed.opening())
    transcoder.send(encoder.frames(seconds, 5.3))
    return transcoder


def check_cut_as_the_source(transcoder: Transcoder) -> None:
    transcoder.end()
    source = transcoder.broadcast.viewer.segments
    made = transcoder.viewer.segments
    numbers = sorted(made)
    # RFC 8216bis, section 6.2.4: renditions have matching timestamps, and their players switch
    # between segments of the same number.
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    for msn in numbers[:-1]:
        assert made[msn].complete
        assert [part.duration for part in made[msn].parts] == [
            part.duration for part in source[msn].parts
        ]
        assert made[msn].parts[0].independent == source[msn].parts[0].independent
        assert made[msn].program_date_time == source[msn].program_date_time
        for ours, theirs in zip(
            transcoder.viewer.units(msn), transcoder.broadcast.viewer.units(msn), strict=True
        ):
            assert [unit.data for unit in ours[1]] == [unit.data for unit in theirs[1]]


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    behind=st.floats(0.2, 0.8),
    seed=st.integers(0, 999),
    gop=st.sampled_from([0.5, 1.0, 2.0, 4.0]),
    later=st.integers(-100, 100),
)
def test_a_rendition_is_cut_where_the_source_was(
    behind: float, seed: int, gop: float, later: int
) -> None:
    transcoder = following(behind, seed, Encoder(gop=gop, audio_later=later), 16.0)
    assert len(transcoder.viewer.segments) > 2
    check_cut_as_the_source(transcoder)


def test_a_rendition_begins_with_a_segment_of_the_source() -> None:
    transcoder = following(0.5, 1, Encoder(), 3.5)
    # The transcoder began at 5.3 s, with what a newcomer is sent; the next segment is at 6 s.
    assert min(transcoder.viewer.segments) == 103
    (first,) = [transcoder.viewer.segments[103]]
    assert first.parts[0].independent


def test_a_transcoder_that_is_sent_the_last_ten_seconds_first_is_in_time() -> None:
    transcoder = following(0.4, 1, Encoder(gop=10.0), 26.0)
    check_cut_as_the_source(transcoder)


@pytest.mark.parametrize("away", [0.0, 12.0])
def test_a_rendition_survives_a_takeover_of_its_source(away: float) -> None:
    transcoder = following(0.5, 1, Encoder(), 6.0)
    broadcast = transcoder.broadcast
    if away:
        broadcast.leave()
        broadcast.wait_until(broadcast.now + away)
    broadcast.connect()
    second = Encoder(start=123_456_789)
    frames = [Sent(item.at - 1000, item.tag) for item in second.frames(9.0, 1000.0)]
    transcoder.send(second.headers() + frames)
    check_cut_as_the_source(transcoder)
    made, source = transcoder.viewer.segments, broadcast.viewer.segments
    # Section 6.2.4: discontinuities stand at the same places in all renditions.
    breaks = [msn for msn in sorted(made) if made[msn].discontinuity]
    assert len(breaks) == 1
    assert source[breaks[0]].discontinuity


def test_a_rendition_is_offered_once_it_has_a_part_and_until_its_transcoder_ends() -> None:
    transcoder = following(0.5, 1, Encoder(), 0.5)
    show = transcoder.broadcast.show
    if RUNG not in show.followers:
        show.add_rendition(RUNG)
    assert list(show.renditions()) == ["source"]
    transcoder.send(Encoder().frames(6.0, 5.8))
    assert list(show.renditions()) == ["source", "360p"]
    playlist = show.playlist()
    assert playlist is not None
    assert b"360p/media.m3u8" in playlist.body
    # protocols.md: EXT-X-RENDITION-REPORT for every other rendition.
    assert transcoder.viewer.playlist is not None
    (report,) = transcoder.viewer.playlist.rendition_reports
    assert report.uri == "../source/media.m3u8"
    window = transcoder.window
    events = transcoder.broadcast.note(show.drop_rendition(RUNG))
    assert [type(event) for event in events] == [SegmentEnded, RenditionEnded]
    assert window.ended
    check_events(transcoder.broadcast.events, RUNG, transcoder.viewer)
    assert list(show.renditions()) == ["source"]
    assert show.drop_rendition(RUNG) == []


def test_a_transcoder_that_starts_again_gives_its_files_names_of_their_own() -> None:
    transcoder = following(0.5, 1, Encoder(), 6.0)
    broadcast = transcoder.broadcast
    broadcast.note(transcoder.show.drop_rendition(RUNG))
    first = [event for event in broadcast.events if isinstance(event, PartAdded)]
    again = Transcoder(broadcast, 0.5, random.Random(2))
    again.read(transcoder.show.feed.opening())
    again.send(Encoder().frames(9.0, 11.3))
    broadcast.end()
    later = [e for e in broadcast.events if isinstance(e, PartAdded)][len(first) :]
    ours = [{e.file.name for e in found if e.rendition == RUNG} for found in (first, later)]
    assert all(ours)
    assert ours[0].isdisjoint(ours[1])


def test_after_the_end_a_transcoder_adds_nothing_and_its_rendition_stays() -> None:
    transcoder = following(0.8, 1, Encoder(), 6.0)
    show = transcoder.show
    transcoder.end()
    for _, tag in transcoder._queue:
        assert show.receive_transcoded(RUNG, tag, transcoder.broadcast.now) == []
    assert show.drop_rendition(RUNG) == []
    assert list(show.renditions()) == ["source", RUNG]
    assert transcoder.window.ended


def test_the_clock_of_a_show_of_fifty_days_passes_the_stamps_of_its_feed() -> None:
    broadcast = Broadcast()
    broadcast.show._timeline.newest = 2**32 - 9_000.0
    broadcast.connect()
    broadcast.send(Encoder().stream(5.3))
    broadcast.show.feed.take()
    transcoder = Transcoder(broadcast, 0.4, random.Random(1))
    transcoder.read(broadcast.show.feed.opening())
    transcoder.send(Encoder().frames(14.0, 5.3))
    check_cut_as_the_source(transcoder)
