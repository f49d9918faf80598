"""Manifests of recordings."""

from __future__ import annotations

import pytest

from madang.base.errors import ParseError
from madang.recording.manifest import (
    Manifest,
    RecordedFile,
    RecordedRendition,
    decode,
    encode,
    file_name,
    index_name,
)

MANIFEST = Manifest(
    id="3kYfG8sQ1abZ",
    channel_id=7,
    title="아침 방송 \x00",
    began_at=1.5,
    target_duration=2,
    renditions=(
        RecordedRendition(
            "source",
            (RecordedFile("avc1.42c01f,mp4a.40.2", 1280, 720, 29.97), RecordedFile("mp4a.40.2")),
            bitrate=2_500_000,
            average_bitrate=2_400_000,
        ),
        RecordedRendition("180p"),
    ),
    temporary=True,
)


def test_a_manifest_is_read_as_it_was_written() -> None:
    assert decode(encode(MANIFEST)) == MANIFEST


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        encode(MANIFEST)[:-9],
        encode(MANIFEST).replace(b'"version": 1', b'"version": 2'),
        encode(MANIFEST).replace(b'"channel_id"', b'"unknown"'),
        encode(MANIFEST).replace(b'"codecs"', b'"codec"'),
    ],
)
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(ParseError, match="manifest"):
        decode(data)


def test_files_are_named_by_rendition_and_number() -> None:
    assert (file_name("source", 2), index_name("source", 2)) == ("source/2.mp4", "source/2.index")
