"""From a file to a video that plays, or to a reason in words."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from madang.apps.jobs.errors import JobFailed
from madang.wire.hls import parse_media
from tests.support.media_files import RATE, SECONDS, cut, media_file
from tests.support.uploads import ID, UploadedVideo, decoded
from tests.support.vod import Control, Video, Vod, serving

pytestmark = pytest.mark.usefixtures("db")

PICTURES = RATE * SECONDS


@pytest.fixture
def made(tmp_path: Path) -> UploadedVideo:
    return UploadedVideo(tmp_path)


@pytest.fixture
def vod(tmp_path: Path) -> Iterator[Vod]:
    with serving(tmp_path, Control({ID: Video()})) as port:
        yield port


def address(vod: Vod, path: str = "index.m3u8") -> str:
    return f"http://{vod.port.host}:{vod.port.number}/vod/{ID}/{path}"


def durations(vod: Vod, rendition: str) -> list[float]:
    """Return those of the segments in a playlist."""
    text = vod.port.ask(f"/vod/{ID}/{rendition}/media.m3u8").text
    return [segment.duration for segment in parse_media(text).segments]


COPIED = {
    "h264.mp4": "avc1.",
    "h264.mkv": "avc1.",
    "h264.ts": "avc1.",
    "pcm.mov": "avc1.",
    "hevc.mp4": "hvc1.",
    "vp9.webm": "vp09.00.",
    "av1.mp4": "av01.0.",
    "upright.mp4": "avc1.",
    "wide.mp4": "avc1.",
    "two_tracks.mkv": "avc1.",
    "hdr.mp4": "hvc1.2.",
    "front.mp4": "avc1.",
}


@pytest.mark.parametrize("name", COPIED)
def test_what_browsers_play_is_packaged_as_it_is(made: UploadedVideo, vod: Vod, name: str) -> None:
    made.prepare(made.upload(media_file(name)))
    assert (made.video.state, made.video.reason, made.video.gaps) == ("ready", "", 0.0)
    assert made.video.duration == pytest.approx(SECONDS, abs=0.1)
    (rendition,) = made.manifest.renditions
    assert rendition.name == "source"
    assert rendition.files[0].codecs.startswith(COPIED[name])
    assert made.uploads.released == ["up1"]
    for path in ("index.m3u8", "source.mp4"):
        seen = decoded(address(vod, path))
        assert len(seen.times) == PICTURES
        assert seen.sound == pytest.approx(SECONDS, abs=0.15)
    assert (made.folder / "poster.jpg").read_bytes().startswith(b"\xff\xd8")
    assert "PROGRAM-DATE-TIME" not in vod.port.ask(f"/vod/{ID}/source/media.m3u8").text


ENCODED = ("h264.avi", "ten_bits.mp4", "prores.mov", "interlaced.mpg", "hdr_prores.mov")


@pytest.mark.parametrize("name", ENCODED)
def test_what_browsers_do_not_play_is_encoded(made: UploadedVideo, vod: Vod, name: str) -> None:
    made.prepare(made.upload(media_file(name)))
    assert (made.video.state, made.video.reason, made.video.gaps) == ("ready", "", 0.0)
    assert made.video.duration == pytest.approx(SECONDS, abs=0.1)
    (rendition,) = made.manifest.renditions
    (file,) = rendition.files
    assert (rendition.name, file.width, file.height) == ("90p", 160, 90)
    assert file.codecs.startswith("avc1.64")
    assert made.uploads.released == ["up1"]
    for path in ("index.m3u8", "90p.mp4"):
        seen = decoded(address(vod, path))
        assert len(seen.times) == PICTURES
        assert seen.sound == pytest.approx(SECONDS, abs=0.15)
        assert seen.sharp
        assert seen.picture is not None
        assert not seen.picture.interlaced_frame


def test_pictures_keep_their_times_where_the_rate_varies(made: UploadedVideo, vod: Vod) -> None:
    made.prepare(made.upload(media_file("variable.mkv")))
    before = decoded(media_file("variable.mkv")).times
    assert decoded(address(vod, "90p.mp4")).times == pytest.approx(before, abs=0.002)


@pytest.mark.parametrize(("name", "size"), [("upright.mp4", (90, 160)), ("wide.mp4", (160, 90))])
def test_pictures_are_shown_in_their_shape(
    made: UploadedVideo, name: str, size: tuple[int, int]
) -> None:
    made.prepare(made.upload(media_file(name)))
    (file,) = made.manifest.renditions[0].files
    assert (file.width, file.height) == size


@pytest.mark.parametrize("name", ["sound.m4a", "sound.wav"])
def test_sound_alone_is_a_video_without_a_picture(made: UploadedVideo, vod: Vod, name: str) -> None:
    made.prepare(made.upload(media_file(name)))
    (rendition,) = made.manifest.renditions
    assert (rendition.files[0].codecs, rendition.files[0].width) == ("mp4a.40.2", 0)
    for path in ("index.m3u8", "source.mp4"):
        assert decoded(address(vod, path)).sound == pytest.approx(SECONDS, abs=0.1)


def test_what_is_left_of_a_file_is_shown(made: UploadedVideo, vod: Vod) -> None:
    made.prepare(made.upload(cut("front.mp4", 0.5)))
    assert made.video.state == "ready"
    assert 0.5 < made.video.duration < 2.5
    assert made.video.gaps == pytest.approx(SECONDS - made.video.duration, abs=0.1)
    assert len(decoded(address(vod)).times) > 10


def _refused(made: UploadedVideo, path: Path) -> str:
    with pytest.raises(JobFailed) as failed:
        made.prepare(made.upload(path))
    assert not failed.value.retry
    assert made.video.state == "failed"
    assert str(failed.value) == made.video.reason
    assert made.uploads.released == ["up1"]
    assert not made.folder.exists()
    return made.video.reason


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        ("이것은 영상이 아니다.\n".encode(), "text"),
        ("이것은 영상이 아니다.\n".encode("cp949"), "text"),
        (b"#EXTM3U\n#EXTINF:4,\nfile:///etc/passwd\n", "playlist"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nh264.mp4\n#EXT-X-ENDLIST\n", "playlist"),
        (b"ffconcat version 1.0\nfile h264.mp4\n", "playlist"),
        (b"<?xml version='1.0'?><MPD></MPD>", "playlist"),
        (os.urandom(5000), "no video"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + bytes(2000), "no video"),
    ],
)
def test_what_is_no_video_is_refused_in_words(
    made: UploadedVideo, content: bytes, word: str
) -> None:
    folder = media_file("h264.mp4").parent  # what the scripts name is beside them
    path = folder / "named.mp4"
    path.write_bytes(content)
    assert word in _refused(made, path)


@pytest.mark.parametrize(
    ("path", "word"),
    [
        (lambda: media_file("encrypted.mp4"), "encrypted"),
        (lambda: cut("h264.mp4", 0.5), "not complete"),
    ],
)
def test_what_cannot_be_played_is_refused_in_words(
    made: UploadedVideo, path: Callable[[], Path], word: str
) -> None:
    assert word in _refused(made, path())


def test_a_pipe_is_refused(made: UploadedVideo, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    assert "ordinary" in _refused(made, tmp_path / "pipe.mp4")


def test_the_next_attempt_goes_on_where_the_last_one_was(made: UploadedVideo, vod: Vod) -> None:
    attempt = made.upload(media_file("long.mkv"))
    attempt.die_after = 3  # the row, and two chunks
    with pytest.raises(KeyboardInterrupt):
        made.prepare(attempt, chunk_seconds=4.0)
    assert attempt.checkpoint["chunks"] == 2
    following = attempt.again()
    made.prepare(following, chunk_seconds=4.0)
    begins = [each[each.index("-ss") + 1] for each in following.commands if "trim" in str(each)]
    assert begins == ["7.000000"]
    seen = decoded(address(vod, "90p.mp4"))
    # The encoder of sound begins before the picture does.
    since = [each - seen.times[0] for each in seen.times]
    assert since == pytest.approx([number / 10 for number in range(140)], abs=0.001)
    assert seen.sound == pytest.approx(14, abs=0.1)
    playlist = vod.port.ask(f"/vod/{ID}/90p/media.m3u8").text
    assert playlist.count("#EXTINF:4,") == 3


def test_a_video_that_was_deleted_meanwhile_stays_deleted(made: UploadedVideo) -> None:
    attempt = made.upload(media_file("h264.mp4"))
    made.video.delete()
    made.prepare(attempt)
    assert not made.folder.exists()
    assert made.uploads.released == ["up1"]


def test_what_an_attempt_left_that_could_not_tell_is_replaced(made: UploadedVideo) -> None:
    attempt = made.upload(media_file("h264.mp4"))
    (made.folder / "source").mkdir(parents=True)
    (made.folder / "source" / "1.mp4").write_bytes(b"half")
    made.prepare(attempt)
    assert len(decoded(made.folder / "source" / "1.mp4").times) == PICTURES


def test_a_picture_that_cannot_be_sought_is_encoded(made: UploadedVideo) -> None:
    made.prepare(made.upload(media_file("one_key.mp4")))
    (rendition,) = made.manifest.renditions
    assert rendition.name == "90p"
    assert rendition.files[0].frame_rate == 2.0
    assert made.manifest.target_duration == 4


def test_pictures_that_stand_for_long_are_kept(made: UploadedVideo, vod: Vod) -> None:
    made.prepare(made.upload(media_file("slides.mp4")))
    assert made.video.duration == pytest.approx(30, abs=0.1)
    seen = decoded(address(vod))
    assert len(seen.times) == 3
    assert seen.sound == pytest.approx(30, abs=0.1)
    name = made.manifest.renditions[0].name
    assert sum(durations(vod, name)) == pytest.approx(30, abs=0.1)


def test_slow_pictures_are_encoded_with_a_key_frame_each(made: UploadedVideo, vod: Vod) -> None:
    made.prepare(made.upload(media_file("slow.mkv")))
    seen = decoded(address(vod, "90p.mp4"))
    assert len(seen.times) == 5
    segments = durations(vod, "90p")
    assert segments == pytest.approx([5.0] * 5, abs=0.1)


@pytest.mark.parametrize(("name", "length"), [("short_sound.mp4", 3), ("long_sound.mp4", 3)])
def test_tracks_of_different_lengths(made: UploadedVideo, name: str, length: int) -> None:
    made.prepare(made.upload(media_file(name)))
    assert (made.video.duration, made.video.gaps) == (pytest.approx(length, abs=0.1), 0.0)


def test_the_default_track_is_heard_and_the_others_are_noted(made: UploadedVideo) -> None:
    made.prepare(made.upload(media_file("two_tracks.mkv")))
    assert [(each.codec, each.language) for each in made.manifest.sounds] == [
        ("aac", "kor"),
        ("aac", "eng"),
    ]
