"""E-AC-3: synchronisation frames and the EC3SpecificBox (ETSI TS 102 366, annex E, F.6)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile

from madang.media.ac3 import CHANNELS, SAMPLE_RATES, SYNC_WORD, pack_fields
from madang.media.bits import BitReader, CodecConfigError
from madang.media.track import AudioTrack, Codec

_BLOCK_SAMPLES = 256
_BLOCKS = (1, 2, 3, 6)
_DEPENDENT = 1
_BSIDS = range(11, 17)
_HEADER_SIZE = 16
"""Bytes of a frame that contain all parsed fields."""

_MAX_DEPENDENT = 8
"""Dependent substreams of an independent one (E.1.3.1.2)."""

_MAX_FRAMES = 8 * (1 + _MAX_DEPENDENT) * 6
"""Frames of an access unit: eight programs with all substreams, in frames of one block."""

_LOCATIONS = ((5, 2), (6, 2), (7, 1), (8, 1), (9, 2), (10, 2), (11, 2), (12, 1), (14, 1))
"""Bit of the custom channel map (0 is the highest of 16) and channels, for each bit of the
specific box's chan_loc from the lowest (tables E.1.4 and F.6.1)."""


@dataclass(frozen=True, slots=True)
class _SyncFrame:
    """A synchronisation frame: `size` in bytes, `samples` per channel, `channel_map` of the custom
    kind or 0."""

    size: int
    dependent: bool
    substream: int
    rate_code: int
    sample_rate: int
    samples: int
    coding_mode: int
    low_frequency: int
    stream_id: int
    channel_map: int


def parse_unit(data: bytes) -> AudioTrack:
    """Return the track that begins with this access unit, for its first program.

    Raises CodecConfigError.
    """
    main, *others = _frames(data)
    if main.dependent:
        raise CodecConfigError("An E-AC-3 access unit begins in the middle.")
    # A dependent substream belongs to the independent one before it.
    dependents = list(takewhile(lambda frame: frame.dependent, others))
    if len(dependents) > _MAX_DEPENDENT:
        raise CodecConfigError("An E-AC-3 access unit has too many dependent substreams.")
    present = 0
    for frame in dependents:
        present |= frame.channel_map
    extra = [present >> 15 - bit & 1 for bit, _ in _LOCATIONS]
    channels = CHANNELS[main.coding_mode] + main.low_frequency
    channels += sum(there * count for there, (_, count) in zip(extra, _LOCATIONS, strict=True))
    size = main.size + sum(frame.size for frame in dependents)
    fields = (
        (min(size * 8 * main.sample_rate // (main.samples * 1000), 0x1FFF), 13),
        (0, 3),  # one independent substream
        (main.rate_code, 2),
        (main.stream_id, 5),
        (0, 1 + 1 + 3),  # reserved, not the main service's companion, complete main
        (main.coding_mode, 3),
        (main.low_frequency, 1),
        (0, 3),
        (len(dependents), 4),
        (sum(there << index for index, there in enumerate(extra)), 9 if dependents else 1),
    )
    return AudioTrack(
        codec=Codec.EAC3,
        config=pack_fields(fields),
        codec_string="ec-3",
        sample_rate=main.sample_rate,
        channels=channels,
        frame_samples=0,
    )


def unit_samples(data: bytes) -> int:
    """Return the samples per channel of an access unit: those of its first substream's frames.

    Raises CodecConfigError.
    """
    return sum(
        frame.samples for frame in _frames(data) if not frame.dependent and not frame.substream
    )


def _frames(data: bytes) -> list[_SyncFrame]:
    frames: list[_SyncFrame] = []
    position = 0
    while not frames or position < len(data):
        frame = _parse_frame(data[position : position + _HEADER_SIZE])
        frames.append(frame)
        position += frame.size
        if position > len(data) or len(frames) > _MAX_FRAMES:
            raise CodecConfigError("An E-AC-3 access unit is cut off or has too many frames.")
    return frames


def _parse_frame(data: bytes) -> _SyncFrame:
    bits = BitReader(data, "E-AC-3 frame")
    if bits.read(16) != SYNC_WORD:
        raise CodecConfigError("An E-AC-3 frame does not begin with its synchronisation word.")
    dependent = bits.read(2) == _DEPENDENT
    substream = bits.read(3)
    size = (bits.read(11) + 1) * 2
    rate_code = bits.read(2)
    # Code 3: half of another rate, and six blocks.
    code = bits.read(2)
    if rate_code == 3 and code == 3:
        raise CodecConfigError("An E-AC-3 frame has an unknown sample rate.")
    sample_rate = SAMPLE_RATES[code] // 2 if rate_code == 3 else SAMPLE_RATES[rate_code]
    blocks = 6 if rate_code == 3 else _BLOCKS[code]
    coding_mode = bits.read(3)
    low_frequency = bits.read(1)
    stream_id = bits.read(5)
    if stream_id not in _BSIDS:
        raise CodecConfigError("An E-AC-3 frame is of an unknown version.")
    channel_map = 0
    if dependent:
        for _ in range(1 if coding_mode else 2):
            bits.skip(5)
            if bits.flag():
                bits.skip(8)
        if bits.flag():
            channel_map = bits.read(16)
    return _SyncFrame(
        size=size,
        dependent=dependent,
        substream=substream,
        rate_code=rate_code,
        sample_rate=sample_rate,
        samples=blocks * _BLOCK_SAMPLES,
        coding_mode=coding_mode,
        low_frequency=low_frequency,
        stream_id=stream_id,
        channel_map=channel_map,
    )
