"""Search for videos and channels that everybody finds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from django.db import connection
from django.db.models import (
    BooleanField,
    Count,
    Exists,
    Min,
    OuterRef,
    Q,
    QuerySet,
    TextField,
    Value,
)
from django.db.models.expressions import RawSQL
from django.db.models.functions import StrIndex
from django.db.models.lookups import GreaterThan
from django.utils.translation import gettext_lazy as _

from madang.apps.api import UnknownCursor, decode_cursor, encode_cursor
from madang.apps.channels.models import Channel
from madang.apps.discovery.errors import InvalidQuery
from madang.apps.discovery.models import Document
from madang.apps.videos import library
from madang.apps.videos.models import Tag, Video
from madang.base.words import grams, words

QUERY_LENGTH: Final = 200
"""Characters of a query, also after normalisation: bounds the grams that are looked for."""
QUERY_WORDS: Final = 10
"""Words of a query: each is looked for in the texts of all that have its grams."""

COMMON_TAGS: Final = 30
"""Tags that the library's page offers."""

Kind = Literal["video", "channel"]

_EXACT: Final = 2
"""Characters of the longest word that is itself a gram."""

_HAS_GRAMS: Final = {
    # The plus makes the planner follow the order of time, instead of sorting all that is found.
    "sqlite": (
        "+discovery_document.id IN (SELECT rowid FROM discovery_grams WHERE {column} MATCH %s)",
        '"{}"',
        " AND ",
    ),
    "postgresql": ("discovery_document.{column}_vector @@ %s::tsquery", "'{}'", " & "),
}
"""Condition of having all of some grams in a column, and how these are quoted and joined. They have
letters, digits, and marks and symbols beyond ASCII alone."""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of what was found, and the cursor of the next one."""

    items: list[Video | Channel]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class _Place:
    """Place of a document among those that were found."""

    in_title: bool
    at: datetime
    key: int


def search(
    query: str, *, kind: Kind | None = None, cursor: str | None = None, limit: int = 50
) -> Found:
    """Return what has every word of `query`, as a part of a word, in title, tags or description.

    First what has all of them in its title; the newest first among equals. Raises InvalidQuery,
    UnknownCursor.
    """
    wanted = _wanted(query)
    after = None if cursor is None else _read(cursor)
    found: list[tuple[_Place, Document]] = []
    for in_title in (True, False) if wanted else ():
        documents = _matching(_public(kind), wanted, in_title=in_title)
        if after is not None and after.in_title == in_title:
            documents = documents.filter(Q(at__lt=after.at) | Q(at=after.at, pk__lt=after.key))
        elif after is not None and in_title:
            continue  # pages before have shown these
        newest = documents.only("at", "video_id", "channel_id").order_by("-at", "-pk")
        found += [
            (_Place(in_title, document.at, document.pk), document)
            for document in newest[: limit + 1 - len(found)]
        ]
        if len(found) > limit:
            break
    items = _items([document for _place, document in found[:limit]])
    return Found(items, _written(found[limit - 1][0]) if len(found) > limit else None)


def common_tags(channel_id: int | None = None) -> list[Tag]:
    """Return the tags that most videos of the library have, the most common first."""
    videos = library.published()
    if channel_id is not None:
        videos = videos.filter(channel=channel_id)
    keys = Tag.objects.filter(video__in=videos).values("key").order_by()
    counted = keys.annotate(count=Count("pk"), name=Min("name")).order_by("-count", "key")
    return [Tag(key=each["key"], name=each["name"]) for each in counted[:COMMON_TAGS]]


def channels_with_videos() -> QuerySet[Channel]:
    """Return the channels that have videos in the library, by title."""
    videos = library.published().filter(channel=OuterRef("pk"))
    return Channel.objects.filter(Exists(videos)).order_by("title", "slug")


def _wanted(query: str) -> list[str]:
    """Return the distinct words of a query. Raises InvalidQuery."""
    wanted = list(dict.fromkeys(words(query[: QUERY_LENGTH + 1])))
    if len(query) > QUERY_LENGTH or sum(map(len, wanted)) > QUERY_LENGTH:
        raise InvalidQuery(_("The search is too long."))
    if len(wanted) > QUERY_WORDS:
        raise InvalidQuery(_("The search has too many words."), mend=_("Ask for fewer words."))
    return wanted


def _public(kind: Kind | None) -> QuerySet[Document]:
    video = Q(Exists(library.published().filter(pk=OuterRef("video"))))
    channel = ~Q(channel=None)
    return Document.objects.filter(
        {"video": video, "channel": channel, None: video | channel}[kind]
    )


def _matching(
    documents: QuerySet[Document], wanted: list[str], *, in_title: bool
) -> QuerySet[Document]:
    """Return the documents that have all words in their title, or the others that have all."""
    looked_for = grams(wanted) - {part for word in wanted if len(word) >= _EXACT for part in word}
    documents = documents.filter(_has("title_grams" if in_title else "grams", looked_for))
    title = [_contains("title", word) for word in wanted]
    if in_title:
        return documents.filter(*title)
    for word, where in zip(wanted, title, strict=True):
        if len(word) > _EXACT:  # it may have all of its pairs, but not beside each other
            documents = documents.filter(where | _contains("text", word))
    return documents.exclude(*title)


def _has(column: str, looked_for: set[str]) -> RawSQL:
    condition, quoted, joint = _HAS_GRAMS[connection.vendor]
    grams_in_order = joint.join(map(quoted.format, sorted(looked_for)))
    return RawSQL(condition.format(column=column), [grams_in_order], BooleanField())


def _contains(field: str, word: str) -> Q:
    return Q(GreaterThan(StrIndex(field, Value(word, output_field=TextField())), 0))


def _items(documents: list[Document]) -> list[Video | Channel]:
    # By the filter once more, for what somebody hides in the meantime.
    videos = library.published().in_bulk([each.video_id for each in documents if each.video_id])
    keys = [each.channel_id for each in documents if each.channel_id]
    channels = Channel.objects.select_related("owner").in_bulk(keys)
    items = [videos.get(each.video_id) or channels.get(each.channel_id) for each in documents]
    return [item for item in items if item is not None]


def _written(place: _Place) -> str:
    at = place.at.astimezone(UTC).isoformat()
    return encode_cursor(f"{int(place.in_title)} {at} {place.key}")


def _read(cursor: str) -> _Place:
    """Return the place of a cursor. Raises UnknownCursor."""
    parts = re.fullmatch(r"([01]) (\S{1,40}) (\d{1,18})", decode_cursor(cursor), re.ASCII)
    try:
        if parts is not None:
            at = datetime.fromisoformat(parts[2]).astimezone(UTC)
            return _Place(parts[1] == "1", at, int(parts[3]))
    except (ValueError, OverflowError):
        pass
    raise UnknownCursor(_("The cursor is not one of this list."))
