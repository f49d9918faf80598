"""AV1: AV1CodecConfigurationRecord and codec strings ("AV1 Codec ISO Media File Format Binding").

The sequence header is read as "AV1 Bitstream & Decoding Process Specification", 5.5, says.
"""

from __future__ import annotations

from madang.media import video
from madang.media.av1_sequence import SequenceHeader, parse_sequence_header
from madang.media.bits import CodecConfigError
from madang.media.track import Codec, VideoTrack

_MARKER_AND_VERSION = 0x81
_RECORD_SIZE = 4
_OBU_SEQUENCE_HEADER = 1
_OBU_TEMPORAL_DELIMITER = 2

_MAX_OBUS_BEFORE_FRAME = 16
"""OBUs among which a sequence header is looked for: it comes ahead of the frame with at most a few
metadata OBUs (7.5), and a hostile frame must not cost a walk through millions."""


def parse_config(config: bytes, first_frame: bytes | None = None) -> VideoTrack:
    """The track that an av1C describes.

    The record may leave the sequence header out: then `first_frame`, which must be a key frame,
    has it. Raises CodecConfigError.
    """
    if len(config) < _RECORD_SIZE or config[0] != _MARKER_AND_VERSION:
        raise CodecConfigError("The AV1 configuration is cut off or of an unknown version.")
    header = _find_sequence_header(config[_RECORD_SIZE:])
    if header is None and first_frame:
        header = _find_sequence_header(first_frame)
    if header is None:
        raise CodecConfigError("The AV1 configuration has no sequence header.")
    return VideoTrack(
        codec=Codec.AV1,
        config=config,
        codec_string=_codec_string(header),
        width=header.width,
        height=header.height,
        frame_rate=header.frame_rate,
    )


def strip_temporal_delimiters(data: bytes) -> bytes:
    """The access unit without its temporal delimiter, which ISO BMFF does not store.

    There is at most one, and nothing comes before it (7.5), so only the beginning is looked at.
    Raises CodecConfigError for a delimiter that is cut off.
    """
    if data and data[0] >> 3 & 15 == _OBU_TEMPORAL_DELIMITER:
        _, end = _obu_payload(data, 0)
        return data[end:]
    return data


def _codec_string(header: SequenceHeader) -> str:
    """The string of section 5 of the binding; short where the rest would be its defaults."""
    tier = "H" if header.high_tier else "M"
    short = f"av01.{header.profile}.{header.level:02d}{tier}.{header.bit_depth:02d}"
    format_ = f"{header.monochrome:d}.{header.subsampling}"
    colour = (header.primaries, header.transfer, header.matrix)
    # Players take unspecified colours (2) for BT.709 (1), which is the default.
    if format_ == "0.110" and set(colour) <= {1, 2} and not header.full_range:
        return short
    numbers = ".".join(f"{number:02d}" for number in colour)
    return f"{short}.{format_}.{numbers}.{header.full_range:d}"


def _find_sequence_header(data: bytes) -> SequenceHeader | None:
    position = 0
    for _ in range(_MAX_OBUS_BEFORE_FRAME):
        if position >= len(data):
            break
        begin, end = _obu_payload(data, position)
        if data[position] >> 3 & 15 == _OBU_SEQUENCE_HEADER:
            header = parse_sequence_header(data[begin:end])
            video.check_size(header.width, header.height, "AV1")
            return header
        position = end
    return None


def _obu_payload(data: bytes, position: int) -> tuple[int, int]:
    """Where the payload of the OBU at `position` begins and ends (5.3)."""
    first = data[position]
    if first & 0x80:
        raise CodecConfigError("The AV1 data does not consist of OBUs.")
    position += 2 if first & 4 else 1
    if not first & 2:
        return position, len(data)
    size = 0
    for index in range(8):  # leb128() of 4.10.5
        if position >= len(data):
            break
        octet = data[position]
        position += 1
        size |= (octet & 0x7F) << 7 * index
        if not octet & 0x80:
            if position + size > len(data):
                break
            return position, position + size
    raise CodecConfigError("An AV1 OBU is cut off.")
