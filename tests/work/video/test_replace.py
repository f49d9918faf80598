"""Videos whose files are replaced at the same address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from madang.apps.jobs.errors import JobFailed
from tests.support.clocks import ManualClock
from tests.support.data_plane import Answer
from tests.support.media_files import RATE, SECONDS, media_file
from tests.support.uploads import ID, UploadedVideo, decoded
from tests.support.vod import Control, Video, Vod, serving

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def made(tmp_path: Path) -> UploadedVideo:
    return UploadedVideo(tmp_path)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def vod(tmp_path: Path, clock: ManualClock) -> Iterator[Vod]:
    with serving(tmp_path, Control({ID: Video()}), clock=clock.clock) as port:
        yield port


def address(vod: Vod, path: str = "index.m3u8") -> str:
    return f"http://{vod.port.host}:{vod.port.number}/vod/{ID}/{path}"


def ask(vod: Vod, path: str) -> Answer:
    return vod.port.ask(f"/vod/{ID}/{path}")


def files(vod: Vod) -> set[str]:
    """Return the names of files in the playlist of the source."""
    text = ask(vod, "source/media.m3u8").text
    return {line.split("?")[0] for line in text.splitlines() if line and line[0] != "#"}


def test_other_files_are_at_other_addresses_of_the_same_video(
    made: UploadedVideo, vod: Vod, clock: ManualClock
) -> None:
    made.prepare(made.upload(media_file("large.mp4")))
    made.transcode(made.following())
    made.storyboard()
    assert files(vod) == {"1.mp4"}
    old = ask(vod, "source/1.mp4")
    for number in (2, 3):
        made.prepare(made.replacement(media_file("h264.mkv"), number))
        assert made.video.state == "ready"
        assert made.uploads.released[-1] == f"up{number}"
        clock.advance(5.1)
        assert files(vod) == {f"{number}.mp4"}
        for path in ("source/1.mp4", f"source/{number - 1}.mp4", f"source/{number + 1}.mp4"):
            assert ask(vod, path).status == 404
        new = ask(vod, f"source/{number}.mp4")
        assert new.status == 200
        assert new.body != old.body
        assert ask(vod, "source.mp4").body == new.body
        assert ask(vod, "480p/media.m3u8").status == 404
        for player in ("index.m3u8", "source.mp4"):
            assert len(decoded(address(vod, player)).times) == RATE * SECONDS
    row = made.video
    assert [each["name"] for each in row.renditions] == ["source"]
    assert (row.kind, row.keep, row.storyboard) == ("upload", True, False)
    assert not (made.folder / "storyboard").exists()


def test_a_recording_becomes_an_upload(made: UploadedVideo) -> None:
    from madang.apps.videos.models import Video

    made.prepare(made.upload(media_file("h264.mp4")))
    Video.objects.update(kind="recording", keep=False, visibility="unlisted", title="Gut")
    made.prepare(made.replacement(media_file("h264.mkv")))
    row = made.video
    assert (row.kind, row.keep, row.visibility, row.title) == ("upload", True, "unlisted", "Gut")
    assert made.jobs[-1][0] == "transcode-video"


@pytest.mark.parametrize("name", ["text.mp4", "gone.mp4"])
def test_what_is_no_video_leaves_the_one_that_is_there(
    made: UploadedVideo, vod: Vod, tmp_path: Path, name: str
) -> None:
    made.prepare(made.upload(media_file("h264.mp4")))
    path = tmp_path / name
    if name == "text.mp4":
        path.write_text("No film.")
    before = (made.video.state, made.video.renditions, made.manifest)
    with pytest.raises(JobFailed):
        made.prepare(made.replacement(path))
    assert (made.video.state, made.video.renditions, made.manifest) == before
    assert len(decoded(address(vod)).times) == RATE * SECONDS


def test_an_attempt_that_ended_before_the_row_was_written_is_finished(made: UploadedVideo) -> None:
    from madang.apps.videos.models import Video

    made.prepare(made.upload(media_file("h264.mp4")))
    before = Video.objects.values().get()
    made.prepare(made.replacement(media_file("large.mp4")))
    after = made.video.renditions
    Video.objects.filter(pk=ID).update(**before)  # as if the transaction had been rolled back
    made.prepare(made.replacement(media_file("large.mp4"), attempt=2))
    assert made.video.renditions == after
    assert made.manifest.first_number == 2
    released = len(made.uploads.released)
    made.prepare(made.replacement(media_file("large.mp4"), attempt=3))  # nothing is left to do
    assert len(made.uploads.released) == released + 1
