"""Configurations made of parameter sets inside the stream, against those that ffmpeg writes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from madang.media import nal
from madang.media.bits import CodecConfigError
from madang.media.configs import video_track
from madang.media.parameter_sets import ParameterSets, has_picture, length_size, trimmed
from madang.media.track import Codec
from tests.support.odd_streams import sets_of
from tests.support.samples import PROGRAMS, sample

STREAMS = [
    (program, name)
    for program in PROGRAMS
    for name in ("avc", "avc-444", "avc-interlaced", "avc-b-frames", "hevc")
]


@pytest.mark.parametrize(("program", "name"), STREAMS)
def test_a_configuration_of_parameter_sets_describes_the_same_track(
    program: str, name: str
) -> None:
    real = sample(program, name)
    sets = ParameterSets.find(real.codec, sets_of(real.codec, real.config))
    assert sets.complete
    made = sets.config()
    if real.codec is Codec.AVC:
        assert made == real.config
    track = video_track(real.codec, made)
    assert replace(track, config=b"", frame_rate=None) == replace(
        video_track(real.codec, real.config), config=b"", frame_rate=None
    )
    assert made[:13] == real.config[:13]
    for size in (1, 2, 4):
        assert length_size(real.codec, sets.config(size)) == size


@pytest.mark.parametrize(("program", "name"), STREAMS)
@pytest.mark.parametrize("junk", [b"\0", b"\0" * 9, b"\xff" * 3])
def test_bytes_behind_a_configuration_are_cut_off(program: str, name: str, junk: bytes) -> None:
    real = sample(program, name)
    assert trimmed(real.codec, real.config) == real.config
    assert trimmed(real.codec, real.config + junk) == real.config
    assert trimmed(real.codec, real.config[:20]) == real.config[:20]


def test_sets_of_several_tags_complete_one_another() -> None:
    real = sample("bundled", "hevc")
    each = [ParameterSets.find(Codec.HEVC, [unit]) for unit in sets_of(Codec.HEVC, real.config)[:3]]
    assert not any(sets.complete for sets in each)
    assert each[2].completed_by(each[1].completed_by(each[0])).complete
    assert not each[0].completed_by(ParameterSets(Codec.AVC, (), (b"a",), (b"b",))).complete


@pytest.mark.parametrize("sps", [b"\x67", b"\x67\x64\0\x1f", b"\x67\x64\0\x1f\x00\x00"])
def test_a_set_that_is_cut_off_is_refused(sps: bytes) -> None:
    with pytest.raises(CodecConfigError):
        ParameterSets(Codec.AVC, (), (sps,), (b"\x68",)).config()


@pytest.mark.parametrize("name", ["avc", "hevc"])
def test_byte_streams_and_samples_become_each_other(name: str) -> None:
    real = sample("bundled", name)
    for unit in real.units:
        nals = nal.split(unit.data, 4)
        assert nals
        assert has_picture(real.codec, nals)
        assert nal.join(nals, 4) == unit.data
        assert not nal.is_byte_stream(unit.data, 4)
        for start in (b"\0\0\1", b"\0\0\0\1"):
            stream = b"".join(start + each for each in nals) + b"\0"
            assert nal.is_byte_stream(stream, 4)
            assert nal.split_byte_stream(stream) == nals


def test_lengths_that_look_like_start_codes_are_lengths() -> None:
    sample_of_256 = b"\0\0\1\5" + bytes(261)
    assert nal.split(sample_of_256, 4) == [bytes(261)]
    assert not nal.is_byte_stream(sample_of_256, 4)
    assert nal.split(b"\0\0\0\5\x65", 4) is None
    with pytest.raises(CodecConfigError):
        nal.join([bytes(300)], 1)
