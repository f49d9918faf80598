"""FLV tags and bodies compared with handwritten bytes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.base.errors import LimitExceeded
from madang.media.track import Codec
from madang.wire import amf0, flv
from tests.wire import flv_cases as cases

_HEADER = b"FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00"


@pytest.mark.parametrize("name", cases.VIDEO)
def test_each_video_packet_is_parsed_and_serialised(name: str) -> None:
    body, packet = cases.VIDEO[name]
    assert flv.parse_video(body) == [packet]
    assert flv.encode_video(packet) == body


@pytest.mark.parametrize("name", cases.AUDIO)
def test_each_audio_packet_is_parsed_and_serialised(name: str) -> None:
    body, packet = cases.AUDIO[name]
    assert flv.parse_audio(body) == [packet]
    assert flv.encode_audio(packet) == body


@pytest.mark.parametrize("name", cases.VIDEO_ONE_WAY)
def test_other_ways_to_write_video_are_read(name: str) -> None:
    body, packets = cases.VIDEO_ONE_WAY[name]
    assert flv.parse_video(body) == packets


@pytest.mark.parametrize("name", cases.AUDIO_ONE_WAY)
def test_other_ways_to_write_audio_are_read(name: str) -> None:
    body, packets = cases.AUDIO_ONE_WAY[name]
    assert flv.parse_audio(body) == packets


@pytest.mark.parametrize(
    ("parse", "words", "body"),
    [
        *((flv.parse_video, words, body) for words, body in cases.VIDEO_UNSUPPORTED.items()),
        *((flv.parse_audio, words, body) for words, body in cases.AUDIO_UNSUPPORTED.items()),
    ],
)
def test_a_codec_that_is_not_carried_is_named_in_words(
    parse: Callable[[bytes], object], words: str, body: bytes
) -> None:
    with pytest.raises(flv.UnsupportedCodec) as caught:
        parse(body)
    assert words in caught.value.message
    assert "Choose" in caught.value.mend


@pytest.mark.parametrize(
    ("parse", "body"),
    [
        *((flv.parse_video, body) for body in cases.VIDEO_BROKEN.values()),
        *((flv.parse_audio, body) for body in cases.AUDIO_BROKEN.values()),
    ],
)
def test_a_damaged_body_raises_its_error(parse: Callable[[bytes], object], body: bytes) -> None:
    with pytest.raises(flv.FlvError):
        parse(body)


@given(
    codec=st.sampled_from([codec for codec in Codec if codec.is_video]),
    kind=st.sampled_from(flv.PacketKind),
    key=st.booleans(),
    composition=st.integers(-(1 << 23), (1 << 23) - 1),
    nanos=st.integers(0, 999_999),
    track_id=st.integers(0, 255),
    data=st.binary(max_size=64),
)
def test_every_video_packet_survives(  # noqa: PLR0917 - hypothesis passes them by name
    codec: Codec,
    kind: flv.PacketKind,
    key: bool,
    composition: int,
    nanos: int,
    track_id: int,
    data: bytes,
) -> None:
    if kind is not flv.PacketKind.FRAME or codec not in (Codec.AVC, Codec.HEVC):
        composition = 0
    packet = flv.VideoPacket(kind, codec, key, composition, nanos, track_id, data)
    assert flv.parse_video(flv.encode_video(packet)) == [packet]


@given(
    codec=st.sampled_from([codec for codec in Codec if not codec.is_video]),
    kind=st.sampled_from(flv.PacketKind),
    nanos=st.integers(0, 999_999),
    track_id=st.integers(0, 255),
    data=st.binary(max_size=64),
)
def test_every_audio_packet_survives(
    codec: Codec, kind: flv.PacketKind, nanos: int, track_id: int, data: bytes
) -> None:
    packet = flv.AudioPacket(kind, codec, nanos, track_id, data)
    assert flv.parse_audio(flv.encode_audio(packet)) == [packet]


@pytest.mark.parametrize("name", cases.TAGS)
def test_each_tag_is_parsed_and_serialised(name: str) -> None:
    data, tag = cases.TAGS[name]
    assert flv.parse_tags(data) == [tag]
    assert flv.encode_tag(tag) == data


def test_the_file_header_says_what_is_inside() -> None:
    assert flv.file_header(audio=True, video=True) == _HEADER
    assert flv.file_header(audio=True, video=False)[4] == 4
    assert flv.file_header(audio=False, video=True)[4] == 1


_tags = st.lists(
    st.builds(
        flv.Tag,
        st.sampled_from(flv.TagType),
        st.integers(0, 0xFFFFFFFF),
        st.binary(max_size=60),
    ),
    max_size=6,
)


@given(tags=_tags, piece=st.integers(1, 40))
def test_a_stream_gives_the_same_tags_however_it_is_cut(tags: list[flv.Tag], piece: int) -> None:
    stream = _HEADER + b"".join(map(flv.encode_tag, tags))
    reader = flv.FlvReader()
    found = [
        tag
        for start in range(0, len(stream), piece)
        for tag in reader.receive(stream[start : start + piece])
    ]
    assert found == tags
    assert reader.buffered == 0


def test_a_longer_file_header_is_skipped() -> None:
    stream = b"FLV\x01\x05\x00\x00\x00\x0b??\x00\x00\x00\x00" + cases.TAGS["audio"][0]
    assert flv.FlvReader().receive(stream) == [cases.TAGS["audio"][1]]


@pytest.mark.parametrize(
    "stream", [b"GIF89a", b"FLV\x02\x05\x00\x00\x00\x09", b"FLV\x01\x05" + b"\0" * 8]
)
def test_what_is_not_flv_is_refused_at_its_header(stream: bytes) -> None:
    with pytest.raises(flv.FlvError):
        flv.FlvReader().receive(stream)


def test_an_unknown_tag_ends_the_stream() -> None:
    with pytest.raises(flv.FlvError):
        flv.FlvReader().receive(_HEADER + b"\x29" + bytes(10))


def test_a_tag_body_has_a_named_limit() -> None:
    size = (flv.MAX_TAG_BODY + 1).to_bytes(3, "big")
    with pytest.raises(LimitExceeded) as caught:
        flv.FlvReader().receive(_HEADER + b"\x09" + size + bytes(7))
    assert caught.value.limit == "flv_tag"


def test_a_run_of_tags_that_ends_inside_one_is_damaged() -> None:
    data = cases.TAGS["audio"][0]
    with pytest.raises(flv.FlvError):
        flv.parse_tags(data[:-5])


def test_metadata_is_read_with_and_without_its_wrapper() -> None:
    values: dict[str, amf0.Value] = {"width": 1280.0, "encoder": "마당"}
    assert flv.on_metadata(flv.encode_metadata(values)) == values
    assert flv.on_metadata(flv.encode_metadata(values, publishing=True)) == values


@pytest.mark.parametrize(
    "body",
    [
        amf0.encode("onTextData", {"text": "hello"}),
        amf0.encode("@setDataFrame", "onCuePoint", {}),
        amf0.encode("onMetaData"),
        amf0.encode("onMetaData", "nonsense"),
        amf0.encode(1.0),
        b"",
    ],
)
def test_other_script_tags_have_no_metadata(body: bytes) -> None:
    assert flv.on_metadata(body) == {}
