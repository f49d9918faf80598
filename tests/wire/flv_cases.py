"""FLV tag bodies and values: tables for parsers, serialisers and fuzzers."""

from __future__ import annotations

from madang.media.track import Codec
from madang.wire.flv import AudioPacket, PacketKind, Tag, TagType, VideoPacket

CONFIG, FRAME, END, METADATA = PacketKind


def video(  # noqa: PLR0917 - the order of the fields, so that the tables stay tables
    kind: PacketKind,
    codec: Codec,
    data: bytes,
    composition: int = 0,
    nanos: int = 0,
    track_id: int = 0,
    *,
    key: bool = True,
) -> VideoPacket:
    return VideoPacket(kind, codec, key, composition, nanos, track_id, data)


def audio(
    kind: PacketKind, codec: Codec, data: bytes, nanos: int = 0, track_id: int = 0
) -> AudioPacket:
    return AudioPacket(kind, codec, nanos, track_id, data)


VIDEO: dict[str, tuple[bytes, VideoPacket]] = {
    "AVC configuration": (b"\x17\x00\x00\x00\x00cfg", video(CONFIG, Codec.AVC, b"cfg")),
    "AVC key frame": (b"\x17\x01\x00\x00\x50nal", video(FRAME, Codec.AVC, b"nal", 80)),
    "AVC frame shown early": (
        b"\x27\x01\xff\xff\xd8nal",
        video(FRAME, Codec.AVC, b"nal", -40, key=False),
    ),
    "AVC end": (b"\x17\x02\x00\x00\x00", video(END, Codec.AVC, b"")),
    "HEVC configuration": (b"\x90hvc1cfg", video(CONFIG, Codec.HEVC, b"cfg")),
    "HEVC frame": (b"\xa1hvc1\x00\x00\x21nal", video(FRAME, Codec.HEVC, b"nal", 33, key=False)),
    "HEVC frame without shift": (b"\x93hvc1nal", video(FRAME, Codec.HEVC, b"nal")),
    "HEVC end": (b"\x92hvc1", video(END, Codec.HEVC, b"")),
    "AV1 configuration": (b"\x90av01\x81\x00", video(CONFIG, Codec.AV1, b"\x81\x00")),
    "AV1 frame": (b"\xa1av01obu", video(FRAME, Codec.AV1, b"obu", key=False)),
    "VP9 frame": (b"\x91vp09vp9", video(FRAME, Codec.VP9, b"vp9")),
    "colour description": (
        b"\x94hvc1\x02\x00\x09color",
        video(METADATA, Codec.HEVC, b"\x02\0\x09color"),
    ),
    "AVC with nanoseconds": (
        b"\x97\x02\x07\xa1\x20\x01avc1\x00\x00\x28nal",
        video(FRAME, Codec.AVC, b"nal", 40, 500_000),
    ),
    "AVC on a second track": (
        b"\xa6\x01avc1\x03\x00\x00\x28nal",
        video(FRAME, Codec.AVC, b"nal", 40, track_id=3, key=False),
    ),
    "AV1 on a second track with nanoseconds": (
        b"\x97\x02\x00\x00\x09\x06\x00av01\x01cfg",
        video(CONFIG, Codec.AV1, b"cfg", nanos=9, track_id=1),
    ),
}

AUDIO: dict[str, tuple[bytes, AudioPacket]] = {
    "AAC configuration": (b"\xaf\x00\x12\x10", audio(CONFIG, Codec.AAC, b"\x12\x10")),
    "AAC frame": (b"\xaf\x01aac", audio(FRAME, Codec.AAC, b"aac")),
    "MP3 frame": (b"\x2f\xff\xfb", audio(FRAME, Codec.MP3, b"\xff\xfb")),
    "Opus configuration": (b"\x90OpusOpusHead", audio(CONFIG, Codec.OPUS, b"OpusHead")),
    "Opus frame": (b"\x91Opusopus", audio(FRAME, Codec.OPUS, b"opus")),
    "FLAC frame": (b"\x91fLaC\xff\xf8", audio(FRAME, Codec.FLAC, b"\xff\xf8")),
    "AC-3 frame": (b"\x91ac-3\x0b\x77", audio(FRAME, Codec.AC3, b"\x0b\x77")),
    "E-AC-3 frame": (b"\x91ec-3\x0b\x77", audio(FRAME, Codec.EAC3, b"\x0b\x77")),
    "MP3 configuration": (b"\x90.mp3", audio(CONFIG, Codec.MP3, b"")),
    "AAC end": (b"\x92mp4a", audio(END, Codec.AAC, b"")),
    "channel layout": (
        b"\x94Opus\x01\x02\0\0\0\x03",
        audio(METADATA, Codec.OPUS, b"\x01\x02\0\0\0\x03"),
    ),
    "AAC with nanoseconds": (
        b"\x97\x02\x00\x00\x64\x01mp4aaac",
        audio(FRAME, Codec.AAC, b"aac", 100),
    ),
    "AAC on a second track": (b"\x95\x01mp4a\x01aac", audio(FRAME, Codec.AAC, b"aac", 0, 1)),
}

