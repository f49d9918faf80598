"""API of subtitles of videos."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from django.http import HttpRequest
from ninja import File, Form, Router, Schema
from ninja.decorators import decorate_view
from ninja.files import UploadedFile
from ninja.responses import Status

from madang.apps.accounts.tokens import caller, reader, session_or_token
from madang.apps.api import cacheable
from madang.apps.videos import library, subtitles
from madang.apps.videos.subtitles import SubtitlesCard
from madang.wire.subtitles import MAX_BYTES

router = Router(tags=["videos"])

FRESH_SECONDS: Final = 5
_CHANGES: Final = session_or_token("manage")

Language = Annotated[str, Form(max_length=20, description="such as ko, en or zh-Hant")]
Label = Annotated[str, Form(max_length=60, description="name in menus; default: the language's")]


class SubtitlesView(Schema):
    """Subtitles of a video. `url` is a WebVTT file; `extracted`: the file of the video had them."""

    id: str
    language: str
    label: str
    cues: int
    extracted: bool
    created_at: datetime
    url: str


@router.get(
    "/videos/{video_id}/subtitles", response=list[SubtitlesView], summary="Subtitles of a video"
)
@decorate_view(cacheable(FRESH_SECONDS))
def listed(request: HttpRequest, video_id: str) -> list[SubtitlesView]:
    """Return the subtitles of a video that the caller may open."""
    found = library.find(video_id, reader(request, "read", "manage"))
    return [_view(each) for each in subtitles.of(found)]


@router.post(
    "/videos/{video_id}/subtitles",
    auth=_CHANGES,
    response={201: list[SubtitlesView]},
    summary="Add subtitles",
)
def add(
    request: HttpRequest,
    video_id: str,
    file: File[UploadedFile],
    language: Language = "",
    label: Label = "",
) -> Status[list[SubtitlesView]]:
    """Add an SRT, SMI or WebVTT file of up to 1 MB, in UTF-8, UTF-16 or CP949.

    An SMI file with several languages becomes as many subtitles. `language` is needed where the
    file does not say its own.
    """
    found = library.find_own(video_id, caller(request))
    made = subtitles.add(found, file.read(MAX_BYTES + 1), language, label)
    return Status(201, [_view(each) for each in made])


@router.delete(
    "/videos/{video_id}/subtitles/{subtitles_id}",
    auth=_CHANGES,
    response={204: None},
    summary="Remove subtitles",
)
def remove(request: HttpRequest, video_id: str, subtitles_id: str) -> Status[None]:
    """Remove subtitles of a video."""
    subtitles.remove(library.find_own(video_id, caller(request)), subtitles_id)
    return Status(204, None)


def _view(found: SubtitlesCard) -> SubtitlesView:
    view = SubtitlesView.from_orm(found)
    return view.model_copy(update={"url": subtitles.absolute(found.url)})
