"""Shows of encoders that send configurations in odd places, or change them at odd times."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import av
import pytest

from madang.live.events import Interrupted, ShowOpened
from madang.wire.flv import AudioPacket, PacketKind, Tag, TagType, encode_audio, parse_audio
from tests.support.broadcast import Broadcast, Sent, check_contiguous, segments, shifted
from tests.support.odd_streams import (
    as_byte_stream,
    is_header,
    is_key,
    with_adts,
    with_sets,
    without_headers,
)
from tests.support.real_streams import AAC, X264, real_stream
from tests.support.samples import sample

PORTRAIT = "testsrc2=s=90x160:r=25"
X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "50")
X265 += ("-x265-params", "log-level=error:repeat-headers=1:bframes=0")
HIGH = ("-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "high", "-x264-params", "8x8dct=1")
HIGH += ("-pix_fmt", "yuv420p", "-g", "50", "-bf", "0")


def show_of(sent: Iterable[Sent]) -> Broadcast:
    made = Broadcast()
    made.connect()
    made.send([item for item in sent if item.tag.type is not TagType.SCRIPT])
    return made


def decoded(made: Broadcast) -> dict[str, list[Any]]:
    """Return all pictures and sound that a player decodes, by kind."""
    made.end()
    check_contiguous(made)
    found: dict[str, list[Any]] = {"video": [], "audio": []}
    runs: list[tuple[str, bytes]] = []
    for segment in segments(made):
        assert segment.map_uri is not None
        if not runs or segment.discontinuity or runs[-1][0] != segment.map_uri:
            runs.append((segment.map_uri, made.viewer.files[segment.map_uri]))
        body = b"".join(made.viewer.files[part.uri] for part in segment.parts)
        runs[-1] = (runs[-1][0], runs[-1][1] + body)
    for _, data in runs:
        with av.open(io.BytesIO(data)) as container:
            for frame in container.decode():
                found["video" if isinstance(frame, av.VideoFrame) else "audio"].append(frame)
    return found


def sizes(made: Broadcast) -> list[tuple[int, int]]:
    """Return the sizes of the decoded pictures, each once where it changes."""
    all_sizes = [(frame.width, frame.height) for frame in decoded(made)["video"]]
    return [all_sizes[0], *(b for a, b in pairwise(all_sizes) if a != b)]


# --- configurations inside the stream ---


@pytest.mark.parametrize("picture", [(*X264, "-g", "50", "-bf", "0"), HIGH, X265])
@pytest.mark.parametrize("bytes_from", ["lengths", "start codes"])
def test_a_configuration_inside_key_frames_is_found(
    picture: tuple[str, ...], bytes_from: str
) -> None:
    sent = real_stream(picture)
    if picture is not X265:
        sent = tuple(with_sets(sent))
    sent = tuple(without_headers(sent, TagType.VIDEO))
    if picture is X265:
        # Enhanced RTMP: packet type 0 of FourCC hvc1 is the sequence header.
        sent = tuple(i for i in sent if i.tag.body[:5] != b"\x90hvc1")
    elif bytes_from == "start codes":
        sent = tuple(as_byte_stream(sent))
    made = show_of(sent)
    assert made.show.advice(made.now) == () or picture is X265
    found = decoded(made)
    assert len(found["video"]) == 300
    assert {(frame.width, frame.height) for frame in found["video"]} == {(160, 90)}
    assert len(found["audio"]) >= 560


def test_start_codes_behind_a_sequence_header_are_read() -> None:
    found = decoded(show_of(as_byte_stream(real_stream())))
    assert len(found["video"]) == 300


def test_parameter_sets_in_tags_of_their_own_are_a_configuration() -> None:
    out: list[Sent] = []
    for item in without_headers(with_sets(real_stream()), TagType.VIDEO):
        if not is_key(item.tag):
            out.append(item)
            continue
        data = item.tag.body[5:]
        for _ in range(2):
            size = 4 + int.from_bytes(data[:4], "big")
            out.append(replace(item, tag=replace(item.tag, body=item.tag.body[:5] + data[:size])))
            data = data[size:]
        out.append(replace(item, tag=replace(item.tag, body=item.tag.body[:5] + data)))
    assert len(decoded(show_of(out))["video"]) == 300


def test_a_picture_without_any_configuration_is_named_as_such() -> None:
    made = show_of(without_headers(real_stream(), TagType.VIDEO))
    assert [advice.code for advice in made.show.advice(made.now)] == ["picture_undescribed"]
    silent = show_of(without_headers(real_stream(sound=None), TagType.VIDEO))
    codes = [advice.code for advice in silent.show.advice(silent.now)]
    assert codes == ["picture_undescribed", "no_audio"]


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 32_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_header_of_aac_is_told_from_its_frames(rate: int, channels: int) -> None:
    sound = (*AAC, "-ar", str(rate), "-ac", str(channels))
    made = show_of(without_headers(real_stream(sound=sound), TagType.AUDIO))
    assert made.show.tracks is not None
    assert made.show.tracks.audio is not None
    assert made.show.tracks.audio.sample_rate == rate
    assert made.show.tracks.audio.channels == channels
    assert made.show.advice(made.now) == ()
    found = decoded(made)["audio"]
    assert {(frame.sample_rate, frame.layout.nb_channels) for frame in found} == {(rate, channels)}


@pytest.mark.parametrize("together", [1, 4])
@pytest.mark.parametrize("header", [True, False])
def test_adts_headers_are_a_configuration_and_taken_off(*, together: int, header: bool) -> None:
    sent = with_adts(real_stream(), together=together)
    made = show_of(sent if header else without_headers(sent, TagType.AUDIO))
    assert made.show.advice(made.now) == ()
    assert len(decoded(made)["audio"]) >= 556


def test_aac_that_nothing_describes_is_named_as_such() -> None:
    sent = [
        replace(i, tag=replace(i.tag, timestamp=0)) if i.tag.type is TagType.AUDIO else i
        for i in without_headers(real_stream(), TagType.AUDIO)
    ]
    made = show_of(sent)
    assert [advice.code for advice in made.show.advice(made.now)] == ["sound_undescribed"]
    assert len(decoded(made)["video"]) == 300


def test_opus_without_a_header_is_carried() -> None:
    real = sample("bundled", "opus")
    sent = [i for i in real_stream() if i.tag.type is TagType.VIDEO]
    for turn in range(12):
        for unit in real.units:
            at = turn + unit.dts / 48_000
            body = encode_audio(AudioPacket(PacketKind.FRAME, real.codec, 0, 0, unit.data))
            sent.append(Sent(at, Tag(TagType.AUDIO, max(0, round(at * 1000)), body)))
    made = show_of(sorted(sent, key=lambda item: item.at))
    assert made.show.tracks is not None
    assert made.show.tracks.audio is not None
    assert made.show.tracks.audio.channels == 1
    assert len(decoded(made)["audio"]) > 550


# --- configurations that change ---


def test_bytes_behind_a_header_that_vary_are_no_change() -> None:
    sent: list[Sent] = []
    header: Tag | None = None
    for number, item in enumerate(real_stream()):
        if item.tag.type is TagType.VIDEO and is_header(item.tag):
            header = item.tag
        elif is_key(item.tag) and header is not None:
            body = header.body + b"\0" * (number % 3)
            sent.append(replace(item, tag=replace(header, body=body)))
        sent.append(item)
    made = show_of(sent)
    assert sum(isinstance(event, ShowOpened) for event in made.events) == 1
    assert len(decoded(made)["video"]) == 300
    assert len(segments(made)) == 6
    assert not any(segment.discontinuity for segment in segments(made))


@functools.cache
def turning(*, header: bool, every: float) -> tuple[Sent, ...]:
    """Return 12 s of a picture that turns every so many seconds, with its parameter sets in the
    key frames, and sequence headers too or the first alone."""
    gop = (*X264, "-g", "25", "-bf", "0")
    upright, turned = (
        with_sets(real_stream(gop, source=source))
        for source in ("testsrc2=s=160x90:r=25", PORTRAIT)
    )
    out: list[Sent] = []
    for number in range(int(12 / every)):
        stream = turned if number % 2 else upright
        for item in stream:
            if not is_header(item.tag) and number * every <= item.at < (number + 1) * every:
                if header and is_key(item.tag):
                    out.append(replace(next(i for i in stream if _video_header(i)), at=item.at))
                out.append(item)
    return (*(i for i in upright if is_header(i.tag)), *out)


def _video_header(item: Sent) -> bool:
    return item.tag.type is TagType.VIDEO and is_header(item.tag)


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("every", [1.0, 3.0])
def test_a_picture_that_turns_is_followed_and_opens_in_time(*, header: bool, every: float) -> None:
    made = show_of(turning(header=header, every=every))
    opened = Broadcast()
    opened.connect()
    events = opened.send([i for i in turning(header=header, every=every) if i.at < 4.0])
    assert ShowOpened() in events
    both = [(160, 90), (90, 160)]
    assert sizes(made) == both * int(6 / every)
    listed = segments(made)
    assert sum(segment.duration for segment in listed) == pytest.approx(12.0, abs=0.2)
    assert sum(segment.discontinuity for segment in listed) == 12 / every - 1
    playlist = made.viewer.playlist
    assert playlist is not None
    assert all(round(segment.duration) <= playlist.target_duration for segment in listed)


def test_headers_that_contradict_the_key_frames_do_not_change_the_picture() -> None:
    turned = next(i for i in real_stream(source=PORTRAIT) if _video_header(i))
    sent: list[Sent] = []
    for number, item in enumerate(with_sets(real_stream())):
        if is_key(item.tag) and number % 2:
            sent.append(replace(turned, at=item.at))
        sent.append(item)
    made = show_of(sent)
    assert sizes(made) == [(160, 90)]
    assert not any(segment.discontinuity for segment in segments(made))


def test_the_header_in_force_is_that_of_readers_of_flv() -> None:
    made = show_of(turning(header=False, every=3.0))
    opening = made.show.feed.opening()
    assert opening is not None
    with av.open(io.BytesIO(opening)) as container:
        frames = list(container.decode(video=0))
    assert {(frame.width, frame.height) for frame in frames} == {(90, 160)}


# --- what is carried of a stream ---


def with_sound(body: bytes, *, picture: bool = True) -> list[Sent]:
    """Return a real picture beside sound that nobody carries."""
    sent = [i for i in real_stream() if i.tag.type is TagType.VIDEO and picture]
    sounds = [Sent(n * 0.02, Tag(TagType.AUDIO, n * 20, body)) for n in range(600)]
    return sorted([*sounds, *sent], key=lambda item: item.at)


@pytest.mark.parametrize(
    ("body", "name"),
    [(b"\x72" + bytes(160), "G.711 A-law"), (b"\xb2" + bytes(60), "Speex")],
)
def test_a_picture_beside_sound_that_is_not_carried_is_shown(body: bytes, name: str) -> None:
    made = show_of(with_sound(body))
    (advice,) = made.show.advice(made.now)
    assert (advice.code, advice.values) == ("sound_not_carried", {"codec": name})
    (notice,) = made.notices()
    assert notice.code == "unsupported_codec"
    assert name in notice.detail
    assert len(decoded(made)["video"]) == 300


@pytest.mark.parametrize("config", [b"\xf9\x46\x43\x44", b"\x11\xe0"])
def test_a_picture_beside_aac_that_no_browser_plays_is_shown(config: bytes) -> None:
    header = encode_audio(replace(parse_audio(b"\xaf\0\x11\x88")[0], data=config))
    sent = [
        replace(i, tag=replace(i.tag, body=header))
        if i.tag.type is TagType.AUDIO and is_header(i.tag)
        else i
        for i in real_stream()
    ]
    made = show_of(sent)
    assert made.show.tracks is not None
    assert made.show.tracks.audio is None
    assert [advice.code for advice in made.show.advice(made.now)] == ["sound_not_carried"]
    assert len(decoded(made)["video"]) == 300


def test_sound_beside_a_picture_that_is_not_carried_is_heard() -> None:
    sent = real_stream(None)
    pictures = [Sent(n * 0.04, Tag(TagType.VIDEO, n * 40, b"\x12\0")) for n in range(300)]
    made = show_of(sorted([*pictures, *sent], key=lambda item: item.at))
    assert [advice.code for advice in made.show.advice(made.now)] == ["picture_not_carried"]
    assert len(decoded(made)["audio"]) >= 560


def test_an_encoder_is_given_up_only_where_nothing_can_be_carried() -> None:
    sounds = with_sound(b"\x72" + bytes(160), picture=False)
    made = show_of([item for item in sounds if item.at < 4.9])
    assert [notice.code for notice in made.notices()] == ["unsupported_codec"]
    made.wait_until(made.began + 5.0)
    (_, notice) = made.notices()
    assert notice.code == "nothing_carried"
    assert "G.711 A-law" in notice.detail
    assert made.show.deadline() is None


def test_an_encoder_of_which_neither_medium_can_be_carried_is_given_up_at_once() -> None:
    bodies = [(TagType.AUDIO, b"\x72\0"), (TagType.VIDEO, b"\x12\0")]
    made = show_of([Sent(0.0, Tag(kind, 0, body)) for kind, body in bodies])
    notice = made.notices()[-1]
    assert notice.code == "nothing_carried"
    assert "G.711" in notice.detail
    assert "H.263" in notice.detail
    assert Interrupted() not in made.events


def test_another_encoder_is_judged_anew() -> None:
    made = show_of(with_sound(b"\x72" + bytes(160)))
    made.connect()
    made.send([i for i in shifted(real_stream(), 0) if i.tag.type is not TagType.SCRIPT])
    assert made.show.advice(made.now) == ()
