"""Tracks and frames out of tags, at the places where encoders differ."""

from __future__ import annotations

from madang.live.demux import (
    MAX_PENDING,
    MISSING_TRACK,
    AudioFrame,
    Demuxed,
    Demuxer,
    Notice,
    Tracks,
    VideoFrame,
)
from madang.media.track import Codec
from madang.wire.flv import (
    AudioPacket,
    PacketKind,
    Tag,
    TagType,
    VideoPacket,
    encode_audio,
    encode_video,
)
from tests.support.broadcast import audio_header, payload, picture, sound, video_header
from tests.support.samples import sample


def take(demuxer: Demuxer, *tags: Tag, now: float = 0.0) -> list[Demuxed]:
    return [
        item for tag in tags for item in demuxer.receive(tag.type, tag.timestamp, tag.body, now)
    ]


def test_tracks_are_announced_at_once_where_both_are_there() -> None:
    (tracks,) = take(Demuxer(), video_header(), audio_header())
    assert isinstance(tracks, Tracks)
    assert [track.codec for track in tracks.all] == [Codec.AVC, Codec.AAC]


def test_frames_wait_for_the_tracks_and_keep_when_they_came() -> None:
    demuxer = Demuxer()
    assert take(demuxer, video_header(), now=7.0) == []
    assert take(demuxer, picture(0, 0, key=True), now=7.5) == []
    assert demuxer.deadline() == 7.0 + MISSING_TRACK
    assert demuxer.tick(8.9) == []
    tracks, frame = demuxer.tick(9.0)
    assert isinstance(tracks, Tracks)
    assert tracks.audio is None
    assert isinstance(frame, VideoFrame)
    assert frame.arrived == 7.5
    assert demuxer.deadline() is None
    assert demuxer.tick(20.0) == []


def test_nothing_is_waited_for_before_a_track_is_known() -> None:
    demuxer = Demuxer()
    assert take(demuxer, sound(0, 0)) == []
    assert demuxer.deadline() is None
    assert demuxer.tick(99.0) == []


def test_a_fast_stream_does_not_wait_beyond_its_memory() -> None:
    demuxer = Demuxer()
    take(demuxer, video_header())
    big = picture(0, 0, key=True)
    body = big.body + bytes(MAX_PENDING // 4)
    found: list[Demuxed] = []
    sent = 0
    while not found:
        sent += 1
        found = demuxer.receive(big.type, 0, body, 0.1)
    assert sent == 4
    assert sum(isinstance(item, VideoFrame) for item in found) == sent


def test_frames_that_wait_go_with_the_configuration_that_is_replaced() -> None:
    demuxer = Demuxer()
    other = video_header(0, sample("bundled", "avc-interlaced").config)
    take(demuxer, video_header(), picture(0, 1, key=True), other, picture(33, 2, key=True))
    tracks, frame = demuxer.tick(MISSING_TRACK)
    assert isinstance(tracks, Tracks)
    assert isinstance(frame, VideoFrame)
    assert frame.data == payload(picture(33, 2, key=True))


def test_a_damaged_configuration_leaves_the_one_before_in_force() -> None:
    demuxer = Demuxer()
    take(demuxer, video_header(), audio_header())
    before = demuxer.headers()
    bad = [video_header(0, b"damaged"), audio_header(0, b"\x11")]
    assert [type(item) for item in take(demuxer, *bad)] == [Notice, Notice]
    assert demuxer.headers() == before
    (frame,) = take(demuxer, sound(0, 1))
    assert isinstance(frame, AudioFrame)


def test_av1_whose_configuration_has_no_size_is_known_by_its_key_frame() -> None:
    real = sample("bundled", "av1")
    demuxer = Demuxer()
    config = VideoPacket(PacketKind.CONFIG, Codec.AV1, True, 0, 0, 0, real.config[:4])
    frames = [
        VideoPacket(PacketKind.FRAME, Codec.AV1, unit.key, 0, 0, 0, unit.data)
        for unit in (real.units[1], real.units[0])
    ]
    tags = [Tag(TagType.VIDEO, 0, encode_video(packet)) for packet in (config, *frames)]
    found = [*take(demuxer, *tags), *demuxer.tick(MISSING_TRACK)]
    assert [type(item) for item in found] == [Tracks, VideoFrame]
    assert isinstance(found[0], Tracks)
    assert found[0].video is not None
    assert found[0].video.width == real.stream.width


def test_sound_that_needs_no_configuration_may_have_an_empty_one() -> None:
    demuxer = Demuxer()
    # Enhanced RTMP: a sequence header of MP3 and of AC-3, with nothing in it.
    for body in (b"\x90.mp3", b"\x90ac-3"):
        assert demuxer.receive(TagType.AUDIO, 0, body, 0.0) == []


def test_sound_that_joins_a_picture_waits_for_a_key_frame_and_no_longer_than_ten_seconds() -> None:
    for key in (True, False):
        demuxer = Demuxer()
        take(demuxer, video_header(), picture(0, 0, key=True))
        demuxer.tick(9.0)
        assert take(demuxer, audio_header(), sound(3000, 0), now=10.0) == []
        later = take(demuxer, picture(3000, 1, key=key), now=10.1)
        assert isinstance(later[0], Tracks) == key
        if not key:  # intra-refresh
            assert take(demuxer, sound(12_900, 0), now=19.9) == []
            tracks, frame = take(demuxer, sound(13_100, 0), now=20.1)
            assert isinstance(tracks, Tracks)
            assert tracks.audio is not None
            assert isinstance(frame, AudioFrame)


def test_a_track_is_announced_whose_first_unit_is_damaged() -> None:
    opus = [AudioPacket(PacketKind.FRAME, Codec.OPUS, 0, 0, data) for data in (b"\x03\0", b"\xfc")]
    demuxer = Demuxer()
    take(demuxer, video_header(), picture(0, 0, key=True))
    demuxer.tick(9.0)
    damaged, good = [Tag(TagType.AUDIO, 3000, encode_audio(packet)) for packet in opus]
    (notice,) = take(demuxer, damaged, now=10.0)
    assert isinstance(notice, Notice)
    take(demuxer, good, now=10.1)
    tracks, *_ = take(demuxer, picture(3000, 1, key=True), now=10.2)
    assert isinstance(tracks, Tracks)
    assert tracks.audio is not None
    assert tracks.audio.codec is Codec.OPUS


def test_sound_comes_back_whose_header_is_the_one_of_before() -> None:
    demuxer = Demuxer()
    take(demuxer, audio_header(), sound(0, 0))
    demuxer.tick(9.0)
    mp3 = AudioPacket(PacketKind.FRAME, Codec.MP3, 0, 0, sample("bundled", "mp3").units[0].data)
    take(demuxer, Tag(TagType.AUDIO, 100, encode_audio(mp3)), now=9.1)
    tracks, frame = take(demuxer, audio_header(200), sound(200, 0), now=9.2)
    assert isinstance(tracks, Tracks)
    assert tracks.audio is not None
    assert tracks.audio.codec is Codec.AAC
    assert isinstance(frame, AudioFrame)
