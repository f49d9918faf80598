"""MP3: frame header (ISO/IEC 11172-3, 2.4.1.3, and 13818-3 for the lower rates)."""

from __future__ import annotations

from madang.media.bits import BitReader, CodecConfigError
from madang.media.track import AudioTrack, Codec

OBJECT_TYPE_MPEG1 = 0x6B
OBJECT_TYPE_MPEG2 = 0x69
"""objectTypeIndication of MPEG-1 and MPEG-2 audio (ISO/IEC 14496-1, table 5)."""

_SYNC = 0x7FF
_LAYER_3 = 1
_MONO = 3
_MPEG1 = 3
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
"""Sample rates by the version field: MPEG-1, MPEG-2, and the unofficial MPEG-2.5."""


def parse_frame(data: bytes) -> AudioTrack:
    """Return the track that begins with this frame.

    The codec string is the registered one of RFC 6381 that browsers accept for MP3 in ISO BMFF.
    Raises CodecConfigError.
    """
    bits = BitReader(data, "MP3 frame")
    if bits.read(11) != _SYNC:
        raise CodecConfigError("An MP3 frame does not begin with its synchronisation word.")
    version = bits.read(2)
    layer = bits.read(2)
    bits.skip(1 + 4)
    rate_code = bits.read(2)
    bits.skip(2)
    channels = 1 if bits.read(2) == _MONO else 2
    rates = _RATES.get(version)
    if rates is None or layer != _LAYER_3 or rate_code == 3:
        raise CodecConfigError("An MP3 frame is of another layer or has a reserved sample rate.")
    object_type = object_type_indication(rates[rate_code])
    return AudioTrack(
        codec=Codec.MP3,
        config=b"",
        codec_string=f"mp4a.{object_type:X}",
        sample_rate=rates[rate_code],
        channels=channels,
        frame_samples=1152 if version == _MPEG1 else 576,
    )


def object_type_indication(sample_rate: int) -> int:
    """Return the objectTypeIndication for MP3 of this rate in Hz: MPEG-1 from 32 kHz up."""
    return OBJECT_TYPE_MPEG1 if sample_rate >= 32_000 else OBJECT_TYPE_MPEG2
