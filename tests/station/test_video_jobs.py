"""From an uploaded file to all of its renditions, by a worker."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.apps import make_channel
from tests.support.jobs import running
from tests.support.media_files import media_file
from tests.support.station import until
from tests.support.uploads import ID, decoded

if TYPE_CHECKING:
    from madang.apps.jobs.models import Job

pytestmark = pytest.mark.usefixtures("committed_db")


def upload(storage: Path, file: Path) -> Job:
    """Add an upload that is complete."""
    from madang.apps.jobs.services import enqueue
    from madang.apps.videos.services import begin_upload

    folder = storage / "uploads" / "up1"
    folder.mkdir(parents=True)
    shutil.copy(file, folder / "data")
    begin_upload(ID, make_channel().pk, "", file.name, file.stat().st_size)
    return enqueue("prepare-video", ID, {"upload": "up1"})


def settle(storage: Path) -> dict[str, tuple[str, str]]:
    """Run all jobs, and return state and error of each kind."""
    from madang.apps.jobs.models import OPEN, Job
    from madang.station.jobs.handlers import video_lanes

    with running(storage, *video_lanes(storage)):
        until(lambda: not Job.objects.filter(state__in=OPEN).exists(), "all jobs over")
    return {job.kind: (job.state, job.error) for job in Job.objects.all()}


def test_an_upload_becomes_a_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.conf import settings as django_settings

    from madang.apps.videos import clips
    from madang.apps.videos.models import Video

    upload(tmp_path, media_file("large.mp4"))
    kinds = ("prepare-video", "transcode-video", "draw-storyboard")
    assert settle(tmp_path) == dict.fromkeys(kinds, ("done", ""))
    video = Video.objects.get(pk=ID)
    assert video.state == "ready"
    assert [each["name"] for each in video.renditions] == ["source", "480p", "360p"]
    for each in video.renditions:
        path = tmp_path / "recordings" / ID / each["name"] / "1.mp4"
        assert path.stat().st_size == each["bytes"]
        assert decoded(path).sharp
    monkeypatch.setattr(django_settings, "MADANG_MEDIA_FOLDER", tmp_path)
    made = clips.create(ID, video.channel.owner, "192.0.2.1", start=1.0, end=3.0)
    for each in made.renditions:
        clip = tmp_path / "recordings" / made.pk / each["name"] / "1.mp4"
        assert decoded(clip).sharp
    assert made.renditions[0]["name"] == "source"
    assert video.storyboard
    assert (tmp_path / "recordings" / ID / "storyboard" / "1.jpg").exists()
    assert not (tmp_path / "uploads" / "up1" / "data").exists()
    assert not list((tmp_path / "jobs").iterdir())


def test_a_bad_file_is_named_and_not_tried_again(tmp_path: Path) -> None:
    from madang.apps.jobs.models import Job
    from madang.apps.videos.models import Video

    upload(tmp_path, media_file("encrypted.mp4"))
    state, error = settle(tmp_path)["prepare-video"]
    video = Video.objects.get(pk=ID)
    assert (state, video.state) == ("failed", "failed")
    assert error == video.reason != ""
    assert Job.objects.get().attempt == 1
    assert not (tmp_path / "uploads" / "up1" / "data").exists()


def test_what_fails_for_good_is_told(tmp_path: Path) -> None:
    from madang.apps.videos.models import Video

    job = upload(tmp_path, media_file("h264.mp4"))
    shutil.rmtree(tmp_path / "uploads")
    assert settle(tmp_path)[job.kind][0] == "failed"
    video = Video.objects.get(pk=ID)
    job.refresh_from_db()
    assert (video.state, video.reason) == ("failed", job.error)


def test_jobs_end_with_the_bin_and_go_on_behind_it(tmp_path: Path) -> None:
    from madang.apps.videos import library
    from madang.apps.videos.models import Video

    job = upload(tmp_path, media_file("h264.mp4"))
    video = library.delete(Video.objects.get(pk=ID))
    job.refresh_from_db()
    assert job.state == "cancelled"
    library.restore(video)
    job.refresh_from_db()
    assert job.state == "queued"
    assert settle(tmp_path)["prepare-video"] == ("done", "")
    assert Video.objects.get(pk=ID).state == "ready"
