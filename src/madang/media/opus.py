"""Opus: identification header of RFC 7845, its ISO BMFF form, and packet lengths (RFC 6716)."""

from __future__ import annotations

import struct

from madang.media.bits import CodecConfigError
from madang.media.track import AudioTrack, Codec

SAMPLE_RATE = 48_000
"""Hz; Opus always uses a 48 kHz clock, regardless of the encoder's input (RFC 7845, 4)."""

MAX_PACKET_SAMPLES = 5_760
"""120 ms, the longest packet (RFC 6716, 3.2.5)."""

_MAGIC = b"OpusHead"
_HEAD = struct.Struct("<8sBBHIhB")
_BOX = struct.Struct(">BBHIhB")

_SILK_SAMPLES = (480, 960, 1920, 2880)
_HYBRID_SAMPLES = (480, 960)
_CELT_SAMPLES = (120, 240, 480, 960)
_FRAME_SAMPLES = _SILK_SAMPLES * 3 + _HYBRID_SAMPLES * 2 + _CELT_SAMPLES * 4
"""Samples of a frame for each of the 32 configurations (RFC 6716, table 2)."""


def parse_config(config: bytes) -> AudioTrack:
    """Return the track described by an OpusHead (RFC 7845, 5.1).

    The track's configuration is the OpusSpecificBox payload, which has the same fields in
    big-endian order ("Encapsulation of Opus in ISO Base Media File Format", 4.3.2). Raises
    CodecConfigError.
    """
    if len(config) < _HEAD.size:
        raise CodecConfigError("The Opus configuration is cut off.")
    magic, version, channels, pre_skip, rate, gain, family = _HEAD.unpack_from(config)
    if magic != _MAGIC or version > 15:
        raise CodecConfigError("The Opus configuration is not an OpusHead of a known version.")
    mapping = b""
    if family:
        mapping = config[_HEAD.size : _HEAD.size + 2 + channels]
        if len(mapping) < 2 + channels:
            raise CodecConfigError("The Opus configuration is cut off.")
    if not channels or (not family and channels > 2):
        raise CodecConfigError(f"The Opus configuration has {channels} channels without a mapping.")
    return AudioTrack(
        codec=Codec.OPUS,
        config=_BOX.pack(0, channels, pre_skip, rate, gain, family) + mapping,
        codec_string="opus",
        sample_rate=SAMPLE_RATE,
        channels=channels,
        frame_samples=0,
    )


def usual_header(packet: bytes) -> bytes:
    """Return the OpusHead of a stream without one, by its first packet: mono or stereo (RFC 6716,
    3.1), with the pre-skip of libopus."""
    channels = 2 if packet[0] & 4 else 1
    return _HEAD.pack(_MAGIC, 1, channels, 312, SAMPLE_RATE, 0, 0)


def packet_samples(data: bytes) -> int:
    """Return the samples at 48 kHz of a packet (RFC 6716, 3.1 and 3.2). Raises CodecConfigError.

    Several streams in one packet all have the length of the first.
    """
    if not data:
        raise CodecConfigError("An Opus packet is empty.")
    frames = 1
    match data[0] & 3:
        case 1 | 2:
            frames = 2
        case 3:
            if len(data) < 2:
                raise CodecConfigError("An Opus packet is cut off.")
            frames = data[1] & 63
    samples = frames * _FRAME_SAMPLES[data[0] >> 3]
    if not 0 < samples <= MAX_PACKET_SAMPLES:
        raise CodecConfigError(f"An Opus packet claims to last {samples} samples.")
    return samples
