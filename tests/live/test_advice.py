"""Advice: the right words for every stream that is set up wrong, and none for the others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from madang.live.advice import BY_CODE, RULES, advise
from madang.live.advice_conditions import Observed
from madang.live.demux import Tracks
from madang.live.meter import Measurement
from madang.media.configs import video_track
from madang.media.track import AudioTrack, Codec
from tests.live.advice_cases import CASES, HEALTHY
from tests.support.broadcast import Encoder, broadcast
from tests.support.samples import sample


@pytest.mark.parametrize("code", CASES)
def test_each_fault_gets_its_words_and_no_other(code: str) -> None:
    made = CASES[code]()
    (advice,) = made.show.advice(made.now)
    assert (advice.code, advice.severity) == (code, BY_CODE[code].severity)
    rule = BY_CODE[code]
    for words in (rule.title, rule.text):
        assert "{" not in words.message.format(**advice.values)


def test_every_rule_has_a_case_and_a_code_of_its_own() -> None:
    assert (
        sorted([*CASES, "recording_stopped"])
        == sorted(rule.code for rule in RULES)
        == sorted(BY_CODE)
    )


def test_the_worst_rules_come_first() -> None:
    order = ["error", "warning", "info"]
    found = [order.index(rule.severity) for rule in RULES]
    assert found == sorted(found)


@pytest.mark.parametrize("name", HEALTHY)
def test_a_good_stream_gets_no_advice(name: str) -> None:
    made = HEALTHY[name]()
    assert made.show.advice(made.now) == ()


def test_there_is_no_advice_when_nothing_is_on_the_air() -> None:
    made = broadcast(Encoder(audio=False), 6.0)
    assert made.show.advice(made.now) == ()


def test_several_faults_are_named_the_worst_first() -> None:
    video = video_track(Codec.AVC, sample("bundled", "avc").config)
    measured = Measurement(
        arrival_lag=5.0, bit_rate=2e6, speed=0.8, late_by="uplink", composition_delay=0.5, damaged=1
    )
    found = advise(Observed(Tracks(video, None), measured, 100))
    assert [advice.severity for advice in found] == ["error", "warning", "warning", "info"]
    assert found[0].code == "uplink_stalled"
    assert found[0].values.items() >= {"lag": 5.0, "bit_rate": 2.5e6, "carried": 2e6}.items()


@pytest.mark.parametrize(
    ("name", "played", "refused"),
    [
        ("avc", "avc1.4d401f", "avc1.6e001f"),
        ("hevc", "hvc1.2.4.L93.B0", "hvc1.4.10.L93.8"),
        ("av1", "av01.0.04M.10", "av01.1.04M.08"),
        ("vp9", "vp09.02.10.10", "vp09.01.10.08"),
    ],
)
def test_profiles_that_browsers_do_not_decode_are_named(
    name: str, played: str, refused: str
) -> None:
    track = sample("bundled", name).track
    for codec, expected in ((track.codec_string, False), (played, False), (refused, True)):
        tracks = Tracks(replace(track, codec_string=codec), None)  # type: ignore[arg-type]
        found = [advice.code for advice in advise(Observed(tracks, Measurement()))]
        assert ("profile_uncommon" in found) == expected, codec


@pytest.mark.parametrize("name", ["hevc", "ac3", "eac3", "mp3"])
def test_codecs_that_browsers_lack_are_named_with_these_browsers(name: str) -> None:
    track = sample("bundled", name).track
    tracks = Tracks(None, track) if isinstance(track, AudioTrack) else Tracks(track, None)
    found = [a for a in advise(Observed(tracks, Measurement())) if a.code == "codec_uncommon"]
    assert [item.values["codec"] for item in found] == [track.codec.value]
    assert found[0].values["browsers"]


def test_a_stream_that_catches_up_has_the_rate_of_the_stream() -> None:
    video = video_track(Codec.AVC, sample("bundled", "avc").config)
    measured = Measurement(arrival_lag=5.0, bit_rate=2e6, speed=1.25, late_by="uplink")
    first, *_ = advise(Observed(Tracks(video, None), measured, 100))
    assert first.values.items() >= {"bit_rate": 2e6, "carried": 2.5e6}.items()
