"""AAC: AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1 and 4.4.1)."""

from __future__ import annotations

from madang.media.bits import BitReader, BitWriter, CodecConfigError, UnplayableConfig
from madang.media.track import AudioTrack, Codec

RATES = (
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
)  # fmt: skip
_EXPLICIT_RATE = 15
_MAX_RATE = 192_000

_CHANNELS = (0, 1, 2, 3, 4, 5, 6, 8)
"""Channels of each channelConfiguration (table 1.19); 0 refers to a program config element."""

_OTHER_CHANNELS = {11: 7, 12: 8, 13: 24, 14: 8}
"""The same for those that browsers refuse, the picture included."""

_Elements = tuple[bool, ...]
"""Channel elements of one side of the listener: true for a pair, false for a single one."""

_PLAIN: dict[tuple[_Elements, _Elements, _Elements, int], int] = {
    ((False,), (), (), 0): 1,
    ((True,), (), (), 0): 2,
    ((False, True), (), (), 0): 3,
    ((False, True), (), (False,), 0): 4,
    ((False, True), (), (True,), 0): 5,
    ((False, True), (True,), (), 0): 5,
    ((False, True), (), (True,), 1): 6,
    ((False, True), (True,), (), 1): 6,
    ((False, True, True), (), (True,), 1): 7,
    ((False, True, True), (True,), (), 1): 7,
}
"""channelConfiguration with the same elements in the same order as a program config element, by
its front, side, back and low-frequency elements."""

_MAIN, _LC, _SSR, _LTP = 1, 2, 3, 4
_SBR, _PS = 5, 29
_SBR_SYNC, _PS_SYNC = 0x2B7, 0x548


def parse_config(config: bytes) -> AudioTrack:
    """Return the track described by an AudioSpecificConfig.

    With explicitly signalled spectral band replication, the sample rate is the doubled output rate
    and a frame holds 2048 (or 1920) samples. The track's configuration is written anew: without
    trailing bytes, and with the plain channel configuration or sample rate where a program config
    element or a rate in Hz says the same. Raises CodecConfigError, and UnplayableConfig for what
    browsers do not decode.
    """
    bits = BitReader(config, "AAC configuration")
    plain = BitWriter()
    signalled = object_type = _read_object_type(bits)
    _write_object_type(plain, signalled)
    rate = core_rate = _read_rate(bits, plain)
    channel_configuration = bits.read(4)
    channels_at = plain.size
    plain.write(channel_configuration, 4)
    if object_type in (_SBR, _PS):
        rate = _read_rate(bits, plain)
        object_type = _read_object_type(bits)
        _write_object_type(plain, object_type)
    if object_type not in (_MAIN, _LC, _SSR, _LTP):
        what = f"AAC of the object type {object_type}"
        raise UnplayableConfig(
            what,
            f"The sound is {what}, which browsers do not play.",
            mend="Choose AAC-LC in the encoder.",
        )
    short = bits.flag()
    plain.write(short, 1)
    depends = bits.flag()  # on a core coder
    plain.write(depends << 14 | bits.read(14) if depends else 0, 15 if depends else 1)
    plain.write(bits.read(1), 1)
    if not channel_configuration:
        channel_configuration = _read_program_config(bits, len(config) * 8)
        plain.replace(channels_at, channel_configuration, 4)
    channels = _channels(channel_configuration)
    if signalled == object_type:
        signalled, rate = _read_sync_extension(bits, plain, object_type, core_rate)
    frame_samples = 960 if short else 1024
    if rate == 2 * core_rate and signalled in (_SBR, _PS):
        frame_samples *= 2
    return AudioTrack(
        codec=Codec.AAC,
        config=plain.octets(),
        codec_string=f"mp4a.40.{signalled}",
        sample_rate=rate,
        channels=2 if signalled == _PS else channels,
        frame_samples=frame_samples,
    )


