"""API of videos: reading for everybody, changing for their owners."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from django.db import transaction
from django.http import HttpRequest
from ninja import Query, Router, Schema
from ninja.decorators import decorate_view
from ninja.responses import Status
from pydantic import AwareDatetime, ConfigDict, Field

from madang.apps.accounts.tokens import caller, reader, session_or_token
from madang.apps.api import PAGE_SIZE, Body, Cursor, Limit, cacheable, page_newest
from madang.apps.chat.schemas import MessageView, message_view
from madang.apps.videos import chat_replay, library, publication, trims
from madang.apps.videos.cards import card
from madang.apps.videos.library import VideoChange
from madang.apps.videos.models import Video

router = Router(tags=["videos"])

FRESH_SECONDS: Final = 5
"""Delay after which clients behind a cache see a change, such as a video that is private now."""

CHAT_FRESH_SECONDS: Final = 10
"""Delay after which clients behind a cache miss a message that was deleted. Pages look for
deletions every 30 seconds: with a cache of the browser and one in front, all is gone after 60."""
CHAT_PAGE: Final = 500
"""Most messages of a page: a minute of a busy chat in few requests."""

_SLUG: Final = r"^[a-z0-9][a-z0-9_-]{1,39}$"
_READS: Final = ("read", "manage")
_CHANGES: Final = session_or_token("manage")

Seconds = Annotated[float, Field(ge=0, le=1e8)]
Moment = Annotated[Seconds | AwareDatetime, Field(union_mode="left_to_right")]
From = Annotated[
    Moment | None,
    Query(alias="from", description="an instant, or seconds after the beginning of the show"),
]

KindName = Literal["recording", "upload", "clip"]
StateName = Literal["recording", "asking", "queued", "processing", "ready", "failed", "deleted"]
VisibilityName = Literal["public", "unlisted", "private"]


class VideoRenditionView(Schema):
    """A rendition of a video: pixels, bits a second, bytes, files that hold it."""

    name: str
    width: int
    height: int
    codecs: str
    bitrate: int
    bytes: int
    files: int = 1


class TrimView(Schema):
    """A trim, in seconds of the whole. `start` and `end` are where what is left begins and ends:
    cuts are made between parts of the recording, the first at a key frame. They are null until
    they are known. The wanted ones are null where nothing is cut away."""

    start: float | None
    end: float | None
    wanted_start: float | None
    wanted_end: float | None
    whole_duration: float


class ClipView(Schema):
    """The source of a clip, and where in it the clip begins, at a key frame, in seconds; null until
    it is ready."""

    video: str
    start: float | None


class VideoView(Schema):
    """A video. `duration` and `gaps`, what is missing of it, in seconds; `bytes` of all files.

    Its state is `deleted` in the bin. `expires_at` is when it goes there, or its files go if it is
    there; null: never. `publish_at` is when it becomes public. `storyboard_url` is a list of
    pictures for a seek bar (WebVTT). With a `trim`, length and sizes are those of what is left.
    """

    id: str
    channel: str
    title: str
    description: str
    tags: list[str]
    language: str
    kind: KindName
    state: StateName
    reason: str
    duration: float
    bytes: int
    views: int
    visibility: VisibilityName
    created_at: datetime
    ended_at: datetime | None
    gaps: float
    keep: bool
    expires_at: datetime | None
    publish_at: datetime | None
    watch_url: str
    playlist_url: str | None
    download_url: str | None
    poster_url: str | None
    storyboard_url: str | None
    renditions: list[VideoRenditionView]
    trim: TrimView | None
    clip: ClipView | None


class VideoPage(Schema):
    """Part of a list of videos, the newest first."""

    items: list[VideoView]
    next_cursor: str | None


class RenditionPage(Schema):
    """The renditions of a video."""

    items: list[VideoRenditionView]
    next_cursor: str | None


class ReplayView(Schema):
    """Messages of a show, the oldest first.

    `began_at` is when the show began. `previous_at` and `next_at` are the times of the nearest
    messages outside of the wanted time, null without. `version` is another after a message of the
    show was deleted or brought back.
    """

    began_at: datetime
    items: list[MessageView]
    next_cursor: str | None
    previous_at: datetime | None
    next_at: datetime | None
    version: str


class WantedTrim(Body):
    """Where a video is to begin and end, in seconds of the whole; null, or left out: as it did."""

    # A misspelt name must not undo a trim.
    model_config = ConfigDict(extra="forbid")

    start: Seconds | None = None
    end: Seconds | None = None


class ChangedVideo(Body):
    """Changes; what is left out or null stays. `keep` exempts from retention, `tags` replace
    those that there are. `trim` null undoes the trim. At `publish_at` the video becomes public,
    until when nobody finds it; null: not by itself."""

    title: str | None = None
    description: str | None = None
    visibility: VisibilityName | None = None
    keep: bool | None = None
    tags: Annotated[list[str], Field(max_length=100)] | None = None
    trim: WantedTrim | None = None
    publish_at: AwareDatetime | None = None


@router.get("/videos", response=VideoPage, summary="Videos, the newest first")
@decorate_view(cacheable(FRESH_SECONDS))
def videos(
    request: HttpRequest,
    *,
    channel: Annotated[str | None, Query(description="slug of a channel", pattern=_SLUG)] = None,
    state: Annotated[
        StateName | None, Query(description="state; `deleted` lists the bin of the caller")
    ] = None,
    kind: KindName | None = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_SIZE,
) -> VideoPage:
    """Return public videos and those of the caller's channels, the newest first."""
    user = reader(request, *_READS)
    if state == "deleted":
        entries = library.in_bin_of(user)
    else:
        listed = library.listed_for(user)
        entries = listed if state is None else listed.filter(state=state)
    if channel is not None:
        entries = entries.filter(channel__slug=channel)
    if kind is not None:
        entries = entries.filter(kind=kind)
    found, following = page_newest(entries, "created_at", cursor, limit)
    return VideoPage(items=[_view(video) for video in found], next_cursor=following)


