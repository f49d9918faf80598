"""FLV streams and tag bodies either parse or raise their errors."""

from __future__ import annotations

from madang.base.errors import LimitExceeded
from madang.wire import flv
from madang.wire.amf0 import Amf0Error
from tests.support.fuzzing import SUITE_COUNT, fuzz
from tests.wire import flv_cases as cases

_BODIES = [
    *(body for body, _ in cases.VIDEO.values()),
    *(body for body, _ in cases.AUDIO.values()),
    *(body for body, _ in cases.VIDEO_ONE_WAY.values()),
    *(body for body, _ in cases.AUDIO_ONE_WAY.values()),
    *cases.VIDEO_UNSUPPORTED.values(),
    *cases.AUDIO_UNSUPPORTED.values(),
    *cases.VIDEO_BROKEN.values(),
    *cases.AUDIO_BROKEN.values(),
]
_STREAM = flv.file_header(audio=True, video=True) + b"".join(
    data for data, _ in cases.TAGS.values()
)


def _parse_bodies(data: bytes) -> None:
    for parse in (flv.parse_video, flv.parse_audio):
        try:
            packets = parse(data)
        except (flv.FlvError, flv.UnsupportedCodec):
            continue
        assert sum(len(packet.data) for packet in packets) <= len(data)


def _read_in_pieces(data: bytes) -> None:
    reader = flv.FlvReader()
    for start in range(0, len(data), 16):
        for tag in reader.receive(data[start : start + 16]):
            if tag.type is flv.TagType.SCRIPT:
                flv.on_metadata(tag.body)
    assert reader.buffered <= len(data)


def test_bodies_either_parse_or_raise_their_errors() -> None:
    fuzz(_parse_bodies, _BODIES, allowed=())


def test_streams_either_parse_or_raise_their_errors() -> None:
    script = flv.Tag(flv.TagType.SCRIPT, 0, flv.encode_metadata({"width": 16.0}))
    seeds = [_STREAM, _STREAM + flv.encode_tag(script)]
    fuzz(
        _read_in_pieces,
        seeds,
        allowed=(flv.FlvError, Amf0Error, LimitExceeded),
        count=SUITE_COUNT // 2,
    )
