"""Rows of recordings, from begin to end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.apps import make_channel
from tests.support.videos import EVENING, FIRST, SECOND, begin, finish, recorded

if TYPE_CHECKING:
    from madang.apps.videos.models import Video

pytestmark = pytest.mark.usefixtures("db")

NOON = EVENING - timedelta(hours=7)


@pytest.fixture
def events() -> Iterator[list[tuple[str, str]]]:
    from madang.apps.videos.signals import video_failed, video_ready

    heard: list[tuple[str, str]] = []

    def ready(video: Video, at: datetime, **_: Any) -> None:
        heard.append(("ready", video.pk))

    def failed(video: Video, at: datetime, **_: Any) -> None:
        heard.append(("failed", video.pk))

    video_ready.connect(ready)
    video_failed.connect(failed)
    yield heard
    video_ready.disconnect(ready)
    video_failed.disconnect(failed)


def test_a_recording_begins_with_the_words_of_its_channel() -> None:
    from madang.apps.channels.services import rename

    channel = make_channel(title="Evening drums")
    channel = rename("yard", description="Every Friday.", language="ko")
    video = begin(channel)
    assert (video.kind, video.state, video.visibility) == ("recording", "recording", "public")
    assert (video.title, video.description) == ("Evening drums", "Every Friday.")
    assert (video.language, video.created_at, video.ended_at) == ("ko", EVENING, None)


def test_a_finished_recording_is_ready_and_told_once(events: list[tuple[str, str]]) -> None:
    video = recorded(make_channel())
    assert (video.state, video.duration, video.bytes, video.gaps) == ("ready", 3600, 10**6, 0.5)
    assert video.ended_at == EVENING + timedelta(hours=1)
    assert video.renditions == [
        {
            "name": "source",
            "width": 1280,
            "height": 720,
            "codecs": "avc1.64001f,mp4a.40.2",
            "bitrate": 2_400_000,
            "bytes": 1_000_000,
            "files": 1,
        }
    ]
    finish()
    assert events == [("ready", FIRST)]


def test_calls_are_idempotent_by_the_id() -> None:
    from madang.apps.channels.services import rename
    from madang.apps.videos.models import Video

    channel = make_channel(title="Then")
    recorded(channel)
    channel = rename("yard", title="Now")
    assert begin(channel, began_at=NOON).title == "Then"
    assert Video.objects.get().state == "ready"


def test_an_end_without_a_beginning_is_refused() -> None:
    from madang.apps.videos import services
    from madang.apps.videos.errors import NotBegun

    result = services.RecordingResult(duration=1.0, bytes=1, ended_at=EVENING)
    with pytest.raises(NotBegun, match=f"{FIRST} has never begun"):
        services.finish_recording(FIRST, result)
    with pytest.raises(NotBegun, match=f"{FIRST} has never begun"):
        services.fail_recording(FIRST, "The disk is full.")


def test_a_recording_of_no_channel_is_refused() -> None:
    from madang.apps.channels.errors import NoSuchChannel
    from madang.apps.videos.services import RecordingStart, begin_recording

    with pytest.raises(NoSuchChannel):
        begin_recording(RecordingStart(FIRST, 4711, "Drums", EVENING))


def test_a_failed_recording_says_why_and_may_be_repaired(events: list[tuple[str, str]]) -> None:
    from madang.apps.videos.models import Video
    from madang.apps.videos.services import fail_recording

    begin(make_channel())
    fail_recording(FIRST, "The disk is full." * 100)
    fail_recording(FIRST, "Another reason.")
    video = Video.objects.get()
    assert video.state == "failed"
    assert video.reason.startswith("The disk is full.")
    assert (finish().state, finish().reason) == ("ready", "")
    assert events == [("failed", FIRST), ("ready", FIRST)]


def test_an_asking_channel_keeps_the_video_private_for_a_day(events: list[tuple[str, str]]) -> None:
    from madang.apps.videos.cards import card

    channel = make_channel()
    assert begin(channel, ask=True).visibility == "public"
    video = finish(now=NOON)
    assert (video.state, card(video).visibility) == ("asking", "private")
    assert video.asked_until == NOON + timedelta(hours=24)
    assert events == []


def test_a_show_that_is_kept_while_it_is_on_asks_nobody(events: list[tuple[str, str]]) -> None:
    from madang.apps.videos.library import VideoChange, change
    from madang.apps.videos.retention import apply

    change(begin(make_channel(), ask=True), VideoChange(keep=True))
    video = finish(now=NOON)
    apply(NOON + timedelta(days=100))
    video.refresh_from_db()
    assert (video.state, video.visibility, video.keep) == ("ready", "public", True)
    assert (video.asked_until, video.deleted_at) == (None, None)
    assert events == [("ready", FIRST)]


def test_a_temporary_recording_is_told_to_nobody(events: list[tuple[str, str]]) -> None:
    from madang.apps.videos.services import fail_recording

    channel = make_channel()
    assert recorded(channel, temporary=True).state == "ready"
    begin(channel, SECOND, temporary=True, ask=True)
    fail_recording(SECOND, "The disk is full.")
    assert events == []


def test_access_names_the_owner_and_the_visibility() -> None:
    from madang.apps.videos.services import VideoAccess, access

    channel = make_channel(title="Drums")
    begin(channel, temporary=True)
    assert access(FIRST) == VideoAccess(
        FIRST, channel.pk, "yard", channel.owner_id, "public", "recording", "Drums"
    )
    recorded(channel, SECOND, ask=True)
    asked = access(SECOND)
    assert asked is not None
    assert (asked.visibility, asked.state, asked.finishing) == ("private", "asking", True)


def test_a_visibility_that_was_chosen_during_an_asking_show_holds() -> None:
    from madang.apps.videos.library import VideoChange, change, delete, restore
    from madang.apps.videos.services import access

    channel = make_channel()
    change(begin(channel, ask=True), VideoChange(visibility="unlisted"))
    kept = change(finish(now=NOON), VideoChange(keep=True))
    assert (kept.state, kept.visibility) == ("ready", "unlisted")
    change(begin(channel, SECOND, ask=True), VideoChange(visibility="private"))
    asking = finish(SECOND, now=NOON)
    found = access(SECOND)
    assert found is not None
    assert not found.finishing
    assert change(asking, VideoChange(keep=True)).visibility == "private"
    third = recorded(channel, "Drum5atDusk3", ask=True)
    assert restore(delete(third)).visibility == "private"


@pytest.mark.parametrize("state", ["queued", "processing", "failed"])
def test_the_owner_alone_has_access_to_what_is_not_ready(state: str) -> None:
    from madang.apps.videos.models import Video
    from madang.apps.videos.services import access

    recorded(make_channel())
    Video.objects.update(state=state)
    found = access(FIRST)
    assert found is not None
    assert found.visibility == "private"


@pytest.mark.parametrize("change", [{"deleted_at": EVENING}, {"state": "deleted"}])
def test_nobody_has_access_to_what_is_deleted(change: dict[str, Any]) -> None:
    from madang.apps.videos.models import Video
    from madang.apps.videos.services import access

    recorded(make_channel())
    Video.objects.update(**change)
    assert access(FIRST) is None


def test_a_show_that_goes_on_is_open_to_viewers_after_its_video_was_deleted() -> None:
    from madang.apps.videos.library import delete
    from madang.apps.videos.services import access

    delete(begin(make_channel()))
    found = access(FIRST)
    assert found is not None
    assert (found.visibility, found.state) == ("public", "recording")
    finish()
    assert access(FIRST) is None


def test_a_title_that_was_changed_during_the_show_is_that_of_the_video() -> None:
    from madang.apps.channels.services import rename
    from madang.apps.videos import services
    from madang.apps.videos.library import VideoChange, change
    from madang.apps.videos.models import Video

    channel = make_channel(title="Then")
    end = EVENING + timedelta(hours=1)
    result = services.RecordingResult(duration=3600.0, bytes=1, ended_at=end)
    names = {
        FIRST: end,
        SECOND: end + timedelta(days=1),  # the repair of a crash
        "Drum5atDusk3": end,
    }
    for name in names:
        begin(channel, name)
    rename("yard", title="Now")
    change(Video.objects.get(pk="Drum5atDusk3"), VideoChange(title="Chosen"))
    for name, now in names.items():
        services.finish_recording(name, result, title="Then", now=now)
    titles = [Video.objects.get(pk=name).title for name in names]
    assert titles == ["Now", "Then", "Chosen"]


@pytest.mark.parametrize("video_id", ["", "another1Drum", "a\0b"])
def test_nobody_has_access_to_what_there_is_not(video_id: str) -> None:
    from madang.apps.videos.services import access

    assert access(video_id) is None


def test_a_recording_whose_files_are_gone_fails(events: list[tuple[str, str]]) -> None:
    from madang.apps.videos.models import Video
    from madang.apps.videos.services import fail_lost

    channel = make_channel()
    begin(channel)
    recorded(channel, SECOND)
    events.clear()
    assert fail_lost(lambda _: False, "Gone.") == 0  # the storage is not mounted
    assert fail_lost(lambda _: True, "Gone.") == 0
    assert fail_lost(lambda video_id: video_id == SECOND, "Gone.") == 1
    video = Video.objects.get(pk=FIRST)
    assert (video.state, video.reason) == ("failed", "Gone.")
    assert events == [("failed", FIRST)]
    assert finish().state == "ready"
