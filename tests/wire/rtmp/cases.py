"""RTMP messages and chunks with their bytes: tables for parser, serialiser and fuzzer."""

from __future__ import annotations

from madang.wire import amf0
from madang.wire.flv import Tag, TagType
from madang.wire.rtmp.chunks import RtmpMessage
from madang.wire.rtmp.messages import (
    Acknowledgement,
    Aggregate,
    Command,
    Control,
    PeerBandwidth,
    UserControl,
    UserEvent,
    WindowSize,
)

CONTROLS: dict[str, tuple[int, bytes, Control]] = {
    "acknowledgement": (3, b"\x00\x26\x25\xa0", Acknowledgement(2_500_000)),
    "ping": (4, b"\x00\x06\x00\x00\x00\x07", UserControl(UserEvent.PING_REQUEST, b"\0\0\0\x07")),
    "stream begins": (4, b"\x00\x00\x00\x00\x00\x01", UserControl(0, b"\0\0\0\x01")),
    "window": (5, b"\x00\x26\x25\xa0", WindowSize(2_500_000)),
    "bandwidth": (6, b"\x00\x26\x25\xa0\x01", PeerBandwidth(2_500_000, 1)),
    "createStream": (
        20,
        b"\x02\x00\x0ccreateStream\x00\x40\x10\x00\x00\x00\x00\x00\x00\x05",
        Command("createStream", 4.0),
    ),
    "publish": (
        20,
        amf0.encode("publish", 5.0, None, "key", "live"),
        Command("publish", 5.0, (None, "key", "live")),
    ),
    "onStatus": (
        20,
        amf0.encode("onStatus", 0.0, None, {"level": "status", "code": "NetStream.Publish.Start"}),
        Command("onStatus", 0.0, (None, {"level": "status", "code": "NetStream.Publish.Start"})),
    ),
}

CONTROLS_ONE_WAY: dict[str, tuple[int, bytes, Control | None]] = {
    "a bandwidth without its type": (6, b"\x00\x26\x25\xa0", PeerBandwidth(2_500_000)),
    "an AMF 3 command": (
        17,
        b"\x00" + amf0.encode("createStream", 4.0, None),
        Command("createStream", 4.0),
    ),
    "an AMF 3 command with an AMF 3 value": (
        17,
        b"\x00" + amf0.encode("publish", 5.0) + b"\x11\x01" + amf0.encode("key"),
        Command("publish", 5.0, (None, "key")),
    ),
    "a null for the number": (20, amf0.encode("foo", None, None), Command("foo", 0.0)),
    "a number that is text": (20, amf0.encode("foo", "1", None), Command("foo", 0.0)),
    "a broken tail": (20, amf0.encode("foo", 2.0, None) + b"\0", Command("foo", 2.0)),
    "a name alone": (20, amf0.encode("closeStream"), Command("closeStream", 0.0, ())),
    "a shared object": (19, b"\x00\x00", None),
}

CONTROLS_BROKEN: dict[str, tuple[int, bytes]] = {
    "a short window": (5, b"\x00\x00"),
    "a short acknowledgement": (3, b""),
    "a short bandwidth": (6, b"\x00"),
    "a short event": (4, b"\x00"),
    "a command without a name": (20, amf0.encode(1.0, 2.0)),
    "an empty command": (20, b""),
}

AGGREGATES: dict[str, tuple[bytes, Aggregate]] = {
    "sound and picture": (
        b"\x08\0\0\x02\0\0\x64\0\0\0\0ab\0\0\0\x0d\x09\0\0\x01\0\0\x78\0\0\0\0c\0\0\0\x0c",
        Aggregate((Tag(TagType.AUDIO, 100, b"ab"), Tag(TagType.VIDEO, 120, b"c"))),
    ),
    "nothing": (b"", Aggregate(())),
}

_LONG = bytes(range(256)) + b"tail"
_LATE = 0x01000000

