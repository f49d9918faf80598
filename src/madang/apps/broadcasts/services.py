"""Keeping the record of shows. The data plane calls these in a thread."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import OuterRef, Subquery, Sum
from django.utils import timezone

from madang.apps.broadcasts.models import Broadcast, EndReason
from madang.apps.broadcasts.signals import show_began, show_ended
from madang.apps.channels.errors import NoSuchChannel
from madang.apps.channels.models import Channel
from madang.base.errors import MadangError


class NoSuchBroadcast(MadangError):
    """There is no show with that number, or it is over."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Totals of a show so far, not what was added since the last report. Sizes in bytes."""

    peak_viewers: int = 0
    viewer_seconds: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0
    codecs: str = ""
    disconnects: int = 0


@transaction.atomic
def begin(channel_id: int, began_at: datetime) -> int:
    """Open the record of a show and return its number. Raises NoSuchChannel."""
    channel = Channel.objects.filter(pk=channel_id).first()
    if channel is None:
        raise NoSuchChannel(f"There is no channel number {channel_id}.")
    show = channel.broadcasts.create(title=channel.title, began_at=began_at, seen_at=began_at)
    show_began.send(Broadcast, show=show, at=began_at)
    return show.pk


def record_progress(broadcast_id: int, progress: Progress, *, at: datetime | None = None) -> None:
    """Keep the totals of a running show, so that a crash loses little. Raises NoSuchBroadcast."""
    changed = Broadcast.objects.filter(pk=broadcast_id, ended_at=None).update(
        seen_at=at or timezone.now(), **asdict(progress)
    )
    if not changed:
        raise NoSuchBroadcast(f"There is no running broadcast {broadcast_id}.")


@transaction.atomic
def finish(
    broadcast_id: int,
    progress: Progress,
    reason: EndReason,
    *,
    ended_at: datetime | None = None,
) -> None:
    """Close the record of a show with its last totals. Raises NoSuchBroadcast."""
    at = ended_at or timezone.now()
    record_progress(broadcast_id, progress, at=at)
    Broadcast.objects.filter(pk=broadcast_id).update(ended_at=at, end_reason=reason)
    show = Broadcast.objects.select_related("channel").get(pk=broadcast_id)
    show_ended.send(Broadcast, show=show, at=at)


@transaction.atomic
def close_orphans(running: Collection[str] = (), *, silent_since: datetime | None = None) -> int:
    """Close the shows that a crash left open, at the last news of each; return how many.

    Those of the channels `running`, which other processes have on the air, stay open, and those
    with news after `silent_since`. Call before the first publisher is let in.
    """
    open_shows = Broadcast.objects.select_for_update(of=("self",)).filter(ended_at=None)
    if silent_since is not None:
        open_shows = open_shows.filter(seen_at__lt=silent_since)
    orphans = list(open_shows.exclude(channel__slug__in=running).select_related("channel"))
    for show in orphans:
        show.ended_at = show.seen_at
        show.end_reason = EndReason.CRASHED
        show_ended.send(Broadcast, show=show, at=show.seen_at)
    Broadcast.objects.bulk_update(orphans, ["ended_at", "end_reason"])
    return len(orphans)


def recent(channel: Channel, count: int = 10) -> list[Broadcast]:
    """Return the last shows of a channel, the newest first."""
    return list(channel.broadcasts.all()[:count])


def last_of_each(channels: Iterable[Channel]) -> dict[int, Broadcast]:
    """Return the last show of each channel that ever had one, by the channel's key."""
    latest = Broadcast.objects.filter(channel=OuterRef("pk")).values("pk")[:1]
    with_last = Channel.objects.filter(pk__in=[channel.pk for channel in channels])
    last = with_last.annotate(last=Subquery(latest)).values("last")
    return {show.channel_id: show for show in Broadcast.objects.filter(pk__in=last)}


def transfer_in_month(of: datetime) -> int:
    """Return the bytes sent to viewers of the shows that began in the calendar month of `of`."""
    start = of.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    total = Broadcast.objects.filter(began_at__gte=start, began_at__lte=of).aggregate(
        total=Sum("bytes_out")
    )["total"]
    return total or 0
