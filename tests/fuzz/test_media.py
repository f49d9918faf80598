"""Mutated codec configurations and frames give a track or are refused."""

from __future__ import annotations

import pytest

from madang.base.errors import ParseError
from madang.media import nal
from madang.media.adts import is_adts, split
from madang.media.av1 import strip_temporal_delimiters
from madang.media.configs import audio_track, unit_samples, video_track
from madang.media.parameter_sets import ParameterSets, trimmed
from madang.media.track import AudioTrack, Codec, Track
from madang.wire.fmp4 import init_segment
from tests.support.fuzzing import SUITE_COUNT, fuzz
from tests.support.odd_streams import sets_of
from tests.support.samples import PROGRAMS, RECIPES, Sample, sample

WITHOUT_CONFIG = frozenset({Codec.AC3, Codec.EAC3, Codec.MP3})
FRAMES_READ = frozenset({Codec.AV1, Codec.VP9, Codec.OPUS, Codec.FLAC, Codec.AC3, Codec.EAC3})
FRAMES_READ |= {Codec.MP3}

HEADER_SIZE = 64
"""Bytes of a frame used as a seed, so that mutations hit parsed fields."""


def samples_of(codec: Codec) -> list[Sample]:
    names = [name for name, (made_by, _) in RECIPES.items() if made_by is codec]
    return [sample(program, name) for name in names for program in PROGRAMS]


def frames_of(codec: Codec) -> list[bytes]:
    # The parser of E-AC-3 walks from frame to frame, so units stay whole.
    size = None if codec is Codec.EAC3 else HEADER_SIZE
    return [made.units[0].data[:size] for made in samples_of(codec)]


def share(codec: Codec) -> int:
    """Return the number of inputs for one test of a codec; the sum is the suite's count."""
    return SUITE_COUNT // ((codec not in WITHOUT_CONFIG) + (codec in FRAMES_READ))


def make(codec: Codec, config: bytes, frame: bytes) -> Track:
    if codec.is_video:
        return video_track(codec, config, frame)
    return audio_track(codec, config, frame)


@pytest.mark.parametrize("codec", [codec for codec in Codec if codec not in WITHOUT_CONFIG])
def test_a_configuration_makes_a_track_or_is_refused(codec: Codec) -> None:
    frame = samples_of(codec)[0].units[0].data

    def target(data: bytes) -> None:
        # Accepted values must fit in the boxes as well.
        init_segment([make(codec, data, frame)])

    fuzz(target, [made.config for made in samples_of(codec)], (ParseError,), share(codec))


@pytest.mark.parametrize("codec", [Codec.AVC, Codec.HEVC])
def test_parameter_sets_make_a_configuration_or_are_refused(codec: Codec) -> None:
    def target(data: bytes) -> None:
        sets = ParameterSets.find(codec, nal.split_byte_stream(data))
        if sets.complete:
            config = sets.config()
            assert trimmed(codec, config) == config
            init_segment([video_track(codec, config)])

    seeds = [b"\0\0\1" + b"\0\0\1".join(sets_of(codec, s.config)) for s in samples_of(codec)]
    fuzz(target, seeds, (ParseError,), SUITE_COUNT // 4)


def test_adts_is_taken_off_or_refused() -> None:
    def target(data: bytes) -> None:
        if is_adts(data):
            config, frames = split(data)
            assert sum(map(len, frames)) < len(data)
            audio_track(Codec.AAC, config)

    frame = b"\xff\xf1\x4c\x40\x02\x1f\xfc" + bytes(9)
    fuzz(target, [frame, frame * 3], (ParseError,), SUITE_COUNT // 4)


@pytest.mark.parametrize("codec", [codec for codec in Codec if codec in FRAMES_READ])
def test_a_frame_is_measured_or_refused(codec: Codec) -> None:
    made = samples_of(codec)[0]
    track = made.track
    # With a record alone, the sequence header of AV1 is read from the frame.
    config = made.config[:4] if codec is Codec.AV1 else made.config

    def target(data: bytes) -> None:
        if isinstance(track, AudioTrack):
            assert unit_samples(track, data) >= 0
        elif codec is Codec.AV1:
            assert data.endswith(strip_temporal_delimiters(data))
        init_segment([make(codec, config, data)])

    fuzz(target, frames_of(codec), (ParseError,), share(codec))