VIDEO_ONE_WAY: dict[str, tuple[bytes, list[VideoPacket]]] = {
    "an empty tag": (b"", []),
    "a seek command": (b"\x57\x00", []),
    "an Enhanced RTMP command": (b"\xd1\x00", []),
    "HEVC under the number 12": (
        b"\x1c\x01\x00\x00\x00nal",
        [video(FRAME, Codec.HEVC, b"nal")],
    ),
    "a key frame that a server made": (b"\x47\x01\x00\x00\x00n", [video(FRAME, Codec.AVC, b"n")]),
    "a modifier that nobody knows": (
        b"\x97\x00\xaa\x11av01obu",
        [video(FRAME, Codec.AV1, b"obu")],
    ),
    "a modifier of 256 bytes and more": (
        b"\x97\xff\x01\x00" + b"\0" * 257 + b"\x11av01obu",
        [video(FRAME, Codec.AV1, b"obu")],
    ),
    "two modifiers": (
        b"\x97\x00\xaa\x17\x02\x00\x00\x05\x01av01obu",
        [video(FRAME, Codec.AV1, b"obu", nanos=5)],
    ),
    "one track of many": (b"\x96\x00avc1\x00cfg", [video(CONFIG, Codec.AVC, b"cfg")]),
    "many tracks": (
        b"\x96\x11avc1\x00\x00\x00\x05\x00\x00\x0aab\x01\x00\x00\x04\x00\x00\x00c",
        [video(FRAME, Codec.AVC, b"ab", 10), video(FRAME, Codec.AVC, b"c", track_id=1)],
    ),
    "many tracks of many codecs": (
        b"\x96\x20avc1\x00\x00\x00\x01ahvc1\x01\x00\x00\x02bc",
        [video(CONFIG, Codec.AVC, b"a"), video(CONFIG, Codec.HEVC, b"bc", track_id=1)],
    ),
}

AUDIO_ONE_WAY: dict[str, tuple[bytes, list[AudioPacket]]] = {
    "an empty tag": (b"", []),
    "MP3 at 8 kHz": (b"\xef\xff\xfb", [audio(FRAME, Codec.MP3, b"\xff\xfb")]),
    "AAC that says mono and 11 kHz": (b"\xa4\x01aac", [audio(FRAME, Codec.AAC, b"aac")]),
    "AAC under its FourCC": (b"\x91mp4aaac", [audio(FRAME, Codec.AAC, b"aac")]),
    "many tracks of many codecs": (
        b"\x95\x21mp4a\x00\x00\x00\x01aOpus\x01\x00\x00\x02bc",
        [audio(FRAME, Codec.AAC, b"a"), audio(FRAME, Codec.OPUS, b"bc", track_id=1)],
    ),
}

VIDEO_UNSUPPORTED: dict[str, bytes] = {
    "Sorenson H.263": b"\x12\x00",
    "On2 VP6": b"\x14\x00\x00",
    "VP8": b"\x91vp08x",
    "H.266": b"\x90vvc1x",
    "unknown codec": b"\x91zzzzx",
    "transport streams": b"\x95av01\x80",
}

AUDIO_UNSUPPORTED: dict[str, bytes] = {
    "PCM": b"\x3f\x00",
    "Speex": b"\xb2\x00",
    "G.711 A-law": b"\x72\x00",
    "Nellymoser": b"\x62\x00",
    "unknown codec": b"\x91zzzzx",
}

VIDEO_BROKEN: dict[str, bytes] = {
    "a cut header": b"\x17\x01\x00",
    "an unknown packet type": b"\x17\x07\x00\x00\x00",
    "a cut FourCC": b"\x91hv",
    "a cut composition time": b"\x91hvc1\x00",
    "an unknown Enhanced RTMP packet": b"\x9fhvc1",
    "a modifier and nothing else": b"\x97\x02\x00",
    "a track that is longer than its tag": b"\x96\x10avc1\x00\x00\x00\x09abc",
    "multitrack in multitrack": b"\x96\x06avc1\x00abc",
    "an unknown multitrack mode": b"\x96\x71avc1\x00abc",
}

AUDIO_BROKEN: dict[str, bytes] = {
    "a cut header": b"\xaf",
    "an unknown packet type": b"\xaf\x05",
    "an unknown Enhanced RTMP packet": b"\x9eOpus",
}

TAGS: dict[str, tuple[bytes, Tag]] = {
    "audio": (b"\x08\0\0\x02\0\0\x2a\0\0\0\0ab\0\0\0\x0d", Tag(TagType.AUDIO, 42, b"ab")),
    "video past 24 bits": (
        b"\x09\0\0\x01\x00\x00\x07\x01\0\0\0a\0\0\0\x0c",
        Tag(TagType.VIDEO, 0x01000007, b"a"),
    ),
    "script at the last millisecond": (
        b"\x12\0\0\0\xff\xff\xff\xff\0\0\0\0\0\0\x0b",
        Tag(TagType.SCRIPT, 0xFFFFFFFF, b""),
    ),
}
