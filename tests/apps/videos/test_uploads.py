"""Rows of uploaded files, from begin to end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.apps import make_channel
from tests.support.videos import EVENING, FIRST

if TYPE_CHECKING:
    from madang.apps.videos.models import Video
    from madang.apps.videos.services import RecordingResult

pytestmark = pytest.mark.usefixtures("db")

LATER = EVENING + timedelta(hours=1)


@pytest.fixture
def events() -> Iterator[list[str]]:
    from madang.apps.videos.signals import video_failed, video_ready

    heard: list[str] = []

    def ready(**_: Any) -> None:
        heard.append("ready")

    def failed(**_: Any) -> None:
        heard.append("failed")

    video_ready.connect(ready)
    video_failed.connect(failed)
    yield heard
    video_ready.disconnect(ready)
    video_failed.disconnect(failed)


def begin(title: str = "", filename: str = "drums.mov", language: str = "") -> Video:
    from madang.apps.videos import services
    from madang.apps.videos.models import Video

    channel = make_channel(title="Evening drums")
    services.begin_upload(FIRST, channel.pk, title, filename, 5000, language=language, now=EVENING)
    return Video.objects.get(pk=FIRST)


def result(*names: str) -> RecordingResult:
    from madang.apps.videos.services import RecordingResult, RenditionResult

    renditions = tuple(RenditionResult(name, 640, 360, "avc1.64001f", 9, 7) for name in names)
    return RecordingResult(12.5, 7 * len(names), LATER, renditions, 0.5)


def state() -> tuple[str, str]:
    from madang.apps.videos.models import Video

    video = Video.objects.get(pk=FIRST)
    return video.state, video.reason


def test_an_upload_waits_and_is_kept_for_good() -> None:
    video = begin(language="ko")
    assert (video.kind, video.state, video.bytes, video.keep) == ("upload", "queued", 5000, False)
    assert (video.title, video.language, video.created_at) == ("drums", "ko", EVENING)


@pytest.mark.parametrize(
    ("title", "filename", "called"),
    [
        ("Solo", "x.mp4", "Solo"),
        ("", "북소리.mp4", "북소리"),
        ("", "", "Evening drums"),
        ("", "a\0b.mp4", "ab"),
        ("x" * 500, "", "x" * 500),
    ],
)
def test_an_upload_has_a_title(title: str, filename: str, called: str) -> None:
    assert begin(title, filename).title == called[:140]


def test_it_is_published_once_and_gets_renditions(events: list[str]) -> None:
    from madang.apps.videos import services
    from madang.apps.videos.models import Video

    begin()
    assert services.process_upload(FIRST)
    assert state() == ("processing", "")
    assert services.publish_upload(FIRST, result("source"))
    assert services.publish_upload(FIRST, result("source", "360p"))
    video = Video.objects.get(pk=FIRST)
    assert (video.state, video.duration, video.bytes, video.gaps) == ("ready", 12.5, 14, 0.5)
    assert [each["name"] for each in video.renditions] == ["source", "360p"]
    assert video.ended_at == LATER
    services.fail_upload(FIRST, "too late")
    assert state() == ("ready", "")
    assert events == ["ready"]


def test_one_that_failed_may_be_tried_again(events: list[str]) -> None:
    from madang.apps.videos import services

    begin()
    services.fail_upload(FIRST, "The file is empty." * 100)
    assert state() == ("failed", ("The file is empty." * 100)[:300])
    assert services.process_upload(FIRST)
    services.publish_upload(FIRST, result("source"))
    assert state() == ("ready", "")
    assert events == ["failed", "ready"]


def test_what_is_deleted_is_not_published(events: list[str]) -> None:
    from madang.apps.videos import library, retention, services
    from madang.apps.videos.models import Video

    assert not services.publish_upload(FIRST, result("source"))
    video = begin()
    library.delete(video, now=EVENING)
    assert services.publish_upload(FIRST, result("source"))  # it may be taken out of the bin
    Video.objects.update(state="queued")
    retention.apply(EVENING + timedelta(days=8))
    assert state()[0] == "deleted"
    assert not services.process_upload(FIRST)
    assert not services.publish_upload(FIRST, result("source"))
    services.fail_upload(FIRST, "late")
    assert state() == ("deleted", "")
    assert events == []


@pytest.mark.parametrize("by_hand", [True, False])
def test_an_upload_whose_job_comes_to_nothing_fails(events: list[str], by_hand: bool) -> None:
    from madang.apps.jobs import leases
    from madang.apps.jobs.services import cancel, enqueue, retry

    begin()
    job = enqueue("prepare-video", FIRST, not_before=EVENING)
    if by_hand:
        cancel(job.pk)
    else:
        for hour in range(leases.MOST_ATTEMPTS):
            assert state()[0] == "queued"
            at = EVENING + timedelta(hours=hour)
            assert leases.claim("w", ["prepare-video"], None, at)
            leases.requeue_lost(at + timedelta(minutes=1))
    reason = "Its preparation was cancelled." if by_hand else leases.LOST
    assert (state(), events) == (("failed", reason), ["failed"])
    assert retry(job.pk).state == "queued"
