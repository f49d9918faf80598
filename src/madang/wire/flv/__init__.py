"""FLV: the tags carried by RTMP, and FLV files and streams.

"Adobe Flash Video File Format Specification 10.1", annex E, with Enhanced RTMP v2 for newer codecs.
"""

from madang.wire.flv.audio import AudioPacket, encode_audio, parse_audio
from madang.wire.flv.packets import FlvError, PacketKind, UnsupportedCodec
from madang.wire.flv.script import encode_metadata, on_metadata
from madang.wire.flv.tags import (
    MAX_TAG_BODY,
    FlvReader,
    Tag,
    TagType,
    encode_tag,
    file_header,
    parse_tags,
)
from madang.wire.flv.video import VideoPacket, encode_video, parse_video

__all__ = [
    "MAX_TAG_BODY",
    "AudioPacket",
    "FlvError",
    "FlvReader",
    "PacketKind",
    "Tag",
    "TagType",
    "UnsupportedCodec",
    "VideoPacket",
    "encode_audio",
    "encode_metadata",
    "encode_tag",
    "encode_video",
    "file_header",
    "on_metadata",
    "parse_audio",
    "parse_tags",
    "parse_video",
]