WRITTEN: dict[str, tuple[int, bytes, RtmpMessage]] = {
    "a short message": (4, b"\x04\0\0\x2a\0\0\x02\x08\x01\0\0\0ab", RtmpMessage(8, 42, 1, b"ab")),
    "an empty message": (4, b"\x04\0\0\x2a\0\0\0\x08\x01\0\0\0", RtmpMessage(8, 42, 1, b"")),
    "a message of three chunks": (
        6,
        b"\x06\0\0\x2a\0\x01\x04\x09\x01\0\0\0"
        + _LONG[:128]
        + b"\xc6"
        + _LONG[128:256]
        + b"\xc6tail",
        RtmpMessage(9, 42, 1, _LONG),
    ),
    "an extended timestamp in every chunk": (
        6,
        b"\x06\xff\xff\xff\0\x01\x04\x09\x01\0\0\0\x01\0\0\0"
        + _LONG[:128]
        + b"\xc6\x01\0\0\0"
        + _LONG[128:256]
        + b"\xc6\x01\0\0\0tail",
        RtmpMessage(9, _LATE, 1, _LONG),
    ),
    "the first extended timestamp": (
        6,
        b"\x06\xff\xff\xff\0\0\x01\x09\x01\0\0\0\x00\xff\xff\xffa",
        RtmpMessage(9, 0xFFFFFF, 1, b"a"),
    ),
    "the last millisecond": (
        6,
        b"\x06\xff\xff\xff\0\0\x01\x09\x01\0\0\0\xff\xff\xff\xffa",
        RtmpMessage(9, 0xFFFFFFFF, 1, b"a"),
    ),
}

_A = b"\x04\0\x03\xe8\0\0\x01\x08\x01\0\0\0a"
"""One byte of audio at 1,000 ms, with a full header."""

