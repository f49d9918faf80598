"""FLAC: STREAMINFO block and frame lengths (RFC 9639, 8.2 and 9.1)."""

from __future__ import annotations

from madang.media.bits import BitReader, CodecConfigError
from madang.media.track import AudioTrack, Codec

STREAMINFO_SIZE = 34

_MARKER = b"fLaC"
_BLOCK_HEADER_SIZE = 4
_SYNC = 0x7FFC
"""Fourteen synchronisation bits and a reserved one."""


def parse_config(config: bytes) -> AudioTrack:
    """Return the track described by a FLAC header.

    `config` is the marker "fLaC" with the STREAMINFO block, as in Enhanced RTMP, or only the
    contents of that block, as sent by ffmpeg. Raises CodecConfigError.
    """
    if config.startswith(_MARKER):
        block = config[len(_MARKER) : len(_MARKER) + _BLOCK_HEADER_SIZE]
        if len(block) < _BLOCK_HEADER_SIZE or block[0] & 0x7F:
            raise CodecConfigError("The FLAC configuration does not begin with STREAMINFO.")
        config = config[len(_MARKER) + _BLOCK_HEADER_SIZE :]
    config = config[:STREAMINFO_SIZE]
    if len(config) < STREAMINFO_SIZE:
        raise CodecConfigError("The FLAC configuration is cut off.")
    bits = BitReader(config, "FLAC configuration")
    bits.skip(16 + 16 + 24 + 24)
    sample_rate = bits.read(20)
    channels = bits.read(3) + 1
    if not sample_rate:
        raise CodecConfigError("The FLAC configuration has no sample rate.")
    return AudioTrack(
        codec=Codec.FLAC,
        config=config,
        codec_string="flac",
        sample_rate=sample_rate,
        channels=channels,
        frame_samples=0,
    )


def frame_samples(data: bytes) -> int:
    """Return the samples per channel of a frame (RFC 9639, 9.1.1). Raises CodecConfigError."""
    bits = BitReader(data, "FLAC frame")
    if bits.read(15) != _SYNC:
        raise CodecConfigError("A FLAC frame does not begin with its synchronisation code.")
    bits.skip(1)
    code = bits.read(4)
    if code == 0:
        raise CodecConfigError("A FLAC frame has a reserved block size.")
    if code == 1:
        return 192
    if code < 6:
        return 144 << code
    if code > 7:
        return 1 << code
    bits.skip(12)
    _skip_coded_number(bits)
    return bits.read(8 if code == 6 else 16) + 1


def _skip_coded_number(bits: BitReader) -> None:
    """Skip the frame or sample number, which is coded like UTF-8 (9.1.5)."""
    first = bits.read(8)
    ones = 8 - (first ^ 0xFF).bit_length()
    if ones in (1, 8):
        raise CodecConfigError("A FLAC frame has a damaged number.")
    bits.skip(8 * max(ones - 1, 0))
