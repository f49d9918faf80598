"""Videos that go to the bin, and the account of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from madang.apps.videos.models import Removal, RemovalReason, State, Video

BATCH: Final = 500
"""Ids in one query: SQLite limits the number of values."""


def batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield `ids` in pieces of which each fits into a query."""
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]


def put_into_bin(reasons: Mapping[str, str], at: datetime) -> int:
    """Put the videos with these ids into the bin, each for a reason; return how many were not
    there yet."""
    return sum(_put_some(some, reasons, at) for some in batches(list(reasons)))


@transaction.atomic
def _put_some(ids: Sequence[str], reasons: Mapping[str, str], at: datetime) -> int:
    videos = (
        Video.objects.select_for_update(of=("self",))
        .select_related("channel")
        .filter(deleted_at=None)
        .in_bulk(ids)
    )
    note([videos[video_id] for video_id in ids if video_id in videos], reasons, at)
    return Video.objects.filter(pk__in=videos).update(deleted_at=at)


def note(videos: Iterable[Video], reasons: Mapping[str, str], at: datetime) -> None:
    """Note that videos went to the bin."""
    Removal.objects.bulk_create(
        Removal(
            video_id=video.pk,
            channel=video.channel.slug,
            title=video.title,
            bytes=video.bytes,
            views=video.views,
            reason=reasons[video.pk],
            at=at,
        )
        for video in videos
    )


def reasons_of(ids: Sequence[str]) -> dict[str, RemovalReason]:
    """Return why videos are in the bin, by id; of some that is not known."""
    why = _open_of(ids).order_by("at", "pk").values_list("video_id", "reason")
    return {video_id: RemovalReason(reason) for video_id, reason in why}


def note_restored(video_id: str, at: datetime) -> None:
    """Note that a video was taken out of the bin."""
    _open_of([video_id]).update(restored_at=at)


def mark_deleted(ids: Sequence[str], at: datetime) -> int:
    """Mark videos as deleted: they cannot be taken out of the bin from then on."""
    marked = 0
    for some in batches(ids):
        with transaction.atomic():
            marked += Video.objects.filter(pk__in=some).update(state=State.DELETED)
            _open_of(some).update(files_deleted_at=at)
    return marked


def _open_of(ids: Sequence[str]) -> QuerySet[Removal]:
    return Removal.objects.filter(video_id__in=ids, restored_at=None, files_deleted_at=None)
