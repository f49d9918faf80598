"""The other renditions of a video."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from madang.apps.jobs.errors import JobFailed
from tests.support.attempts import LocalAttempt
from tests.support.media_files import RATE, SECONDS, media_file
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


def times(vod: Vod, name: str) -> list[float]:
    """Return the times of the pictures of a rendition, as players of segments see them."""
    address = f"http://{vod.port.host}:{vod.port.number}/vod/{ID}/{name}/media.m3u8"
    with av.open(address) as container:
        return [float(frame.time) for frame in container.decode(video=0)]


def test_a_copied_picture_gets_smaller_ones_at_the_same_times(
    made: UploadedVideo, vod: Vod
) -> None:
    made.prepare(made.upload(media_file("large.mp4")))
    made.transcode(made.following())
    assert [each.name for each in made.manifest.renditions] == ["source", "480p", "360p"]
    assert [each["name"] for each in made.video.renditions] == ["source", "480p", "360p"]
    sizes = [(each.files[0].width, each.files[0].height) for each in made.manifest.renditions]
    assert sizes == [(1280, 720), (854, 480), (640, 360)]
    source = times(vod, "source")
    assert len(source) == PICTURES
    for name in ("480p", "360p"):
        assert times(vod, name) == pytest.approx(source, abs=0.001)
        seen = decoded(made.folder / name / "1.mp4")
        assert seen.sharp
        assert seen.sound == pytest.approx(SECONDS, abs=0.1)


def test_what_was_published_stays_and_is_not_made_again(made: UploadedVideo) -> None:
    made.prepare(made.upload(media_file("large.mp4")))
    attempt = made.following()
    attempt.die_after = 3  # the row, the only chunk, one rendition
    with pytest.raises(KeyboardInterrupt):
        made.transcode(attempt)
    assert [each.name for each in made.manifest.renditions] == ["source", "480p"]
    before = (made.folder / "480p" / "1.mp4").stat().st_ino
    following = attempt.again()
    made.transcode(following)
    assert [each.name for each in made.manifest.renditions] == ["source", "480p", "360p"]
    assert (made.folder / "480p" / "1.mp4").stat().st_ino == before
    assert not any("libx264" in command for command in following.commands)
    assert len(decoded(made.folder / "360p" / "1.mp4").times) == PICTURES
    again = following.again()
    made.transcode(again)  # all is there
    assert [each["name"] for each in made.video.renditions] == ["source", "480p", "360p"]


def test_the_rest_of_what_was_encoded_is_made_of_the_file_itself(
    made: UploadedVideo, vod: Vod
) -> None:
    made.prepare(made.upload(media_file("odd.mkv")))
    assert [each.name for each in made.manifest.renditions] == ["400p"]
    assert made.uploads.released == []
    attempt = made.following()
    attempt.die_after = 2  # the row, one chunk
    with pytest.raises(KeyboardInterrupt):
        made.transcode(attempt, chunk_seconds=4.0)
    made.transcode(attempt.again(), chunk_seconds=4.0)
    assert made.uploads.released == ["up1"]
    assert [each.name for each in made.manifest.renditions] == ["400p", "360p"]
    first = times(vod, "400p")
    assert len(first) == 100
    assert times(vod, "360p") == pytest.approx(first, abs=0.001)
    sounds = [decoded(made.folder / name / "1.mp4").sound for name in ("400p", "360p")]
    assert sounds[0] == sounds[1] == pytest.approx(10, abs=0.1)
    made.uploads.files.clear()
    made.transcode(attempt.again().again())  # an attempt that could not say that it was the last
    made.prepare(LocalAttempt(made.storage, ID, {"upload": "up1"}, number=90))
    assert made.video.state == "ready"


def test_a_video_that_is_gone_gets_nothing(made: UploadedVideo) -> None:
    made.prepare(made.upload(media_file("large.mp4")))
    made.video.delete()
    made.transcode(made.following())
    assert [each.name for each in made.manifest.renditions] == ["source"]


def test_without_its_files_nothing_is_tried_again(made: UploadedVideo) -> None:
    made.prepare(made.upload(media_file("large.mp4")))
    (made.folder / "source" / "1.mp4").unlink()
    with pytest.raises(JobFailed) as failed:
        made.transcode(made.following())
    assert not failed.value.retry
    assert made.video.state == "ready"


@pytest.mark.parametrize(
    ("name", "low", "high"), [("sound.wav", -30, -10), ("silence.wav", None, None)]
)
def test_loudness_is_measured(
    made: UploadedVideo, name: str, low: float | None, high: float | None
) -> None:
    made.prepare(made.upload(media_file(name)))
    attempt = made.following()
    made.transcode(attempt)
    assert attempt.progress[-1] > 0.95
    loudness = made.manifest.loudness
    if low is None or high is None:
        assert loudness is None
    else:
        assert loudness is not None
        assert low < loudness < high
    assert [each.name for each in made.manifest.renditions] == ["source"]
