"""AAC as it is framed outside of files: ADTS headers, and frames without any description (ISO/IEC
14496-3, 1.A.3.2 and 4.4.2.1)."""

from __future__ import annotations

from typing import Final

from madang.media.aac import RATES, plain_config
from madang.media.bits import CodecConfigError

_HEADER: Final = 7
_CHECKSUM: Final = 2
_SINGLE, _PAIR = 0, 1
_RATE_TOLERANCE: Final = 0.015
"""Share by which a measured rate may be off; neighbours in the table are 8% apart at least."""


def is_adts(data: bytes) -> bool:
    """Tell whether a unit begins with an ADTS header, which raw AAC never does: these bits would
    end the frame at once."""
    return len(data) >= _HEADER and data[0] == 0xFF and data[1] & 0xF6 == 0xF0


def split(data: bytes) -> tuple[bytes, list[bytes]]:
    """Return the AudioSpecificConfig that ADTS headers tell, and the frames behind them.

    Raises CodecConfigError.
    """
    frames = []
    position = 0
    while position < len(data):
        head = data[position : position + _HEADER]
        size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5 if is_adts(head) else 0
        begin = position + _HEADER + (0 if size and head[1] & 1 else _CHECKSUM)
        if not size or head[6] & 3 or not begin <= position + size <= len(data):
            raise CodecConfigError("An ADTS header is damaged.")
        frames.append(data[begin : position + size])
        position += size
    channels = (data[2] & 1) << 2 | data[3] >> 6
    return plain_config((data[2] >> 6) + 1, data[2] >> 2 & 15, channels), frames


def guess_config(frames: list[bytes], milliseconds: float) -> bytes | None:
    """Return the AudioSpecificConfig of AAC-LC frames that last `milliseconds` each, None where it
    cannot be told.

    The first element of a frame tells mono from stereo. Of more channels it is single too: they
    are rare, and no encoder is known to send them without a description.
    """
    if milliseconds <= 0:
        return None
    measured = 1024 * 1000 / milliseconds
    rate = min(RATES, key=lambda rate: abs(rate - measured))
    first = [frame[0] >> 5 for frame in frames if frame]
    single, pair = first.count(_SINGLE), first.count(_PAIR)
    if abs(rate - measured) > _RATE_TOLERANCE * rate or max(single, pair) < 0.9 * len(frames):
        return None
    return plain_config(2, RATES.index(rate), 2 if pair else 1)
