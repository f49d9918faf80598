"""Init segments, box by box."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from madang.media.track import AudioTrack, Codec, Track
from madang.wire.fmp4 import init_segment
from tests.support.fmp4 import boxes
from tests.support.samples import RECIPES, sample

NAMES = ("avc", "hevc", "av1", "vp9", "aac", "opus", "flac", "flac-96k", "ac3", "eac3", "mp3")


def payloads(data: bytes, wanted: bytes) -> list[bytes]:
    return [data[begin:end] for kind, begin, end in boxes(data) if kind == wanted]


def test_tracks_are_numbered_from_one_in_order() -> None:
    tracks = [sample("bundled", name).track for name in NAMES]
    data = init_segment(tracks)
    ids = [struct.unpack_from(">12xI", header)[0] for header in payloads(data, b"tkhd")]
    extends = [struct.unpack_from(">4xII", extend) for extend in payloads(data, b"trex")]
    (movie,) = payloads(data, b"mvhd")
    assert ids == list(range(1, len(NAMES) + 1))
    assert extends == [(track_id, 1) for track_id in ids]
    assert struct.unpack(">I", movie[-4:]) == (len(NAMES) + 1,)


def test_media_timescales_are_those_of_the_tracks() -> None:
    tracks = [sample("bundled", name).track for name in NAMES]
    headers = payloads(init_segment(tracks), b"mdhd")
    assert [struct.unpack_from(">12xI", header)[0] for header in headers] == [
        track.timescale for track in tracks
    ]


def test_every_sample_table_is_empty_but_for_its_description() -> None:
    data = init_segment([sample("bundled", "avc").track])
    for kind in (b"stts", b"stsc", b"stco"):
        assert payloads(data, kind) == [bytes(8)]
    assert payloads(data, b"stsz") == [bytes(12)]


def description(track: Track) -> bytes:
    (table,) = payloads(init_segment([track]), b"stsd")
    version, count, size = struct.unpack_from(">III", table)
    assert (version, count, size) == (0, 1, len(table) - 8)
    return table[12:]


@pytest.mark.parametrize(
    ("name", "kind", "config_kind"),
    [
        ("avc", b"avc1", b"avcC"),
        ("hevc", b"hvc1", b"hvcC"),
        ("av1", b"av01", b"av1C"),
        ("vp9", b"vp09", b"vpcC"),
        ("opus", b"Opus", b"dOps"),
        ("flac", b"fLaC", b"dfLa"),
        ("ac3", b"ac-3", b"dac3"),
        ("eac3", b"ec-3", b"dec3"),
    ],
)
def test_a_sample_entry_has_the_configuration_that_ffmpeg_writes(
    name: str, kind: bytes, config_kind: bytes
) -> None:
    made = sample("bundled", name)
    entry = description(made.track)
    payload = made.box_config
    if made.codec is Codec.FLAC:
        payload = b"\0\0\0\0\x80\0\0\x22" + payload
    assert entry[:4] == kind
    assert entry.endswith(struct.pack(">I4s", len(payload) + 8, config_kind) + payload)


@pytest.mark.parametrize(
    ("rate", "field"),
    [(44_100, 44_100), (65_535, 65_535), (96_000, 48_000), (192_000, 48_000), (88_201, 0)],
)
def test_rates_above_16_bits_are_halved_in_the_sample_entry(rate: int, field: int) -> None:
    track = sample("bundled", "flac-96k").track
    assert isinstance(track, AudioTrack)
    entry = description(replace(track, sample_rate=rate))
    assert struct.unpack_from(">4x24xI", entry) == (field << 16,)


def test_the_sample_size_of_flac_is_its_own() -> None:
    assert struct.unpack_from(">4x18xH", description(sample("bundled", "flac").track)) == (16,)


def test_a_long_aac_configuration_has_a_size_of_two_groups() -> None:
    made = sample("bundled", "aac")
    track = replace(made.track, config=bytes(200))
    data = init_segment([track])
    assert b"\x05\x81\x48" + bytes(200) in data


def test_every_codec_has_an_entry() -> None:
    assert {RECIPES[name][0] for name in NAMES} == set(Codec)
