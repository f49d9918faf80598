"""The FLV feed: what a reader gets who comes at any moment."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from madang.live.flv_feed import MAX_CACHE, MAX_CACHED_SECONDS, FlvFeed
from madang.wire.flv import FlvReader, Tag, TagType, file_header
from tests.support.broadcast import Broadcast, Encoder, Sent, payload, video_header
from tests.support.samples import sample

KEY, INTER = b"\x17\x01key", b"\x27\x01inter"


def media(tags: list[Tag]) -> list[Tag]:
    return [tag for tag in tags if tag.type is not TagType.SCRIPT and tag.body[1] == 1]


def on_the_air(encoder: Encoder, seconds: float) -> Broadcast:
    made = Broadcast()
    made.connect()
    made.send(encoder.stream(seconds))
    made.show.feed.take()
    return made


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    joined=st.floats(2.5, 9.0),
    chunk=st.integers(1, 40),
    both=st.booleans(),
    picture_too=st.booleans(),
)
def test_a_reader_gets_every_tag_once_from_a_key_frame_on(
    joined: float, chunk: int, both: bool, picture_too: bool
) -> None:
    encoder = Encoder(gop=1.5) if picture_too else Encoder(rate=None)
    if picture_too and not both:
        encoder = Encoder(gop=1.5, audio=False)
    made = on_the_air(encoder, joined)
    opening = made.show.feed.opening()
    assert opening is not None
    reader = FlvReader()
    tags = reader.receive(opening)
    frames = encoder.frames(4.0, joined)
    for begin in range(0, len(frames), chunk):
        made.send(frames[begin : begin + chunk])
        taken = made.show.feed.take()
        assert taken is not None
        tags += reader.receive(taken.data)
    assert made.show.feed.take() is None
    assert reader.buffered == 0
    found = media(tags)
    sent = [payload(item.tag) for item in encoder.frames(joined + 4.0) if item.at < joined + 4.0]
    got = [payload(tag) for tag in found]
    assert got == sent[sent.index(got[0]) :]
    if picture_too:
        assert found[0].body[0] == 0x17
    for kind in (TagType.VIDEO, TagType.AUDIO):
        stamps = [tag.timestamp for tag in found if tag.type is kind]
        assert all(earlier < later for earlier, later in pairwise(stamps))


def test_the_opening_describes_the_stream_before_its_media() -> None:
    opening = on_the_air(Encoder(), 5.0).show.feed.opening()
    assert opening is not None
    assert opening.startswith(file_header(audio=True, video=True))
    tags = FlvReader().receive(opening)
    assert [tag.type for tag in tags[:3]] == [TagType.SCRIPT, TagType.VIDEO, TagType.AUDIO]
    assert tags[1].body == video_header().body
    assert [tag.timestamp for tag in tags[:3]] == [0, 0, 0]


def test_before_the_stream_there_is_no_opening() -> None:
    assert FlvFeed().opening() is None


def test_the_key_offset_is_where_the_first_key_frame_of_a_chunk_begins() -> None:
    made = on_the_air(Encoder(), 5.0)
    made.send(Encoder().frames(0.9, 5.0))
    taken = made.show.feed.take()
    assert taken is not None
    assert taken.key_offset is None
    made.send(Encoder().frames(0.3, 5.9))
    taken = made.show.feed.take()
    assert taken is not None
    assert taken.key_offset
    first = FlvReader(header=False).receive(taken.data[taken.key_offset :])[0]
    assert first.type is TagType.VIDEO
    assert first.body[0] == 0x17


def test_readers_go_on_through_a_takeover_from_its_first_key_frame() -> None:
    made = on_the_air(Encoder(), 6.5)
    made.connect()
    other = Encoder(start=99_999)
    late = [Sent(item.at - 1000.5, item.tag) for item in other.frames(6.0, 1000.5)]
    config = sample("bundled", "avc-interlaced").config
    made.send([Sent(0.0, video_header(0, config)), *other.headers()[1:], *late])
    taken = made.show.feed.take()
    assert taken is not None
    tags = FlvReader(header=False).receive(taken.data)
    # Nothing can be decoded before the key frame, and who lost some before goes on with it: so
    # the headers come right before it, and the offset is theirs.
    assert [tag.body[1] for tag in tags[:4]] == [0, 0, 1, 1]
    assert tags[2].body[0] == 0x17
    assert taken.key_offset == 0
    assert tags[0].body == video_header(0, config).body
    assert tags[0].timestamp == tags[2].timestamp


@pytest.mark.parametrize("sound_first", [False, True])
def test_readers_end_where_sound_appears_or_disappears(sound_first: bool) -> None:
    before, after = Encoder(audio=sound_first), Encoder(audio=not sound_first)
    made = on_the_air(before, 6.5)
    feed = made.show.feed
    sent = before.frames(0.5, 6.5)
    made.send(sent)
    made.connect()
    made.send(after.stream(6.0))
    last = feed.take_last()
    assert last is not None
    assert [payload(tag) for tag in FlvReader(header=False).receive(last.data)] == [
        payload(item.tag) for item in sent
    ]
    assert feed.take_last() is None
    feed.take()
    opening = feed.opening()
    assert opening is not None
    assert opening.startswith(file_header(audio=not sound_first, video=True))
    kinds = {tag.type for tag in media(FlvReader().receive(opening))}
    assert kinds == ({TagType.VIDEO} if sound_first else {TagType.VIDEO, TagType.AUDIO})


def test_readers_go_on_through_a_takeover_with_the_same_codecs() -> None:
    made = on_the_air(Encoder(), 6.5)
    made.connect()
    made.send(Encoder(start=99_999).stream(6.0))
    assert made.show.feed.take_last() is None


def test_a_cache_that_grows_too_large_is_given_up_until_the_next_key_frame() -> None:
    feed = FlvFeed()
    feed.begin(audio=False, video=True, metadata={})
    big = INTER + bytes(1 << 20)
    feed.append(TagType.VIDEO, KEY, 0, key=True)
    largest = 0
    for number in range(1, 40):
        feed.append(TagType.VIDEO, big, number, key=False)
        feed.take()
        opening = feed.opening()
        assert opening is not None
        largest = max(largest, len(opening))
    assert MAX_CACHE // 2 < largest <= MAX_CACHE + 1000
    assert len(feed.opening() or b"") < 1000
    feed.append(TagType.VIDEO, KEY, 50, key=True)
    assert KEY in (feed.opening() or b"")


def test_a_cache_that_grows_too_long_is_given_up() -> None:
    feed = FlvFeed()
    feed.begin(audio=False, video=True, metadata={})
    feed.append(TagType.VIDEO, KEY, 7, key=True)
    feed.append(TagType.VIDEO, INTER, 7 + MAX_CACHED_SECONDS * 1000, key=False)
    assert KEY in (feed.opening() or b"")
    feed.append(TagType.VIDEO, INTER, 8 + MAX_CACHED_SECONDS * 1000, key=False)
    assert KEY not in (feed.opening() or b"")


def test_sound_does_not_begin_the_cache_of_a_stream_with_a_picture() -> None:
    feed = FlvFeed()
    feed.begin(audio=True, video=True, metadata={})
    feed.append(TagType.AUDIO, b"\xaf\x01sound", 0, key=True)
    feed.append(TagType.VIDEO, INTER, 1, key=False)
    assert media(FlvReader().receive(feed.opening() or b"")) == []
    assert feed.take() is None


@pytest.mark.parametrize("seconds", [30.0, 120.0])
def test_without_readers_only_the_cache_is_kept(seconds: float) -> None:
    made = Broadcast()
    made.show.feed.listening = False
    made.connect()
    made.send(Encoder().stream(seconds))
    assert made.show.feed.take() is None
    opening = made.show.feed.opening()
    assert opening is not None
    tags = media(FlvReader().receive(opening))
    assert tags[0].body[0] == 0x17
    assert tags[-1].timestamp - tags[0].timestamp <= 2000


def test_key_frames_that_nobody_heard_are_in_no_chunk() -> None:
    feed = FlvFeed(listening=False)
    feed.begin(audio=False, video=True, metadata={})
    feed.append(TagType.VIDEO, KEY, 0, key=True)
    feed.listening = True
    feed.append(TagType.VIDEO, INTER, 33, key=False)
    taken = feed.take()
    assert taken is not None
    assert taken.key_offset is None
