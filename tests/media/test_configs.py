"""Configurations of ffmpeg's encoders, parsed by Madang and by PyAV."""

from __future__ import annotations

import re

import pytest

from madang.base.errors import LimitExceeded, ParseError
from madang.media.bits import CodecConfigError
from madang.media.configs import MAX_CONFIG, audio_track, unit_samples, video_track
from madang.media.track import AudioTrack, Codec, VideoTrack
from tests.support.samples import FRAME_RATE, RECIPES, SAMPLES, sample

CODEC_STRINGS = {
    "avc": r"avc1\.42c00b",
    "avc-b-frames": r"avc1\.4d400b",
    "avc-444": r"avc1\.f4000b",
    "avc-interlaced": r"avc1\.4d40..",
    "avc-anamorphic": r"avc1\.4d40..",
    "avc-turned": r"avc1\.42c00b",
    "hevc": r"hvc1\.1\.6\.L30\.90",
    "av1": r"av01\.0\.00M\.08",
    "av1-aom": r"av01\.0\.00M\.08",
    "vp9": r"vp09\.00\.10\.08",
    "aac": r"mp4a\.40\.2",
    "aac-surround": r"mp4a\.40\.2",
    "opus": "opus",
    "opus-surround": "opus",
    "flac": "flac",
    "flac-96k": "flac",
    "ac3": "ac-3",
    "ac3-surround": "ac-3",
    "eac3": "ec-3",
    "eac3-surround": "ec-3",
    "mp3": r"mp4a\.6B",
    "mp3-mpeg2": r"mp4a\.69",
}


@pytest.mark.parametrize(("program", "name"), SAMPLES)
def test_a_track_says_what_the_decoder_says(program: str, name: str) -> None:
    made = sample(program, name)
    track = made.track
    assert track.codec is made.codec
    assert re.fullmatch(CODEC_STRINGS[name], track.codec_string)
    match track:
        case VideoTrack():
            assert (track.width, track.height) == (made.stream.width, made.stream.height)
        case AudioTrack():
            assert track.sample_rate == track.timescale == made.stream.sample_rate
            assert track.channels == made.stream.channels


@pytest.mark.parametrize(("program", "name"), SAMPLES)
def test_a_track_has_the_configuration_that_ffmpeg_writes_to_files(program: str, name: str) -> None:
    made = sample(program, name)
    expected = made.config if made.codec is Codec.AAC else made.box_config
    assert made.track.config == expected


@pytest.mark.parametrize("program", ["system", "bundled"])
@pytest.mark.parametrize("name", ["avc", "avc-b-frames", "avc-444", "avc-interlaced", "hevc"])
def test_the_frame_rate_is_told(program: str, name: str) -> None:
    track = sample(program, name).track
    assert isinstance(track, VideoTrack)
    assert track.frame_rate == FRAME_RATE


@pytest.mark.parametrize(
    ("program", "name"), [one for one in SAMPLES if not RECIPES[one[1]][0].is_video]
)
def test_access_units_last_as_long_as_the_demuxer_says(program: str, name: str) -> None:
    made = sample(program, name)
    track = made.track
    assert isinstance(track, AudioTrack)
    measured = [unit_samples(track, unit.data) for unit in made.units]
    # The last duration in a file may be cut to the length of the input.
    assert measured[:-1] == [unit.duration for unit in made.units[:-1]]
    assert measured[-1] >= made.units[-1].duration
    assert track.frame_samples in (0, measured[0])


@pytest.mark.parametrize("codec", [Codec.AC3, Codec.EAC3, Codec.MP3])
def test_codecs_without_a_configuration_need_a_frame(codec: Codec) -> None:
    with pytest.raises(CodecConfigError):
        audio_track(codec, None)


@pytest.mark.parametrize("codec", list(Codec))
def test_an_empty_or_huge_configuration_is_refused(codec: Codec) -> None:
    make = video_track if codec.is_video else audio_track
    with pytest.raises(CodecConfigError):
        make(codec, b"", b"")
    with pytest.raises(LimitExceeded):
        make(codec, bytes(MAX_CONFIG + 1), b"")


@pytest.mark.parametrize("name", RECIPES)
def test_a_configuration_cut_anywhere_is_refused_or_understood(name: str) -> None:
    made = sample("bundled", name)
    frame = made.units[0].data
    make = video_track if made.codec.is_video else audio_track
    refused = 0
    for size in range(min(len(made.config), 80)):
        try:
            make(made.codec, made.config[:size], frame)
        except ParseError:
            refused += 1
    # MP3 and AC-3 are parsed from the frame, like the sequence header of AV1.
    assert refused or made.codec in (Codec.MP3, Codec.AC3, Codec.EAC3)


def test_a_codec_of_the_other_medium_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="not a video codec"):
        video_track(Codec.AAC, b"")
    with pytest.raises(ValueError, match="not an audio codec"):
        audio_track(Codec.AVC, b"")
