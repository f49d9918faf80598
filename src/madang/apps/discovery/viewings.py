"""Views of videos, each browser counted once in a while."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F
from django.utils.crypto import salted_hmac

from madang.apps.accounts.models import User
from madang.apps.channels.services import may_run
from madang.apps.discovery.models import Viewing
from madang.apps.videos import library
from madang.apps.videos.models import State, Video
from madang.base.addresses import neighbourhood

WINDOW: Final = timedelta(hours=6)
"""Time in which a browser counts once for a video."""
BROWSERS: Final = 30
"""Browsers of one address, or one IPv6 /64, that count in that time: a household, or a small
office; a program that makes numbers up gets no further."""


@transaction.atomic
def count(video_id: str, browser: str, address: str, user: User | None, now: datetime) -> bool:
    """Count a view by a browser that has played a video for a while; return whether it counts.

    `browser` is a number that it has made up and keeps. Views by those who run the channel, and of
    what is not ready, do not count. Raises NoSuchVideo.
    """
    video = library.find(video_id, user)
    if video.state != State.READY or video.deleted_at is not None:
        return False
    if user is not None and may_run(user, video.channel):
        return False
    # One view of a video at a time, so that two requests of a browser are not counted twice.
    Video.objects.select_for_update().get(pk=video.pk)
    near, name = _hashed(f"address {neighbourhood(address)}"), _hashed(f"browser {browser}")
    counted = Viewing.objects.filter(video=video, at__gt=now - WINDOW)
    if counted.filter(browser=name).exists() or counted.filter(address=near).count() >= BROWSERS:
        return False
    Viewing.objects.update_or_create(
        video=video, browser=name, defaults={"address": near, "at": now}
    )
    Video.objects.filter(pk=video.pk).update(views=F("views") + 1)
    return True


def delete_old(now: datetime) -> None:
    """Delete what does not hold up a view any more."""
    Viewing.objects.filter(at__lte=now - WINDOW).delete()


def _hashed(text: str) -> str:
    return salted_hmac("madang.viewings", text).hexdigest()[:32]
