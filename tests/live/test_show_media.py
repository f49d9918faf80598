"""Shows whose media stall, jump, are damaged or of any codec, and what can be asked of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from madang.live.demux import Notice
from madang.media.track import VIDEO_TIMESCALE, Codec
from madang.wire.flv import (
    AudioPacket,
    PacketKind,
    Tag,
    TagType,
    VideoPacket,
    encode_audio,
    encode_video,
)
from tests.support.broadcast import (
    SAMPLE_RATE,
    Broadcast,
    Encoder,
    Sent,
    audio_header,
    begun,
    check_contiguous,
    new_show,
    payload,
    picture,
    segments,
    shifted,
    sound,
)
from tests.support.samples import sample

# --- media that stall and jump ---


def test_parts_go_on_with_the_sound_while_the_picture_stalls() -> None:
    encoder = Encoder()
    made = begun(encoder, 6.0)
    stalled = encoder.frames(14.0, 6.0)
    frames = [i for i in stalled if i.tag.type is TagType.AUDIO or not 7.0 <= i.at < 12.0]
    for item in frames:
        made.send([item])
        if 8.2 <= item.at < 12.0:
            assert made.window.edge is not None
            behind = made.began + item.at - made.now
            listed = sum(segment.duration for segment in segments(made))
            assert item.at - listed < 1.3 + behind
    made.end()
    check_contiguous(made)
    units = made.viewer.all_units()
    sent = encoder.frames(6.0) + frames
    for track_id, kind in ((1, TagType.VIDEO), (2, TagType.AUDIO)):
        expected = [payload(item.tag) for item in sent if item.tag.type is kind]
        assert [unit.data for unit in units[track_id]] == expected
    assert sum(segment.duration for segment in segments(made)) == pytest.approx(20.0, abs=0.1)
    assert made.show.meter.jumps == 0


def test_what_the_sound_ran_ahead_is_not_lost_when_the_encoder_leaves_in_a_stall() -> None:
    encoder = Encoder()
    made = begun(encoder, 6.0)
    made.send([i for i in encoder.frames(3.0, 6.0) if i.tag.type is TagType.AUDIO])
    made.end()
    expected = [payload(i.tag) for i in encoder.frames(9.0) if i.tag.type is TagType.AUDIO]
    assert [unit.data for unit in made.viewer.all_units()[2]] == expected


def test_a_hole_in_everything_is_closed() -> None:
    encoder = Encoder()
    made = begun(encoder, 6.0)
    made.send(encoder.frames(6.0, 9.0))
    made.end()
    check_contiguous(made)
    video = made.viewer.all_units()[1]
    steps = [later.dts - earlier.dts for earlier, later in pairwise(video)]
    assert max(steps) <= 0.1 * VIDEO_TIMESCALE
    assert sum(segment.duration for segment in segments(made)) == pytest.approx(12.0, abs=0.1)
    # The next dates count the time away, and the uplink is not called slow for it.
    dates = [segment.program_date_time for segment in segments(made)]
    assert dates[0] is not None
    assert dates[-1] is not None
    on_the_air = sum(segment.duration for segment in segments(made)[:-1])
    assert (dates[-1] - dates[0]).total_seconds() == pytest.approx(on_the_air + 3.0, abs=0.1)
    assert made.show.meter.measurement(made.now).arrival_lag < 0.1
    assert made.show.meter.jumps == 1


@pytest.mark.parametrize("by", [-3_600_000, -5_000, -700, 60_000])
def test_stamps_that_jump_for_all_media_leave_no_hole(by: int) -> None:
    encoder = Encoder()
    made = begun(encoder, 6.0)
    made.send(shifted(encoder.frames(6.0, 6.0), by))
    made.end()
    check_contiguous(made)
    assert sum(segment.duration for segment in segments(made)) == pytest.approx(12.0, abs=0.15)
    assert len(made.viewer.all_units()[1]) == 360


@pytest.mark.parametrize("kind", [TagType.VIDEO, TagType.AUDIO])
@pytest.mark.parametrize("by", [-60_000, 60_000])
def test_stamps_of_one_medium_that_jump_alone_leave_the_other_in_place(
    kind: TagType, by: int
) -> None:
    encoder = Encoder()
    made = begun(encoder, 6.0)
    behind = encoder.frames(6.0, 6.0)
    moved = [shifted([i], by)[0] if i.tag.type is kind else i for i in behind]
    made.send(moved)
    made.end()
    check_contiguous(made)
    assert sum(segment.duration for segment in segments(made)) == pytest.approx(12.0, abs=0.15)
    units = made.viewer.all_units()
    assert units[1][-1].dts / VIDEO_TIMESCALE == pytest.approx(
        units[2][-1].dts / SAMPLE_RATE, abs=0.1
    )
    assert made.show.meter.jumps == 1


# --- other codecs ---


def enhanced(name: str) -> list[Sent]:
    """A real stream of `samples`, over and over for six seconds, with its header if it has one."""
    real = sample("bundled", name)
    sent: list[Sent] = []
    for turn in range(6):
        for unit in real.units:
            at = turn + unit.dts / real.stream.timescale
            stamp = round(at * 1000)
            if real.codec.is_video:
                data = b"\x12\x00" + unit.data if real.codec is Codec.AV1 else unit.data
                shown = round((unit.pts - unit.dts) * 1000 / real.stream.timescale)
                video = VideoPacket(PacketKind.FRAME, real.codec, unit.key, shown, 0, 0, data)
                sent.append(Sent(at, Tag(TagType.VIDEO, stamp % 2**32, encode_video(video))))
            else:
                audio = AudioPacket(PacketKind.FRAME, real.codec, 0, 0, unit.data)
                sent.append(Sent(at, Tag(TagType.AUDIO, stamp % 2**32, encode_audio(audio))))
    if real.codec.is_video:
        head = VideoPacket(PacketKind.CONFIG, real.codec, True, 0, 0, 0, real.config)
        return [Sent(0.0, Tag(TagType.VIDEO, 0, encode_video(head))), *sent]
    if real.codec in (Codec.OPUS, Codec.FLAC):
        header = AudioPacket(PacketKind.CONFIG, real.codec, 0, 0, real.config)
        return [Sent(0.0, Tag(TagType.AUDIO, 0, encode_audio(header))), *sent]
    return sent


@pytest.mark.parametrize(
    "name", ["hevc", "av1", "vp9", "opus", "flac", "ac3", "eac3", "mp3", "aac-surround"]
)
def test_other_codecs_are_found_and_carried_byte_for_byte(name: str) -> None:
    real = sample("bundled", name)
    made = Broadcast()
    made.connect()
    headers = [Sent(0.0, audio_header(0, real.config))] if real.codec is Codec.AAC else []
    made.send(headers + enhanced(name))
    made.end()
    assert not [event for event in made.events if isinstance(event, Notice)]
    assert made.show.tracks is not None
    assert made.show.tracks.all == (real.track,)
    # What AV1 sends to tell frames apart is not part of a sample (AV1 in ISOBMFF, 2.4).
    assert {u.data for u in made.viewer.all_units()[1]} == {u.data for u in real.units}
    assert sum(segment.duration for segment in segments(made)) == pytest.approx(6.0, abs=0.3)


def test_another_size_of_vp9_is_known_by_its_next_key_frame() -> None:
    made = Broadcast()
    made.connect()
    stream = enhanced("vp9")
    made.send(stream)
    config = bytearray(sample("bundled", "vp9").config)
    config[5] ^= 1  # another level
    packet = VideoPacket(PacketKind.CONFIG, Codec.VP9, True, 0, 0, 0, bytes(config))
    made.send([Sent(6.0, Tag(TagType.VIDEO, 6000, encode_video(packet)))])
    made.send([replace(i, at=i.at + 6.0) for i in shifted(stream[1:], 6000)])
    made.end()
    assert sum(segment.discontinuity for segment in segments(made)) == 1


def test_frames_of_a_codec_that_was_not_announced_are_left_out() -> None:
    made = begun(Encoder(), 5.0)
    stray = VideoPacket(PacketKind.FRAME, Codec.HEVC, True, 0, 0, 0, b"\0\0\0\1\x26")
    made.send([Sent(5.0, Tag(TagType.VIDEO, 5000, encode_video(stray)))])
    made.end()
    assert b"\0\0\0\1\x26" not in {unit.data for unit in made.viewer.all_units()[1]}


# --- what can be asked ---


def test_the_thumbnail_source_is_the_last_key_frame() -> None:
    made = begun(Encoder(), 5.0)
    still = made.show.thumbnail_source()
    assert still is not None
    assert payload(picture(0, 120, key=True)) in still
    assert new_show().thumbnail_source() is None


def test_a_show_counts_what_is_missing_in_it_and_says_what_to_change() -> None:
    encoder = Encoder(gop=8.0)
    made = begun(encoder, 10.0)
    kept = [
        i for i in encoder.frames(10.0, 10.0) if i.tag.type is TagType.AUDIO or i.at % 0.5 > 0.1
    ]
    made.send(kept)
    codes = {advice.code for advice in made.show.advice(made.now)}
    assert codes == {"key_frames_far_apart", "frames_dropped"}


def test_sound_that_lies_inside_what_was_heard_is_dropped() -> None:
    made = begun(Encoder(), 5.0)
    made.send([Sent(5.0, sound(4940, 9999))])
    made.end()
    assert payload(sound(0, 9999)) not in {unit.data for unit in made.viewer.all_units()[2]}
