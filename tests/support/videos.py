"""Videos made as the recorder makes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from madang.apps.channels.models import Channel
    from madang.apps.videos.models import Video

EVENING = datetime(2026, 5, 1, 19, 0, tzinfo=UTC)
FIRST = "Drum5atDusk1"
SECOND = "Drum5atDusk2"


def begin(
    channel: Channel,
    video_id: str = FIRST,
    *,
    began_at: datetime = EVENING,
    temporary: bool = False,
    ask: bool = False,
) -> Video:
    """Begin a recording of a channel."""
    from madang.apps.videos import services
    from madang.apps.videos.models import Video

    services.begin_recording(
        services.RecordingStart(
            video_id, channel.pk, channel.title, began_at, temporary=temporary, ask=ask
        )
    )
    return Video.objects.get(pk=video_id)


def finish(video_id: str = FIRST, *, now: datetime | None = None) -> Video:
    """Finish a recording of an hour."""
    from madang.apps.videos import services
    from madang.apps.videos.models import Video

    began = Video.objects.get(pk=video_id).created_at
    services.finish_recording(
        video_id,
        services.RecordingResult(
            duration=3600.0,
            bytes=1_000_000,
            ended_at=began + timedelta(hours=1),
            renditions=(
                services.RenditionResult(
                    "source", 1280, 720, "avc1.64001f,mp4a.40.2", 2_400_000, 1_000_000
                ),
            ),
            gaps=0.5,
        ),
        now=now,
    )
    return Video.objects.get(pk=video_id)


def recorded(
    channel: Channel,
    video_id: str = FIRST,
    *,
    began_at: datetime = EVENING,
    temporary: bool = False,
    ask: bool = False,
    now: datetime | None = None,
) -> Video:
    """Record a show of an hour."""
    begin(channel, video_id, began_at=began_at, temporary=temporary, ask=ask)
    return finish(video_id, now=now)
