"""Files read by PyAV, hence by players based on FFmpeg, have the content that was written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from madang.media.configs import audio_track
from madang.media.track import AccessUnit, Codec
from tests.support.fmp4 import file_of
from tests.support.samples import SAMPLES, Demuxed, demux, sample


def demux_bytes(data: bytes, folder: Path) -> list[Demuxed]:
    path = folder / "made.mp4"
    path.write_bytes(data)
    return demux(path)


@pytest.mark.parametrize(("program", "name"), SAMPLES)
def test_every_packet_and_codec_parameter_survives(program: str, name: str, tmp_path: Path) -> None:
    made = sample(program, name)
    (seen,) = demux_bytes(file_of([(made.track, made.units)]), tmp_path)
    assert seen.units == made.units
    assert seen.stream == made.stream


@pytest.mark.parametrize("units_per_run", [1, 10, 1000])
@pytest.mark.parametrize(
    ("video", "audio"), [("avc-b-frames", "aac"), ("hevc", "opus"), ("vp9", "flac"), ("av1", "ac3")]
)
def test_muxed_tracks_survive(video: str, audio: str, units_per_run: int, tmp_path: Path) -> None:
    samples = [sample("bundled", video), sample("bundled", audio)]
    data = file_of([(made.track, made.units) for made in samples], units_per_run)
    seen = demux_bytes(data, tmp_path)
    assert [one.units for one in seen] == [made.units for made in samples]
    assert [one.stream for one in seen] == [made.stream for made in samples]


def shift(units: tuple[AccessUnit, ...], ticks: int) -> tuple[AccessUnit, ...]:
    return tuple(replace(unit, dts=unit.dts + ticks, pts=unit.pts + ticks) for unit in units)


@pytest.mark.parametrize("ticks", [2**31 - 1000, 2**32 - 1000, 2**32, 2**40])
def test_times_beyond_32_bits_survive(ticks: int, tmp_path: Path) -> None:
    samples = [sample("bundled", "avc-b-frames"), sample("bundled", "aac")]
    shifted = [(made.track, shift(made.units, ticks)) for made in samples]
    seen = demux_bytes(file_of(shifted), tmp_path)
    assert [one.units for one in seen] == [units for _, units in shifted]


@st.composite
def rising(draw: st.DrawFn) -> tuple[AccessUnit, ...]:
    units: list[AccessUnit] = []
    time = draw(st.integers(0, 2**40))
    for _ in range(draw(st.integers(1, 20))):
        duration = draw(st.integers(1, 2**20))
        offset = draw(st.integers(0, 2**20))
        data = draw(st.binary(min_size=1, max_size=20))
        # PyAV drops units before the first key frame.
        key = not units or draw(st.booleans())
        units.append(AccessUnit(time, time + offset, key, data, duration))
        time += duration
    return tuple(units)


# Opening a file takes PyAV milliseconds, so this has fewer examples than the property of
# read_fragment, which tests the same writer with wider numbers.
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rising(), st.integers(1, 20))
def test_any_units_with_rising_times_survive(
    tmp_path: Path, units: tuple[AccessUnit, ...], units_per_run: int
) -> None:
    track = sample("bundled", "avc").track
    (seen,) = demux_bytes(file_of([(track, units)], units_per_run), tmp_path)
    assert seen.units == units


def test_a_gap_between_fragments_survives(tmp_path: Path) -> None:
    made = sample("bundled", "aac")
    units = made.units[:7] + shift(made.units[7:], 480_000)
    (seen,) = demux_bytes(file_of([(made.track, units)]), tmp_path)
    assert seen.units == units


def test_high_efficiency_aac_is_told_at_its_doubled_rate(tmp_path: Path) -> None:
    # Neither ffmpeg encodes HE-AAC; the configuration (24 kHz core, mono, explicit replication to
    # 48 kHz) over frames of AAC-LC is all that a demuxer sees.
    config = bytes.fromhex("2b098800")
    track = audio_track(Codec.AAC, config)
    units = tuple(
        replace(unit, dts=2048 * index, pts=2048 * index, duration=2048)
        for index, unit in enumerate(sample("bundled", "aac").units)
    )
    (seen,) = demux_bytes(file_of([(track, units)]), tmp_path)
    assert seen.units == units
    assert (seen.stream.extradata, seen.stream.sample_rate) == (config, 48_000)
