"""FLV tags and files (FLV 10.1, E.2 to E.4.1)."""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass

from madang.base.errors import LimitExceeded
from madang.wire.flv.packets import FlvError

MAX_TAG_BODY = 8 * 1024 * 1024
"""Bytes of one tag's body: a key frame of 4K video at 100 Mbit/s stays below 4 MiB, and a reader
holds one body at a time."""

TIMESTAMP_MASK = 0xFFFFFFFF
"""Timestamps are milliseconds modulo 2**32."""

_SIGNATURE = b"FLV"
_FILE_HEADER = struct.Struct(">3sBBI")
_TAG_HEADER = struct.Struct(">II3x")
_TAG_SIZE = struct.Struct(">I")


class TagType(enum.IntEnum):
    """Type of a tag; RTMP message types have the same numbers."""

    AUDIO = 8
    VIDEO = 9
    SCRIPT = 18


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag. `timestamp` is in milliseconds modulo 2**32."""

    type: TagType
    timestamp: int
    body: bytes


def file_header(*, audio: bool, video: bool) -> bytes:
    """Return the file header, with the size of the absent tag before the first."""
    flags = (4 if audio else 0) | (1 if video else 0)
    return _FILE_HEADER.pack(_SIGNATURE, 1, flags, _FILE_HEADER.size) + _TAG_SIZE.pack(0)


def encode_tag(tag: Tag) -> bytes:
    """Return the tag between its header and its size, as in files and streams."""
    size = len(tag.body)
    timestamp = tag.timestamp
    header = _TAG_HEADER.pack(
        tag.type << 24 | size, (timestamp & 0xFFFFFF) << 8 | timestamp >> 24 & 0xFF
    )
    return b"".join((header, tag.body, _TAG_SIZE.pack(_TAG_HEADER.size + size)))


def parse_tags(data: bytes) -> list[Tag]:
    """Parse an RTMP aggregate message: whole tags without a file header.

    Raises FlvError for a truncated tag; a missing size after the last is tolerated, as Flash Media
    Server omits it.
    """
    reader = FlvReader(header=False)
    tags = reader.receive(data)
    if reader.buffered:
        raise FlvError("A run of FLV tags ends inside a tag.")
    return tags


class FlvReader:
    """Incremental parser of an FLV file or stream.

    `header=False` starts at the first tag. The flags of the header and the sizes after the tags are
    ignored: too many writers get them wrong, and neither is needed.
    """

    def __init__(self, *, header: bool = True) -> None:
        self._buffer = bytearray()
        self._header = header
        self._skip = 0

    @property
    def buffered(self) -> int:
        """Bytes of an incomplete tag."""
        return len(self._buffer)

    def receive(self, data: bytes) -> list[Tag]:
        """Return the tags completed by `data`.

        Raises FlvError for malformed input, LimitExceeded for a body over `MAX_TAG_BODY`; the
        reader is unusable afterwards.
        """
        self._buffer += data
        if self._header and not self._read_header():
            return []
        tags = []
        buffer = self._buffer
        position = 0
        while True:
            skipped = min(self._skip, len(buffer) - position)
            self._skip -= skipped
            position += skipped
            if len(buffer) - position < _TAG_HEADER.size:
                break
            first, stamp = _TAG_HEADER.unpack_from(buffer, position)
            tag_type = _tag_type(first >> 24)
            size = first & 0xFFFFFF
            if size > MAX_TAG_BODY:
                raise LimitExceeded("flv_tag", f"An FLV tag of {size} bytes is too large.")
            start = position + _TAG_HEADER.size
            if len(buffer) - start < size:
                break
            position = start + size
            timestamp = (stamp & 0xFF) << 24 | stamp >> 8
            tags.append(Tag(tag_type, timestamp, bytes(buffer[start:position])))
            self._skip = _TAG_SIZE.size
        del buffer[:position]
        return tags

    def _read_header(self) -> bool:
        known = min(len(self._buffer), len(_SIGNATURE))
        if self._buffer[:known] != _SIGNATURE[:known]:
            raise FlvError("This is not FLV: its first bytes are others.")
        if len(self._buffer) < _FILE_HEADER.size:
            return False
        _, version, _, offset = _FILE_HEADER.unpack_from(self._buffer)
        if version != 1 or not _FILE_HEADER.size <= offset <= 0xFFFF:
            raise FlvError("The header of an FLV file is of an unknown kind.")
        self._skip = offset + _TAG_SIZE.size
        self._header = False
        return True


def _tag_type(number: int) -> TagType:
    match number:
        case TagType.AUDIO:
            return TagType.AUDIO
        case TagType.VIDEO:
            return TagType.VIDEO
        case TagType.SCRIPT:
            return TagType.SCRIPT
    raise FlvError(f"FLV has no tags of type {number}; the stream is damaged or encrypted.")
