"""AV1: AV1CodecConfigurationRecord and codec strings ("AV1 Codec ISO Media File Format Binding").

The sequence header follows "AV1 Bitstream & Decoding Process Specification", 5.5.
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
"""OBUs searched for a sequence header: it precedes the frame with at most a few metadata OBUs
(7.5). Bounds the work on hostile frames."""


def parse_config(config: bytes, first_frame: bytes | None = None) -> VideoTrack:
    """Return the track described by an av1C.

    A record may omit the sequence header: it is then read from `first_frame`, which must be a key
    frame. Raises CodecConfigError.
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
        color=header.color,
    )


def strip_temporal_delimiters(data: bytes) -> bytes:
    """Return the access unit without its temporal delimiter, which ISO BMFF does not store.

    There is at most one, at the beginning (7.5). Raises CodecConfigError if it is truncated.
    """
    if data and data[0] >> 3 & 15 == _OBU_TEMPORAL_DELIMITER:
        _, end = _obu_payload(data, 0)
        return data[end:]
    return data


def _codec_string(header: SequenceHeader) -> str:
    """Return the codec string of section 5 of the binding, without trailing defaults."""
    tier = "H" if header.high_tier else "M"
    short = f"av01.{header.profile}.{header.level:02d}{tier}.{header.bit_depth:02d}"
    format_ = f"{header.monochrome:d}.{header.subsampling}"
    color = header.color
    colour = (color.primaries, color.transfer, color.matrix)
    # Players treat unspecified colours (2) as BT.709 (1), the default.
    if format_ == "0.110" and set(colour) <= {1, 2} and not color.full_range:
        return short
    numbers = ".".join(f"{number:02d}" for number in colour)
    return f"{short}.{format_}.{numbers}.{color.full_range:d}"


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
    """Return start and end of the payload of the OBU at `position` (5.3)."""
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
