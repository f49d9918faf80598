"""Tags of videos."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from madang.apps.videos.errors import InvalidVideo
from madang.apps.videos.models import TAG_LENGTH, Tag, Video
from madang.base.words import words

MOST: Final = 20
"""Tags of a video."""

_KEY_LENGTH: Final = 4 * TAG_LENGTH


def split(text: str) -> list[str]:
    """Return the tags of a text, with commas or line breaks between and # before them or not."""
    return [
        name for part in re.split(r"[,\n\u3001\uff0c]", text) if (name := part.strip().lstrip("#"))
    ]


def key_of(name: str) -> str:
    """Return what equal tags have in common; "" for a text that is no tag."""
    return " ".join(words(name))


def replace(video: Video, names: Iterable[str]) -> None:
    """Give a video the tags `names`, each once, in their order. Raises InvalidVideo."""
    tags: dict[str, str] = {}
    for written in names:
        name = " ".join(written.replace("\0", " ").split()).lstrip("#")
        key = key_of(name)
        if not key or len(name) > TAG_LENGTH or len(key) > _KEY_LENGTH:
            raise InvalidVideo(
                format_lazy(
                    _("A tag has letters or digits, and {most} characters at most."),
                    most=TAG_LENGTH,
                )
            )
        tags.setdefault(key, name)
    if len(tags) > MOST:
        raise InvalidVideo(format_lazy(_("A video has {most} tags at most."), most=MOST))
    if [(tag.key, tag.name) for tag in video.tags.all()] != list(tags.items()):
        video.tags.all().delete()
        Tag.objects.bulk_create(Tag(video=video, key=key, name=name) for key, name in tags.items())
