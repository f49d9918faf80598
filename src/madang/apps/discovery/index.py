"""The index of search: documents of videos and channels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from django.db.models import Exists, OuterRef

from madang.apps.channels.models import Channel
from madang.apps.discovery.models import Document
from madang.apps.videos.models import State, Video
from madang.base.words import grams, words

_BATCH: Final = 200
"""Rows written at once."""
_WORDS: Final = frozenset({"title", "description"})
"""Fields that the index has."""


def saved(instance: Video | Channel, update_fields: Iterable[str] | None = None, **_: Any) -> None:
    """Receive `post_save` of videos and channels: write the document of one whose words may have
    changed."""
    if update_fields is not None and _WORDS.isdisjoint(update_fields):
        return
    of = {"video": instance} if isinstance(instance, Video) else {"channel": instance}
    Document.objects.update_or_create(**of, defaults=fields_of(instance))


def rebuild() -> int:
    """Write all documents anew; return their number."""
    Document.objects.all().delete()
    return catch_up()


def catch_up() -> int:
    """Delete the documents of deleted videos, and write those that are missing; return the number
    of these.

    A release before this one may have run during the upgrade, and others may write rows without
    signals.
    """
    Document.objects.filter(video__state=State.DELETED).delete()
    video_document = Document.objects.filter(video=OuterRef("pk"))
    channel_document = Document.objects.filter(channel=OuterRef("pk"))
    videos = Video.objects.exclude(state=State.DELETED).filter(~Exists(video_document))
    channels = Channel.objects.filter(~Exists(channel_document))
    written = _write("video", videos.prefetch_related("tags").iterator(_BATCH))
    return written + _write("channel", channels.iterator(_BATCH))


def fields_of(instance: Any) -> dict[str, Any]:
    """Return the fields of the document of a video or a channel."""
    tags = [tag.name for tag in instance.tags.all()] if isinstance(instance, Video) else []
    title, text = words(instance.title), words("\n".join([*tags, instance.description]))
    return {
        "at": instance.created_at,
        "title": " ".join(title),
        "text": " ".join(text),
        "title_grams": " ".join(sorted(grams(title))),
        "grams": " ".join(sorted(grams([*title, *text]))),
    }


def _write(kind: str, instances: Iterable[Any]) -> int:
    # Another process may have written one in the meantime.
    documents = [Document(**{kind: each}, **fields_of(each)) for each in instances]
    Document.objects.bulk_create(documents, _BATCH, ignore_conflicts=True)
    return len(documents)
