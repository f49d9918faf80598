"""API of the posters of videos."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest
from ninja import File, Router
from ninja.files import UploadedFile

from madang.apps.accounts.tokens import caller, session_or_token
from madang.apps.videos import library, posters
from madang.apps.videos.api import VideoView
from madang.apps.videos.cards import card

router = Router(tags=["videos"])

_CHANGES: Final = session_or_token("manage")


@router.post(
    "/videos/{video_id}/poster", auth=_CHANGES, response=VideoView, summary="Choose the poster"
)
def choose(request: HttpRequest, video_id: str, picture: File[UploadedFile]) -> VideoView:
    """Make a picture the poster: PNG, GIF, WebP or JPEG up to 1 MB. It becomes a JPEG of at most
    1280 pixels."""
    found = library.find_own(video_id, caller(request))
    data = picture.read(posters.LARGEST_FILE + 1)
    return VideoView.from_orm(card(posters.choose(found, data)))


@router.delete(
    "/videos/{video_id}/poster", auth=_CHANGES, response=VideoView, summary="Restore the poster"
)
def restore(request: HttpRequest, video_id: str) -> VideoView:
    """Give the video its automatic poster again."""
    return VideoView.from_orm(card(posters.restore(library.find_own(video_id, caller(request)))))
