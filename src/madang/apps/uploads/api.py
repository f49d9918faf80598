"""API of uploads: what the caller is sending."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from django.http import HttpRequest
from ninja import Router, Schema

from madang.apps.accounts.tokens import caller, session_or_token
from madang.apps.api import PAGE_SIZE, Cursor, Limit, page_newest
from madang.apps.uploads.models import Upload

router = Router(tags=["uploads"])

_SAME = ("filename", "title", "state", "length", "offset", "created_at", "expires_at")

StateName = Literal["active", "complete", "joined", "terminated", "expired", "failed"]


class UploadView(Schema):
    """An upload at `url`. Sizes in bytes, `length` null while it is unknown; `video` is the video
    that a complete one became."""

    id: str
    url: str
    channel: str | None
    filename: str
    title: str
    state: StateName
    length: int | None
    offset: int
    video: str | None
    created_at: datetime
    expires_at: datetime | None


class UploadPage(Schema):
    """Part of a list of uploads, the newest first."""

    items: list[UploadView]
    next_cursor: str | None


@router.get(
    "/uploads",
    auth=session_or_token("upload", "read", "manage"),
    response=UploadPage,
    summary="Your uploads, the newest first",
)
def uploads(
    request: HttpRequest,
    state: StateName | None = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_SIZE,
) -> UploadPage:
    """Return the uploads of the caller, without parts of others."""
    entries = Upload.objects.select_related("channel").filter(user=caller(request), partial=False)
    if state is not None:
        entries = entries.filter(state=state)
    found, following = page_newest(entries, "created_at", cursor, limit)
    return UploadPage(items=[_view(upload) for upload in found], next_cursor=following)


def _view(upload: Upload) -> UploadView:
    complete = upload.state == "complete"
    return UploadView.from_orm(
        {
            "id": upload.pk,
            "url": f"/files/{upload.pk}",
            "channel": upload.channel.slug if upload.channel is not None else None,
            "video": upload.video_id if complete else None,
            **{name: getattr(upload, name) for name in _SAME},
        }
    )
