"""AC-3: synchronisation frames and the AC3SpecificBox (ETSI TS 102 366, 4.3 and F.4)."""

from __future__ import annotations

from madang.media.bits import BitReader, CodecConfigError
from madang.media.track import AudioTrack, Codec

SYNC_WORD = 0x0B77
SAMPLE_RATES = (48_000, 44_100, 32_000)
FRAME_SAMPLES = 1_536

CHANNELS = (2, 1, 2, 3, 3, 4, 4, 5)
"""Full-range channels of each audio coding mode (table 4.3)."""

_MAX_BSID = 8
_HIGHEST_FRAME_SIZE_CODE = 37


def parse_frame(data: bytes) -> AudioTrack:
    """Return the track that begins with this synchronisation frame. Raises CodecConfigError."""
    bits = BitReader(data, "AC-3 frame")
    if bits.read(16) != SYNC_WORD:
        raise CodecConfigError("An AC-3 frame does not begin with its synchronisation word.")
    bits.skip(16)
    rate_code = bits.read(2)
    frame_size_code = bits.read(6)
    stream_id = bits.read(5)
    mode = bits.read(3)
    coding_mode = bits.read(3)
    if rate_code == 3 or frame_size_code > _HIGHEST_FRAME_SIZE_CODE or stream_id > _MAX_BSID:
        raise CodecConfigError("An AC-3 frame has an unknown sample rate, size or version.")
    if coding_mode & 1 and coding_mode != 1:
        bits.skip(2)  # centre mix level
    if coding_mode & 4:
        bits.skip(2)  # surround mix level
    if coding_mode == 2:
        bits.skip(2)  # Dolby Surround
    low_frequency = bits.read(1)
    fields = (
        (rate_code, 2),
        (stream_id, 5),
        (mode, 3),
        (coding_mode, 3),
        (low_frequency, 1),
        (frame_size_code >> 1, 5),
        (0, 5),
    )
    return AudioTrack(
        codec=Codec.AC3,
        config=pack_fields(fields),
        codec_string="ac-3",
        sample_rate=SAMPLE_RATES[rate_code],
        channels=CHANNELS[coding_mode] + low_frequency,
        frame_samples=FRAME_SAMPLES,
    )


def pack_fields(fields: tuple[tuple[int, int], ...]) -> bytes:
    """Pack numbers of the given bit sizes into whole bytes."""
    packed = 0
    size = 0
    for number, bits in fields:
        packed = packed << bits | number
        size += bits
    return packed.to_bytes(size // 8, "big")
