"""AAC: AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1 and 4.4.1)."""

from __future__ import annotations

from madang.media.bits import BitReader, CodecConfigError
from madang.media.track import AudioTrack, Codec

_RATES = (
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
)  # fmt: skip
_EXPLICIT_RATE = 15
_MAX_RATE = 192_000

_CHANNELS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 8, 11: 7, 12: 8, 13: 24, 14: 8}
"""Channels of each channelConfiguration (table 1.19); 0 refers to a program config element."""

_MAIN, _LC, _SSR, _LTP = 1, 2, 3, 4
_SBR, _PS = 5, 29
_SBR_SYNC, _PS_SYNC = 0x2B7, 0x548


def parse_config(config: bytes) -> AudioTrack:
    """Return the track described by an AudioSpecificConfig.

    With explicitly signalled spectral band replication, the sample rate is the doubled output rate
    and a frame holds 2048 (or 1920) samples. Raises CodecConfigError, also for object types that
    browsers do not decode.
    """
    bits = BitReader(config, "AAC configuration")
    signalled = object_type = _read_object_type(bits)
    rate = core_rate = _read_rate(bits)
    channel_configuration = bits.read(4)
    if object_type in (_SBR, _PS):
        rate = _read_rate(bits)
        object_type = _read_object_type(bits)
    if object_type not in (_MAIN, _LC, _SSR, _LTP):
        raise CodecConfigError(
            f"The sound is AAC of the object type {object_type}, which browsers do not play.",
            mend="Choose AAC-LC in the encoder.",
        )
    frame_samples = 960 if bits.flag() else 1024
    if bits.flag():  # depends on core coder
        bits.skip(14)
    bits.skip(1)
    if channel_configuration:
        channels = _CHANNELS.get(channel_configuration, 0)
    else:
        channels = _read_program_channels(bits, len(config) * 8)
    if not channels:
        raise CodecConfigError("The AAC configuration has an unknown channel configuration.")
    if signalled == object_type:
        signalled, rate = _read_sync_extension(bits, object_type, core_rate)
    if signalled == _PS:
        channels = 2
    if rate == 2 * core_rate and signalled in (_SBR, _PS):
        frame_samples *= 2
    return AudioTrack(
        codec=Codec.AAC,
        config=config,
        codec_string=f"mp4a.40.{signalled}",
        sample_rate=rate,
        channels=channels,
        frame_samples=frame_samples,
    )


def _read_object_type(bits: BitReader) -> int:
    object_type = bits.read(5)
    return 32 + bits.read(6) if object_type == 31 else object_type


def _read_rate(bits: BitReader) -> int:
    index = bits.read(4)
    rate = 0
    if index == _EXPLICIT_RATE:
        rate = bits.read(24)
    elif index < len(_RATES):
        rate = _RATES[index]
    if not 0 < rate <= _MAX_RATE:
        raise CodecConfigError("The AAC configuration has an impossible sample rate.")
    return rate


def _read_program_channels(bits: BitReader, total_bits: int) -> int:
    """Return the number of channels of a program_config_element (4.4.1.1)."""
    bits.skip(4 + 2 + 4)
    front, side, back = bits.read(4), bits.read(4), bits.read(4)
    low_frequency, associated, coupling = bits.read(2), bits.read(3), bits.read(4)
    for size in (4, 4, 3):  # mixdowns
        if bits.flag():
            bits.skip(size)
    channels = low_frequency
    for _ in range(front + side + back):
        channels += 2 if bits.flag() else 1
        bits.skip(4)
    bits.skip(4 * low_frequency + 4 * associated + 5 * coupling)
    bits.skip(-(total_bits - bits.left) % 8)
    bits.skip(8 * bits.read(8))
    return channels


def _read_sync_extension(bits: BitReader, object_type: int, rate: int) -> tuple[int, int]:
    """Return object type and rate of the backward compatible extension (1.6.5.3)."""
    if bits.left < 16 or bits.read(11) != _SBR_SYNC:
        return object_type, rate
    if _read_object_type(bits) != _SBR or bits.left < 5 or not bits.flag():
        return object_type, rate
    rate = _read_rate(bits)
    if bits.left >= 12 and bits.read(11) == _PS_SYNC and bits.flag():
        return _PS, rate
    return _SBR, rate
