"""Advice from measurements of streams that are set up wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from madang.live import advice
from madang.live.advice import CODES, Advice, advise
from madang.live.demux import Tracks
from madang.live.meter import Measurement
from madang.media.configs import video_track
from madang.media.track import AudioTrack, Codec, VideoTrack
from madang.wire.flv import Tag, TagType
from tests.support.broadcast import (
    Broadcast,
    Encoder,
    Sent,
    broadcast,
    shifted,
    video_header,
)
from tests.support.samples import sample


def live(encoder: Encoder, seconds: float = 12.0) -> Broadcast:
    made = Broadcast()
    made.connect()
    made.send(encoder.stream(seconds))
    return made


def late(by: float) -> Broadcast:
    """Each second of the stream takes `by` seconds more to arrive."""
    made = Broadcast()
    made.connect()
    made.send([Sent(item.at * (1 + by), item.tag) for item in Encoder().stream(20.0)])
    return made


def lossy() -> Broadcast:
    made = live(Encoder())
    made.send([item for item in Encoder().frames(10.0, 12.0) if item.at % 0.3 > 0.05])
    return made


def damaged() -> Broadcast:
    made = live(Encoder())
    made.send([Sent(12.0, Tag(TagType.VIDEO, 12_000, b"\x17\x01"))])
    return made


def jumping() -> Broadcast:
    made = live(Encoder())
    made.send(shifted(Encoder().frames(3.0, 12.0), 50_000))
    return made


def irregular() -> Broadcast:
    made = live(Encoder(gop=3.0), 12.5)
    made.send(Encoder(gop=1.0).frames(2.0, 12.5))
    return made


def heavy() -> Broadcast:
    made = live(Encoder())
    padding = b"\0" * 40_000
    frames = Encoder().frames(12.0, 12.0)
    big = [replace(i, tag=replace(i.tag, body=i.tag.body + padding)) for i in frames]
    made.send(big)
    return made


def colourful() -> Broadcast:
    made = Broadcast()
    made.connect()
    config = sample("bundled", "avc-444").config
    stream = Encoder().stream(6.0)
    made.send([Sent(0.0, video_header(0, config)), *stream[1:]])
    return made


def uncommon() -> Broadcast:
    made = Broadcast()
    made.connect()
    mp3 = sample("bundled", "mp3").units[0].data
    made.send(
        [
            replace(i, tag=replace(i.tag, body=b"\x2f" + mp3)) if i.tag.type == 8 else i
            for i in Encoder().stream(6.0)
            if i.tag.body != Encoder().headers()[1].tag.body
        ]
    )
    return made


MADE_WRONG: dict[str, Callable[[], Broadcast]] = {
    "key_frames_far_apart": lambda: live(Encoder(gop=8.0), 20.0),
    "key_frames_irregular": irregular,
    "uplink_slow": lambda: late(0.1),
    "uplink_stalled": lambda: late(0.3),
    "frames_dropped": lossy,
    "codec_uncommon": uncommon,
    "profile_uncommon": colourful,
    "no_audio": lambda: live(Encoder(audio=False)),
    "no_video": lambda: live(Encoder(rate=None)),
    "clock_jumps": jumping,
    "media_damaged": damaged,
    "bit_rate_high": heavy,
    "reordering_long": lambda: live(Encoder(composition=300)),
}


@pytest.mark.parametrize("code", sorted(MADE_WRONG))
def test_each_fault_is_named_and_no_other(code: str) -> None:
    made = MADE_WRONG[code]()
    assert [advice.code for advice in made.show.advice(made.now)] == [code]


def test_every_code_can_be_reached_and_none_is_missing_from_the_table() -> None:
    assert frozenset(MADE_WRONG) == CODES
    written = re.findall(r'Advice\("(\w+)"', Path(advice.__file__).read_text())
    assert frozenset(written) == CODES


@pytest.mark.parametrize("rate", [Fraction(10), Fraction(30_000, 1001), Fraction(60)])
def test_a_good_stream_gets_no_advice(rate: Fraction) -> None:
    made = live(Encoder(rate=rate, composition=66))
    assert made.show.advice(made.now) == ()


def test_there_is_no_advice_when_nothing_is_on_the_air() -> None:
    made = broadcast(Encoder(audio=False), 6.0)
    assert made.show.advice(made.now) == ()


def test_the_worst_comes_first() -> None:
    video = video_track(Codec.AVC, sample("bundled", "avc").config)
    assert isinstance(video, VideoTrack)
    measured = Measurement(arrival_lag=5.0, composition_delay=0.5, damaged=1)
    found = advise(Tracks(video, None), measured, 100)
    assert [advice.severity for advice in found] == ["error", "warning", "warning", "info"]
    assert found[0] == Advice("uplink_stalled", "error", {"lag": 5.0, "bit_rate": 0})


@pytest.mark.parametrize("name", ["hevc", "av1", "ac3", "eac3", "mp3"])
def test_codecs_that_browsers_lack_are_named_with_these_browsers(name: str) -> None:
    track = sample("bundled", name).track
    tracks = Tracks(None, track) if isinstance(track, AudioTrack) else Tracks(track, None)
    found = [item for item in advise(tracks, Measurement(), 0) if item.code == "codec_uncommon"]
    assert [item.values["codec"] for item in found] == [track.codec.value]
    assert found[0].values["browsers"]
