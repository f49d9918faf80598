"""Parameter sets of H.264 and H.265 inside the stream, and configurations made of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from madang.media import video
from madang.media.bits import BitReader, CodecConfigError
from madang.media.hevc_sps import skip_profile_tier_level
from madang.media.track import Codec

_AVC_SPS, _AVC_PPS = 7, 8
_HEVC_VPS, _HEVC_SPS, _HEVC_PPS = 32, 33, 34
_AVC_PICTURES: Final = range(1, 6)
_HEVC_PICTURES: Final = range(32)

_EXTENDED_PROFILES: Final = frozenset({44, 100, 110, 122, 144, 244})
"""profile_idc values whose avcC ends with chroma format and bit depths: High and beyond (ISO/IEC
14496-15, 5.3.3.1.2)."""

_CHROMA_444 = 3
_MAX_SETS: Final = 31  # in the 5 bits of avcC


@dataclass(frozen=True, slots=True)
class ParameterSets:
    """NAL units in the order of the stream; `vps` is empty for H.264."""

    codec: Codec
    vps: tuple[bytes, ...] = ()
    sps: tuple[bytes, ...] = ()
    pps: tuple[bytes, ...] = ()

    @classmethod
    def find(cls, codec: Codec, nals: Iterable[bytes]) -> ParameterSets:
        """Return the parameter sets among `nals`, those of the base layer alone for H.265."""
        found: dict[int, dict[bytes, None]] = {}
        for nal in nals:
            if codec is Codec.AVC or (len(nal) > 1 and not (nal[0] & 1 or nal[1] >> 3)):
                found.setdefault(_kind(codec, nal), {})[nal] = None
        if codec is Codec.AVC:
            return cls(codec, (), tuple(found.get(_AVC_SPS, ())), tuple(found.get(_AVC_PPS, ())))
        kinds = (_HEVC_VPS, _HEVC_SPS, _HEVC_PPS)
        return cls(codec, *(tuple(found.get(kind, ())) for kind in kinds))

    def completed_by(self, earlier: ParameterSets | None) -> ParameterSets:
        """Return these sets, with those of `earlier` for the kinds that are missing."""
        if earlier is None or earlier.codec is not self.codec:
            return self
        return ParameterSets(
            self.codec,
            self.vps or earlier.vps,
            self.sps or earlier.sps,
            self.pps or earlier.pps,
        )

    @property
    def complete(self) -> bool:
        """True where a configuration can be made of them."""
        return bool(self.sps and self.pps and (self.vps or self.codec is Codec.AVC))

    def config(self, length_size: int = 4) -> bytes:
        """Return the avcC or hvcC of samples with lengths of `length_size` bytes.

        The sets have to be complete. Raises CodecConfigError.
        """
        if self.codec is Codec.AVC:
            return self._avc_config(length_size)
        return self._hevc_config(length_size)

    def _avc_config(self, length_size: int) -> bytes:
        first = self.sps[0]
        if len(first) < 4:
            raise CodecConfigError("The H.264 sequence parameter set is cut off.")
        out = bytearray((1, *first[1:4], 0xFC | length_size - 1))
        out += bytes((0xE0 | len(self.sps[:_MAX_SETS]),)) + _with_sizes(self.sps[:_MAX_SETS])
        out += bytes((len(self.pps[:_MAX_SETS]),)) + _with_sizes(self.pps[:_MAX_SETS])
        if first[1] in _EXTENDED_PROFILES:
            bits = BitReader(video.remove_emulation_prevention(first), "H.264 parameter set")
            bits.skip(32)
            bits.ue()  # seq_parameter_set_id
            out += bytes((*_chroma_and_depths(bits), 0))
        return bytes(out)

    def _hevc_config(self, length_size: int) -> bytes:
        """Return the record of ISO/IEC 14496-15, 8.3.3.1, with unknown segmentation,
        parallelism and frame rate."""
        rbsp = video.remove_emulation_prevention(self.sps[0])
        bits = BitReader(rbsp, "H.265 parameter set")
        bits.skip(20)
        sub_layers = bits.read(3)
        nested = bits.read(1)
        skip_profile_tier_level(bits, sub_layers)
        bits.ue()  # sps_seq_parameter_set_id
        chroma, *depths = _chroma_and_depths(bits, sized=True)
        out = bytearray((1, *rbsp[3:15], 0xF0, 0, 0xFC, chroma, *depths, 0, 0))
        out += bytes(((sub_layers + 1) << 3 | nested << 2 | length_size - 1, 3))
        for kind, sets in ((_HEVC_VPS, self.vps), (_HEVC_SPS, self.sps), (_HEVC_PPS, self.pps)):
            out += bytes((0x80 | kind,)) + len(sets).to_bytes(2, "big") + _with_sizes(sets)
        return bytes(out)


def has_picture(codec: Codec, nals: Iterable[bytes]) -> bool:
    """Tell whether any of `nals` has coded picture data."""
    kinds = _AVC_PICTURES if codec is Codec.AVC else _HEVC_PICTURES
    return any(_kind(codec, nal) in kinds for nal in nals)


def length_size(codec: Codec, config: bytes) -> int:
    """Return the bytes of the lengths before NAL units, by an avcC or hvcC."""
    return (config[4 if codec is Codec.AVC else 21] & 3) + 1


def trimmed(codec: Codec, config: bytes) -> bytes:
    """Return an avcC or hvcC without the bytes behind it, which some encoders vary. One that is
    cut off is returned as it is."""
    bits = BitReader(config, f"{codec.value} configuration")
    try:
        if codec is Codec.AVC:
            bits.skip(43)
            _skip_sets(bits, bits.read(5))
            _skip_sets(bits, bits.read(8))
            end = len(config) - bits.left // 8
            extension = config[end : end + 4]
            if config[1] in _EXTENDED_PROFILES and _is_extension(extension):
                bits.skip(24)
                _skip_sets(bits, bits.read(8))
        else:
            bits.skip(176)
            for _ in range(bits.read(8)):
                bits.skip(8)
                _skip_sets(bits, bits.read(16))
    except CodecConfigError:
        return config
    return config[: len(config) - bits.left // 8]


def _is_extension(data: bytes) -> bool:
    """Tell reserved bits, which are all 1, from bytes that follow by chance."""
    return len(data) == 4 and data[0] >= 0xFC and data[1] >= 0xF8 and data[2] >= 0xF8


def _skip_sets(bits: BitReader, count: int) -> None:
    for _ in range(count):
        bits.octets(bits.read(16))


def _kind(codec: Codec, nal: bytes) -> int:
    return nal[0] & 31 if codec is Codec.AVC else nal[0] >> 1 & 63


def _with_sizes(sets: Iterable[bytes]) -> bytes:
    try:
        return b"".join(len(nal).to_bytes(2, "big") + nal for nal in sets)
    except OverflowError:
        raise CodecConfigError("A parameter set is too large.") from None


def _chroma_and_depths(bits: BitReader, *, sized: bool = False) -> tuple[int, int, int]:
    """Return chroma format and bit depths with the reserved bits before them. `sized` is true
    where the size of the picture lies between (H.265)."""
    chroma = bits.ue()
    if chroma == _CHROMA_444:
        bits.skip(1)
    if sized:
        bits.ue()
        bits.ue()
        if bits.flag():  # conformance window
            for _ in range(4):
                bits.ue()
    luma, other = bits.ue(), bits.ue()
    if chroma > 3 or luma > 7 or other > 7:
        raise CodecConfigError("A parameter set tells of an impossible color format.")
    return 0xFC | chroma, 0xF8 | luma, 0xF8 | other