def plain_config(object_type: int, rate_index: int, channel_configuration: int) -> bytes:
    """Return the AudioSpecificConfig of frames of 1024 samples without extensions."""
    out = BitWriter()
    _write_object_type(out, object_type)
    out.write(rate_index, 4)
    out.write(channel_configuration, 4)
    out.write(0, 3)
    return out.octets()


def _channels(configuration: int) -> int:
    if 0 < configuration < len(_CHANNELS):
        return _CHANNELS[configuration]
    if configuration in _OTHER_CHANNELS:
        raise _unusual_layout(_OTHER_CHANNELS[configuration])
    raise CodecConfigError("The AAC configuration has an unknown channel configuration.")


def _unusual_layout(channels: int) -> UnplayableConfig:
    what = f"AAC with {channels} channels in an unusual layout"
    return UnplayableConfig(
        what,
        f"The sound is {what}, which browsers do not play.",
        mend="Choose stereo in the encoder.",
    )


def _read_object_type(bits: BitReader) -> int:
    object_type = bits.read(5)
    return 32 + bits.read(6) if object_type == 31 else object_type


def _write_object_type(out: BitWriter, object_type: int) -> None:
    if object_type < 31:
        out.write(object_type, 5)
    else:
        out.write(31 << 6 | object_type - 32, 11)


def _read_rate(bits: BitReader, plain: BitWriter) -> int:
    index = bits.read(4)
    if index == _EXPLICIT_RATE:
        rate = bits.read(24)
        if rate not in RATES:
            if not 0 < rate <= _MAX_RATE:
                raise CodecConfigError("The AAC configuration has an impossible sample rate.")
            what = f"AAC at {rate} Hz"
            raise UnplayableConfig(
                what,
                f"The sound is {what}, which browsers do not play.",
                mend="Choose 48 or 44.1 kHz in the encoder.",
            )
        index = RATES.index(rate)
    if index >= len(RATES):
        raise CodecConfigError("The AAC configuration has an impossible sample rate.")
    plain.write(index, 4)
    return RATES[index]


def _read_program_config(bits: BitReader, total_bits: int) -> int:
    """Return the channelConfiguration of a program_config_element (4.4.1.1).

    Raises UnplayableConfig where none says the same.
    """
    bits.skip(4 + 2 + 4)
    counts = bits.read(4), bits.read(4), bits.read(4)
    low_frequency, associated, coupling = bits.read(2), bits.read(3), bits.read(4)
    for size in (4, 4, 3):  # mixdowns
        if bits.flag():
            bits.skip(size)
    front, side, back = (_read_elements(bits, count) for count in counts)
    bits.skip(4 * low_frequency + 4 * associated + 5 * coupling)
    bits.skip(-(total_bits - bits.left) % 8)
    bits.skip(8 * bits.read(8))
    plain = _PLAIN.get((front, side, back, low_frequency))
    if plain is None or coupling:
        elements = (*front, *side, *back)
        raise _unusual_layout(len(elements) + sum(elements) + low_frequency)
    return plain


def _read_elements(bits: BitReader, count: int) -> _Elements:
    pairs = []
    for _ in range(count):
        pairs.append(bits.flag())
        bits.skip(4)
    return tuple(pairs)


def _read_sync_extension(
    bits: BitReader, plain: BitWriter, object_type: int, rate: int
) -> tuple[int, int]:
    """Return object type and rate of the backward compatible extension (1.6.5.3)."""
    if bits.left < 17 or bits.read(11) != _SBR_SYNC or _read_object_type(bits) != _SBR:
        return object_type, rate
    plain.write(_SBR_SYNC << 5 | _SBR, 16)
    present = bits.flag()
    plain.write(present, 1)
    if not present:
        return object_type, rate
    rate = _read_rate(bits, plain)
    if bits.left < 12 or bits.read(11) != _PS_SYNC:
        return _SBR, rate
    stereo = bits.flag()
    plain.write(_PS_SYNC << 1 | stereo, 12)
    return (_PS if stereo else _SBR), rate
