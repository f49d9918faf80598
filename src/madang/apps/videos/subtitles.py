"""Subtitles of videos: those that a file had, and those that somebody added."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import get_language_info
from django.utils.translation import gettext_lazy as _

from madang.apps.ids import new_id
from madang.apps.videos import trims
from madang.apps.videos.errors import InvalidSubtitles, NoSuchSubtitles
from madang.apps.videos.models import State, Subtitles, Video
from madang.wire.subtitles import Cue, SubtitleError, Track, excerpt, parse, render

MOST_OF_A_VIDEO: Final = 20

OFFERED: Final = (
    *("ko", "en", "ja", "zh-Hans", "zh-Hant", "vi", "th", "id", "mn", "ru", "uk", "de", "fr"),
    *("es", "pt", "it", "nl", "pl", "tr", "ar", "hi"),
)
"""Languages of the studio's list, the API takes any."""

_LANGUAGE: Final = re.compile(r"[a-zA-Z]{2,3}(?:-[a-zA-Z0-9]{2,8}){0,2}")
"""Language tags (RFC 5646), as far as files and people need them."""

_TWO_LETTERS: Final = {
    "kor": "ko", "eng": "en", "jpn": "ja", "chi": "zh", "zho": "zh", "vie": "vi", "tha": "th",
    "ind": "id", "mon": "mn", "rus": "ru", "ukr": "uk", "ger": "de", "deu": "de", "fre": "fr",
    "fra": "fr", "spa": "es", "por": "pt", "ita": "it", "dut": "nl", "nld": "nl", "pol": "pl",
    "tur": "tr", "ara": "ar", "hin": "hi",
}  # fmt: skip
"""Codes of ISO 639-1 for those of ISO 639-2, which containers have: pages and players look for the
shorter."""


@dataclass(frozen=True, slots=True)
class ExtractedTrack:
    """A text track of an uploaded file: the number of its stream, its cues, and what the file says
    of it."""

    stream: int
    cues: Sequence[Cue]
    language: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class SubtitlesCard:
    """Subtitles as lists have them. `url` is below the station's address; `extracted`: the file of
    the video had them."""

    id: str
    language: str
    label: str
    cues: int
    extracted: bool
    created_at: datetime
    url: str


def of(video: Video) -> list[SubtitlesCard]:
    """Return the subtitles of a video, in the order in which they came."""
    return [_card(row) for row in Subtitles.objects.filter(video=video).defer("text")]


def name_of(language: str) -> str:
    """Return what a language is called in that language; the tag where nobody knows."""
    for tag in (language, language.partition("-")[0]):
        try:
            return str(get_language_info(tag.lower())["name_local"]).capitalize()
        except KeyError:
            continue
    return language


def add(
    video: Video, data: bytes, language: str = "", label: str = "", *, now: datetime | None = None
) -> list[SubtitlesCard]:
    """Add the subtitles of an SRT, SMI or WebVTT file, and return them: one for each language of
    the file. Where it does not say its language, that is `language`. Raises InvalidSubtitles.
    """
    try:
        tracks = parse(data)
    except SubtitleError as error:
        raise InvalidSubtitles(error.text) from None
    at = now or timezone.now()
    rows = [
        _row(video, track.cues, _language(track, language, len(tracks)), label, at)
        for track in tracks
    ]
    return _save(video, rows)


def keep_extracted(
    video: Video, tracks: Sequence[ExtractedTrack], *, now: datetime | None = None
) -> list[SubtitlesCard]:
    """Keep the tracks that an uploaded file had; those that are there already stay as they are."""
    known = set(Subtitles.objects.filter(video=video).values_list("stream", flat=True))
    at = now or timezone.now()
    rows = []
    for track in tracks[:MOST_OF_A_VIDEO]:
        if track.stream not in known:
            row = _row(video, track.cues, _tag(track.language) or "und", track.title, at)
            row.stream = track.stream
            rows.append(row)
    return [_card(each) for each in Subtitles.objects.bulk_create(rows)]


@transaction.atomic
def remove(video: Video, subtitles_id: str) -> None:
    """Remove subtitles of a video. Raises NoSuchSubtitles."""
    if not Subtitles.objects.filter(video=video, pk=subtitles_id).delete()[0]:
        raise NoSuchSubtitles(_("The video has no such subtitles."))


def text_of(video_id: str, subtitles_id: str) -> bytes | None:
    """Return the WebVTT file of subtitles, of a trimmed video those of what is left; None where
    there is none."""
    rows = Subtitles.objects.filter(video_id=video_id, pk=subtitles_id).select_related("video")
    found = rows.first()
    if found is None:
        return None
    trim = trims.card(found.video)
    if trim is None:
        return found.text.encode()
    start = trim.start if trim.start is not None else trim.wanted_start or 0.0
    end = trim.end if trim.end is not None else trim.wanted_end or trim.whole_duration
    (track,) = parse(found.text.encode())
    return render(list(excerpt(track.cues, start, end))).encode()


def delete_unneeded() -> None:
    """Delete subtitles of videos whose files are deleted."""
    Subtitles.objects.filter(video__state=State.DELETED).delete()


@transaction.atomic
def _save(video: Video, rows: Sequence[Subtitles]) -> list[SubtitlesCard]:
    Video.objects.select_for_update().get(pk=video.pk)
    if Subtitles.objects.filter(video=video).count() + len(rows) > MOST_OF_A_VIDEO:
        raise InvalidSubtitles(
            format_lazy(_("A video has {most} subtitles at most."), most=MOST_OF_A_VIDEO),
            mend=_("Remove some first."),
        )
    return [_card(each) for each in Subtitles.objects.bulk_create(rows)]


def _row(video: Video, cues: Sequence[Cue], language: str, label: str, at: datetime) -> Subtitles:
    field = Subtitles._meta.get_field("label")
    clean = " ".join(each for each in label.split()).replace("\0", "")[: field.max_length]
    return Subtitles(
        id=new_id(),
        video=video,
        language=language,
        label=clean or name_of(language),
        cues=len(cues),
        text=render(cues),
        created_at=at,
    )


def _language(track: Track, given: str, tracks: int) -> str:
    """Return the language of a track: what is given, unless the file has several."""
    said = _tag(track.language)
    wished = _tag(given)
    if given and not wished:
        raise InvalidSubtitles(_("The language is a tag such as ko, en or zh-Hant."))
    chosen = (said or wished) if tracks > 1 else (wished or said)
    if not chosen:
        raise InvalidSubtitles(_("The file does not say its language."), mend=_("Choose one."))
    return chosen


def _tag(language: str) -> str:
    """Return a language tag in its usual spelling; "" for what is none."""
    if not _LANGUAGE.fullmatch(language):
        return ""
    first, *rest = language.split("-")
    primary = _TWO_LETTERS.get(first.lower(), first.lower())
    if primary == "und":
        return ""
    # A region says nothing that a viewer chooses by, a script does.
    scripts = [each.capitalize() for each in rest if len(each) == 4]
    return "-".join([primary, *scripts])


def _card(row: Subtitles) -> SubtitlesCard:
    return SubtitlesCard(
        id=row.pk,
        language=row.language,
        label=row.label,
        cues=row.cues,
        extracted=row.stream is not None,
        created_at=row.created_at,
        url=f"/vod/{row.video_id}/subtitles/{row.pk}.vtt",
    )


def absolute(path: str) -> str:
    """Return an address below the station's public URL."""
    return f"{settings.MADANG_PUBLIC_URL}{path}"
