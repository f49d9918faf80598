"""Ages at which videos go to the bin by themselves."""

from __future__ import annotations

from django.conf import settings

from madang.apps.channels.services import retention_days
from madang.apps.videos.models import Kind, Video, Visibility


def longest_days(video: Video) -> int:
    """Return for how many days a video stays that nobody keeps for good; 0 for ever."""
    rules = settings.MADANG_RETENTION
    by_kind = {Kind.RECORDING: retention_days(video.channel), Kind.UPLOAD: rules.upload_days}
    days = [by_kind.get(Kind(video.kind), 0)]
    if video.visibility == Visibility.PRIVATE and video.publish_at is None:
        days.append(rules.private_days)
    return min((each for each in days if each), default=0)
