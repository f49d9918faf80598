"""What programs are told about videos."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.apps import make_channel
from tests.support.videos import EVENING, FIRST, SECOND, begin, finish, recorded

pytestmark = pytest.mark.usefixtures("db")


def told() -> list[tuple[str, Any]]:
    from madang.apps.webhooks.models import WebhookDelivery

    return [(each.event, each.content) for each in WebhookDelivery.objects.all()]


def test_a_ready_video_and_a_failed_recording_are_told() -> None:
    from madang.apps.videos.services import fail_recording
    from madang.apps.webhooks import services as webhooks

    channel = make_channel(title="Drums")
    webhooks.add(channel, "https://example.org/", ["video.ready", "video.failed"])
    recorded(channel)
    begin(channel, SECOND)
    fail_recording(SECOND, "The disk is full.", now=EVENING)
    files = f"http://127.0.0.1:8000/vod/{FIRST}"
    words = {"slug": "yard", "title": "Drums"}
    assert told() == [
        (
            "video.ready",
            words
            | {
                "id": FIRST,
                "watch_url": f"http://127.0.0.1:8000/v/{FIRST}",
                "duration": 3600.0,
                "visibility": "public",
                "playlist_url": f"{files}/index.m3u8",
                "download_url": f"{files}/source.mp4?download=1",
            },
        ),
        (
            "video.failed",
            words
            | {
                "id": SECOND,
                "watch_url": f"http://127.0.0.1:8000/v/{SECOND}",
                "reason": "The disk is full.",
            },
        ),
    ]


def test_a_recording_that_asks_is_told_once_it_is_kept() -> None:
    from madang.apps.videos.library import VideoChange, change, delete, restore
    from madang.apps.webhooks import services as webhooks

    channel = make_channel()
    webhooks.add(channel, "https://example.org/", ["video.ready"])
    begin(channel, ask=True)
    video = finish()
    assert told() == []
    change(video, VideoChange(visibility="unlisted"))
    begin(channel, SECOND, ask=True)
    restore(delete(finish(SECOND)))
    assert [(event, content["visibility"]) for event, content in told()] == [
        ("video.ready", "unlisted"),
        ("video.ready", "private"),
    ]