READ: dict[str, tuple[bytes, list[RtmpMessage]]] = {
    "a delta with a new size (type 1)": (
        _A + b"\x44\0\0\x14\0\0\x02\x08bc",
        [RtmpMessage(8, 1000, 1, b"a"), RtmpMessage(8, 1020, 1, b"bc")],
    ),
    "a delta alone (type 2), repeated by type 3": (
        _A + b"\x84\0\0\x14b" + b"\xc4c",
        [
            RtmpMessage(8, 1000, 1, b"a"),
            RtmpMessage(8, 1020, 1, b"b"),
            RtmpMessage(8, 1040, 1, b"c"),
        ],
    ),
    # 5.3.1.2.4: after a type 0 the delta is that chunk's timestamp.
    "type 3 starts a message after type 0": (
        _A + b"\xc4b",
        [RtmpMessage(8, 1000, 1, b"a"), RtmpMessage(8, 2000, 1, b"b")],
    ),
    "type 1 on a fresh chunk stream": (
        b"\x42\0\0\x05\0\0\x06\x04\0\x06\0\0\0\x07",
        [RtmpMessage(4, 5, 0, b"\0\x06\0\0\0\x07")],
    ),
    "type 2 on a fresh chunk stream, an empty message": (
        b"\x85\0\0\x14" + _A,
        [RtmpMessage(0, 20, 0, b""), RtmpMessage(8, 1000, 1, b"a")],
    ),
    "a chunk stream of two bytes": (
        b"\x00\x06" + _A[1:] + b"\x80\x06\0\0\x01b",
        [RtmpMessage(8, 1000, 1, b"a"), RtmpMessage(8, 1001, 1, b"b")],
    ),
    "a chunk stream of three bytes": (
        b"\x01\x02\x01" + _A[1:] + b"\xc1\x02\x01b",
        [RtmpMessage(8, 1000, 1, b"a"), RtmpMessage(8, 2000, 1, b"b")],
    ),
    "one chunk stream in its short and its long form": (
        b"\x01\x06\x00" + _A[1:] + b"\x80\x06\0\0\x01b",
        [RtmpMessage(8, 1000, 1, b"a"), RtmpMessage(8, 1001, 1, b"b")],
    ),
    "a larger chunk size": (
        b"\x02\0\0\0\0\0\x04\x01\0\0\0\0\0\0\x01\x00"
        + b"\x06\0\0\x2a\0\x01\x04\x09\x01\0\0\0" + _LONG[:256] + b"\xc6tail",
        [RtmpMessage(9, 42, 1, _LONG)],
    ),
    "the largest chunk size": (
        b"\x02\0\0\0\0\0\x04\x01\0\0\0\0\x7f\xff\xff\xff"
        + b"\x06\0\0\x2a\0\x01\x04\x09\x01\0\0\0" + _LONG,
        [RtmpMessage(9, 42, 1, _LONG)],
    ),
    "a chunk size that changes inside a message": (
        b"\x06\0\0\x2a\0\x01\x04\x09\x01\0\0\0" + _LONG[:128]
        + b"\x02\0\0\0\0\0\x04\x01\0\0\0\0\0\0\x01\x00"
        + b"\xc6" + _LONG[128:],
        [RtmpMessage(9, 42, 1, _LONG)],
    ),
    "two messages interleaved": (
        b"\x06\0\0\x2a\0\x01\x04\x09\x01\0\0\0" + _LONG[:128] + _A + b"\xc6" + _LONG[128:256]
        + b"\xc4b" + b"\xc6tail",
        [
            RtmpMessage(8, 1000, 1, b"a"),
            RtmpMessage(8, 2000, 1, b"b"),
            RtmpMessage(9, 42, 1, _LONG),
        ],
    ),
    "an abandoned message": (
        b"\x06\0\0\x2a\0\x01\x04\x09\x01\0\0\0" + _LONG[:128]
        + b"\x02\0\0\0\0\0\x04\x02\0\0\0\0\0\0\0\x06"
        + b"\x06\0\0\x2a\0\0\x01\x09\x01\0\0\0z",
        [RtmpMessage(9, 42, 1, b"z")],
    ),
    "an abandoned message that never began": (
        b"\x02\0\0\0\0\0\x04\x02\0\0\0\0\0\0\0\x3f" + _A,
        [RtmpMessage(8, 1000, 1, b"a")],
    ),
    # OBS before version 30 omits the extended timestamp of type 3 chunks.
    "no extended timestamp in type 3": (
        b"\x06\xff\xff\xff\0\x01\x04\x09\x01\0\0\0\x01\0\0\0"
        + _LONG[:128] + b"\xc6" + _LONG[128:256] + b"\xc6tail",
        [RtmpMessage(9, _LATE, 1, _LONG)],
    ),
    "an extended timestamp that does not repeat, and a short rest like it": (
        b"\x06\xff\xff\xff\0\0\x82\x09\x01\0\0\0\x01\0\0\0"
        + _LONG[:128] + b"\xc6\x01\x02" + b"\x04\0\0\x2a\0\0\0\x08\x01\0\0\0",
        [RtmpMessage(9, _LATE, 1, _LONG[:128] + b"\x01\x02"), RtmpMessage(8, 42, 1, b"")],
    ),
    "an extended delta": (
        _A + b"\x84\xff\xff\xff\x01\0\0\0b",
        [RtmpMessage(8, 1000, 1, b"a"), RtmpMessage(8, 1000 + _LATE, 1, b"b")],
    ),
    "a delta over the 32-bit wrap": (
        b"\x04\xff\xff\xff\0\0\x01\x08\x01\0\0\0\xff\xff\xff\xf0a" + b"\x84\0\0\x20b",
        [RtmpMessage(8, 0xFFFFFFF0, 1, b"a"), RtmpMessage(8, 0x10, 1, b"b")],
    ),
    "a delta past 24 bits": (
        b"\x04\xff\xff\xfe\0\0\x01\x08\x01\0\0\0a" + b"\x84\0\0\x05b" + b"\xc4c",
        [
            RtmpMessage(8, 0xFFFFFE, 1, b"a"),
            RtmpMessage(8, 0x1000003, 1, b"b"),
            RtmpMessage(8, 0x1000008, 1, b"c"),
        ],
    ),
}  # fmt: skip

BROKEN: dict[str, bytes] = {
    "type 3 on a fresh chunk stream": b"\xc5a",
    "a message inside another": b"\x06\0\0\x2a\0\x01\x04\x09\x01\0\0\0"
    + _LONG[:128]
    + b"\x06"
    + bytes(11),
    "a chunk size of three bytes": b"\x02\0\0\0\0\0\x03\x01\0\0\0\0\0\x10\0",
    "an abort of one byte": b"\x02\0\0\0\0\0\x01\x02\0\0\0\0\x06",
}
