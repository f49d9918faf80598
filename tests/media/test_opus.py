"""OpusHead and packet lengths of Opus."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.media.bits import CodecConfigError
from madang.media.opus import MAX_PACKET_SAMPLES, packet_samples, parse_config


def head(channels: int, family: int = 0, mapping: bytes = b"", version: int = 1) -> bytes:
    return (
        b"OpusHead" + struct.pack("<BBHIhB", version, channels, 312, 44_100, -256, family) + mapping
    )


def test_the_fields_change_their_byte_order() -> None:
    track = parse_config(head(2))
    assert track.config == struct.pack(">BBHIhB", 0, 2, 312, 44_100, -256, 0)
    assert (track.sample_rate, track.channels, track.codec_string) == (48_000, 2, "opus")


def test_a_channel_mapping_is_kept() -> None:
    mapping = bytes((4, 2, 0, 4, 1, 2, 3, 5))
    track = parse_config(head(6, 1, mapping) + b"more")
    assert track.channels == 6
    assert track.config.endswith(mapping)


@pytest.mark.parametrize(
    "config",
    [
        head(2)[:-1],
        b"OpusTags" + head(2)[8:],
        head(2, version=16),
        head(0),
        head(3),
        head(6, 1, bytes(7)),
        head(0, 1, bytes(2)),
    ],
)
def test_impossible_configurations_are_refused(config: bytes) -> None:
    with pytest.raises(CodecConfigError):
        parse_config(config)


MILLISECONDS = (
    [10, 20, 40, 60] * 3  # SILK
    + [10, 20] * 2  # hybrid
    + [2.5, 5, 10, 20] * 4  # CELT
)
"""RFC 6716, table 2."""


@pytest.mark.parametrize("configuration", range(32))
@pytest.mark.parametrize("stereo", [0, 1])
def test_every_configuration_has_its_length(configuration: int, stereo: int) -> None:
    toc = configuration << 3 | stereo << 2
    frame = int(MILLISECONDS[configuration] * 48)
    assert packet_samples(bytes((toc,))) == frame
    assert packet_samples(bytes((toc | 1, 0))) == 2 * frame
    assert packet_samples(bytes((toc | 2, 0))) == 2 * frame
    assert packet_samples(bytes((toc | 3, 0x80 | 2, 0))) == 2 * frame


@given(st.binary(max_size=3))
def test_a_packet_lasts_up_to_120_ms_or_is_refused(data: bytes) -> None:
    try:
        samples = packet_samples(data)
    except CodecConfigError:
        assert len(data) < 2 or data[0] & 3 == 3
    else:
        assert 0 < samples <= MAX_PACKET_SAMPLES == 120 * 48


@pytest.mark.parametrize("data", [b"", b"\x03", b"\x03\x00", b"\x1b\x03"])
def test_packets_of_no_possible_length_are_refused(data: bytes) -> None:
    with pytest.raises(CodecConfigError):
        packet_samples(data)
