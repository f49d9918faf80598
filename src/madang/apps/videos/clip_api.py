"""API of clips."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from ninja import Router
from ninja.responses import Status
from pydantic import ConfigDict, Field

from madang.apps.accounts.tokens import reader
from madang.apps.api import Body
from madang.apps.channels.models import TITLE_LENGTH
from madang.apps.videos import clips
from madang.apps.videos.api import Seconds, VideoView
from madang.apps.videos.cards import card
from madang.apps.videos.errors import InvalidClip

router = Router(tags=["videos"])


class WantedClip(Body):
    """A clip of a video: `start` and `end` in seconds, or the `last` seconds of a show that is on,
    as a viewer sees them who is `behind` by some seconds."""

    model_config = ConfigDict(extra="forbid")

    start: Seconds | None = None
    end: Seconds | None = None
    last: Annotated[float, Field(ge=1, le=60)] | None = None
    behind: Annotated[float, Field(ge=0, le=clips.LATEST)] = 0.0
    title: Annotated[str, Field(max_length=TITLE_LENGTH)] = ""


@router.post("/videos/{video_id}/clips", response={201: VideoView}, summary="Make a clip")
def create(request: HttpRequest, video_id: str, body: WantedClip) -> Status[VideoView]:
    """Make a clip of up to a minute of a video, or of a show that is on, where its channel allows
    it. It begins at a key frame: `clip.start` says where."""
    user = reader(request, "read", "manage")
    if body.last is not None:
        start, end = clips.last(video_id, user, body.last, body.behind)
    elif body.start is not None and body.end is not None:
        start, end = body.start, body.end
    else:
        raise InvalidClip(_("Say start and end of the clip."))
    address = request.META["REMOTE_ADDR"]
    made = clips.create(video_id, user, address, start=start, end=end, title=body.title)
    return Status(201, VideoView.from_orm(card(made)))
