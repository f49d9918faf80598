"""Real streams in the odd forms of encoders in the field."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from madang.media import nal
from madang.media.adts import is_adts
from madang.media.track import Codec
from madang.wire.flv import Tag, TagType
from tests.support.broadcast import Sent

_LENGTHS = 4


def is_header(tag: Tag) -> bool:
    """Tell a sequence header of H.264 or AAC."""
    return tag.type is not TagType.SCRIPT and tag.body[1] == 0


def is_key(tag: Tag) -> bool:
    """Tell a key frame of H.264."""
    return tag.type is TagType.VIDEO and tag.body[0] >> 4 == 1 and not is_header(tag)


def without_headers(sent: Iterable[Sent], kind: TagType) -> list[Sent]:
    """Return the stream without the sequence header of a medium."""
    return [i for i in sent if not (i.tag.type is kind and is_header(i.tag))]


def sets_of(codec: Codec, config: bytes) -> list[bytes]:
    """Return the NAL units in an avcC or hvcC."""
    found: list[bytes] = []

    def take(position: int, count: int) -> int:
        for _ in range(count):
            size = int.from_bytes(config[position : position + 2], "big")
            found.append(config[position + 2 : position + 2 + size])
            position += 2 + size
        return position

    if codec is Codec.AVC:
        position = take(6, config[5] & 31)
        take(position + 1, config[position])
        return found
    position = 23
    for _ in range(config[22]):
        count = int.from_bytes(config[position + 1 : position + 3], "big")
        position = take(position + 3, count)
    return found


def rewritten(sent: Iterable[Sent], rewrite: Callable[[Tag, bytes], bytes]) -> list[Sent]:
    """Return the stream with other pictures: `rewrite` gets the tag and the unit in it."""
    return [
        replace(i, tag=replace(i.tag, body=i.tag.body[:5] + rewrite(i.tag, i.tag.body[5:])))
        if i.tag.type is TagType.VIDEO and not is_header(i.tag)
        else i
        for i in sent
    ]


def with_sets(sent: Iterable[Sent]) -> list[Sent]:
    """Return the stream with its parameter sets in every key frame."""
    sent = list(sent)
    header = next(i.tag for i in sent if i.tag.type is TagType.VIDEO and is_header(i.tag))
    sets = nal.join(sets_of(Codec.AVC, header.body[5:]), _LENGTHS)
    return rewritten(sent, lambda tag, unit: sets + unit if is_key(tag) else unit)


def as_byte_stream(sent: Iterable[Sent]) -> list[Sent]:
    """Return the stream with start codes instead of lengths."""

    def rewrite(_tag: Tag, unit: bytes) -> bytes:
        nals = nal.split(unit, _LENGTHS)
        assert nals is not None
        return b"".join(b"\0\0\0\1" + each for each in nals)

    return rewritten(sent, rewrite)


def with_adts(sent: Iterable[Sent], *, together: int = 1) -> list[Sent]:
    """Return the stream with an ADTS header of 48 kHz mono before every frame of AAC, and
    `together` frames in one tag."""
    out: list[Sent] = []
    waiting: list[Sent] = []
    for item in sent:
        if item.tag.type is not TagType.AUDIO or is_header(item.tag):
            out.append(item)
            continue
        waiting.append(item)
        if len(waiting) == together:
            body = b"".join(_adts(each.tag.body[2:]) for each in waiting)
            tag = replace(waiting[0].tag, body=waiting[0].tag.body[:2] + body)
            out.append(replace(waiting[-1], tag=tag))
            waiting.clear()
    return out


def _adts(frame: bytes) -> bytes:
    size = len(frame) + 7
    head = bytes((0xFF, 0xF1, 1 << 6 | 3 << 2, 1 << 6 | size >> 11, size >> 3 & 255))
    head += bytes(((size & 7) << 5 | 31, 0xFC))
    assert is_adts(head)
    return head + frame