@router.get("/videos/{video_id}", response=VideoView, summary="One video")
@decorate_view(cacheable(FRESH_SECONDS))
def video(request: HttpRequest, video_id: str) -> VideoView:
    """Return a video that the caller may open."""
    return _view(library.find(video_id, reader(request, *_READS)))


@router.get("/videos/{video_id}/renditions", response=RenditionPage, summary="Its renditions")
@decorate_view(cacheable(FRESH_SECONDS))
def renditions(request: HttpRequest, video_id: str) -> RenditionPage:
    """Return the renditions of a video; none while it is being recorded."""
    found = library.find(video_id, reader(request, *_READS))
    return RenditionPage(items=_view(found).renditions, next_cursor=None)


@router.get("/videos/{video_id}/chat", response=ReplayView, summary="Its chat")
@decorate_view(cacheable(CHAT_FRESH_SECONDS))
def chat(
    request: HttpRequest,
    video_id: str,
    *,
    since: From = None,
    to: Annotated[AwareDatetime | None, Query(description="an instant; without: the end")] = None,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=CHAT_PAGE, description="entries on a page")] = PAGE_SIZE,
) -> ReplayView:
    """Return what was said in a show, to whoever may open its video; nothing that is deleted.

    Empty where the channel shows no chat beside its videos.
    """
    found = library.find(video_id, reader(request, *_READS))
    part = chat_replay.page(found, since or 0.0, to, cursor, limit)
    return ReplayView(
        began_at=part.began_at,
        items=[message_view(message) for message in part.messages],
        next_cursor=part.next_cursor,
        previous_at=part.previous_at,
        next_at=part.next_at,
        version=part.version,
    )


@router.patch("/videos/{video_id}", auth=_CHANGES, response=VideoView, summary="Change a video")
def change(request: HttpRequest, video_id: str, body: ChangedVideo) -> VideoView:
    """Change title, description, visibility, retention or tags, or trim the video.

    A recording in the state `asking` is kept by a visibility, or by `keep`, which makes it
    public unless another visibility was chosen during the show.
    """
    found = library.find_own(video_id, caller(request))
    plan = None
    if "trim" in body.model_fields_set:
        wanted = body.trim or WantedTrim()
        plan = trims.plan(found, wanted.start, wanted.end)
    with transaction.atomic():
        if plan is not None:
            found = trims.apply(found, plan)
        others = body.model_dump(exclude={"trim", "publish_at"})
        found = library.change(found, VideoChange(**others))
        if "publish_at" in body.model_fields_set:
            found = publication.schedule(found, body.publish_at)
    return _view(found)


@router.delete(
    "/videos/{video_id}", auth=_CHANGES, response={204: None}, summary="Put a video into the bin"
)
def delete(request: HttpRequest, video_id: str) -> Status[None]:
    """Put a video into the bin, out of which it can be taken for seven days."""
    library.delete(library.find_own(video_id, caller(request)))
    return Status(204, None)


@router.post(
    "/videos/{video_id}/restore",
    auth=_CHANGES,
    response=VideoView,
    summary="Take a video out of the bin",
)
def restore(request: HttpRequest, video_id: str) -> VideoView:
    """Take a video out of the bin. One whose time is over is exempt from retention then."""
    return _view(library.restore(library.find_own(video_id, caller(request))))


def _view(found: Video) -> VideoView:
    return VideoView.from_orm(card(found))
