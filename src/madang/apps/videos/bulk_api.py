"""API of changes of several videos at once."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict, Field

from madang.apps.accounts.tokens import caller, session_or_token
from madang.apps.api import Body
from madang.apps.videos import bulk
from madang.apps.videos.models import Visibility

router = Router(tags=["videos"])

_CHANGES: Final = session_or_token("manage")


class WantedBulk(Body):
    """Ids of videos, and what is to be done with each; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    ids: Annotated[list[str], Field(max_length=bulk.MOST)]
    visibility: Literal["public", "unlisted", "private"] | None = None
    keep: bool | None = None
    delete: bool = False


class OutcomeView(Schema):
    """Outcome for one video; `reason` is empty where it was changed."""

    id: str
    changed: bool
    reason: str


class BulkView(Schema):
    """A change that was made; `id` takes it back within 15 minutes."""

    id: str
    changed: int
    items: list[OutcomeView]


class UndoneView(Schema):
    """Number of videos that are again as they were."""

    restored: int


@router.post("/video-changes", auth=_CHANGES, response=BulkView, summary="Change several videos")
def change(request: HttpRequest, body: WantedBulk) -> BulkView:
    """Change visibility or retention of several videos, or put them into the bin. One that cannot
    be changed, with its reason, does not hold up the others."""
    visibility = Visibility(body.visibility) if body.visibility else None
    wanted = bulk.Wanted(visibility, body.keep, body.delete)
    done = bulk.change(caller(request), body.ids, wanted)
    return BulkView(
        id=done.change_id,
        changed=done.changed,
        items=[
            OutcomeView(id=each.video_id, changed=not each.reason, reason=each.reason)
            for each in done.outcomes
        ],
    )


@router.post(
    "/video-changes/{change_id}/undo",
    auth=_CHANGES,
    response=UndoneView,
    summary="Take back a change of several videos",
)
def undo(request: HttpRequest, change_id: str) -> UndoneView:
    """Take back a change of the caller within 15 minutes; what was changed since then stays."""
    return UndoneView(restored=bulk.undo(caller(request), change_id))
