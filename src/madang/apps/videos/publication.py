"""Videos that become public at a time."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from madang.apps.videos.errors import UnfitState
from madang.apps.videos.models import Kind, State, Video, Visibility


@transaction.atomic
def schedule(video: Video, at: datetime | None, *, now: datetime | None = None) -> Video:
    """Let a video become public at a time, until which nobody finds it; None lets it stay as it is.

    A public one becomes private at once. Raises UnfitState.
    """
    video = (
        Video.objects.select_for_update(of=("self",))
        .select_related("channel__owner")
        .get(pk=video.pk)
    )
    if at is not None and at <= (now or timezone.now()):
        raise UnfitState(_("The time to become public is over."), mend=_("Choose a later one."))
    if at is not None and (video.deleted_at is not None or video.state == State.ASKING):
        raise UnfitState(_("This video cannot become public by itself in its state."))
    video.publish_at = at
    if at is not None and video.visibility == Visibility.PUBLIC:
        video.visibility = Visibility.PRIVATE
    video.save(update_fields=["publish_at", "visibility"])
    return video


def publish_due(now: datetime | None = None) -> int:
    """Make public what is due and ready; return the number.

    What was uploaded is as new as its publication, so that lists and feeds begin with it. A show
    stays where it was: its chat and its times are those of that day.
    """
    at = now or timezone.now()
    due = Video.objects.filter(publish_at__lte=at, state=State.READY, deleted_at=None)
    return sum(_publish(video_id, at) for video_id in due.values_list("pk", flat=True))


@transaction.atomic
def _publish(video_id: str, now: datetime) -> bool:
    video = Video.objects.select_for_update().get(pk=video_id)
    if video.publish_at is None or video.publish_at > now or video.deleted_at is not None:
        return False  # somebody was quicker
    if video.kind == Kind.UPLOAD:
        video.created_at = video.publish_at
    video.visibility, video.publish_at = Visibility.PUBLIC, None
    video.save()  # with all fields, as the search has its time
    return True
