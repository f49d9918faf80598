"""Public pages: a video, its player for other sites, and what is kept of a channel."""

from __future__ import annotations

from typing import Any, Final

from csp.decorators import csp_replace
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from madang.apps.accounts.models import User
from madang.apps.api import UnknownCursor
from madang.apps.channels import services as channels
from madang.apps.pages import public_page
from madang.apps.videos import chat_replay, clips, descriptions, entries, library, subtitles
from madang.apps.videos.errors import NoSuchVideo
from madang.apps.videos.models import Kind, State

WATCH: Final = "video.html"


@require_safe
def watch(request: HttpRequest, video_id: str) -> HttpResponse:
    """Show a video with its player, description and chapters."""
    return _video_page(request, video_id, WATCH)


@require_safe
@xframe_options_exempt
@csp_replace({"frame-ancestors": ["*"]})  # type: ignore[arg-type]  # it passes arguments on
def embed(request: HttpRequest, video_id: str) -> HttpResponse:
    """Show the player alone, which any site may frame."""
    return _video_page(request, video_id, "embed_video.html")


@require_safe
def of_channel(request: HttpRequest, slug: str) -> HttpResponse:
    """Show what is kept of a channel, the newest first."""
    if (card := channels.find(slug)) is None:
        raise Http404
    try:
        of_clips = request.GET.get("kind") == Kind.CLIP
        found, following = entries.page_of_channel(slug, request.GET.get("cursor"), clips=of_clips)
    except UnknownCursor:
        raise Http404 from None
    context = {"channel": card, "videos": found, "next_cursor": following, "clips": of_clips}
    return public_page(request, "channel_videos.html", context)


def _video_page(request: HttpRequest, video_id: str, template: str) -> HttpResponse:
    """Refuse as a page that does not exist whatever the reader may not see."""
    user = request.user if isinstance(request.user, User) else None
    try:
        video = library.find(video_id, user)
    except NoSuchVideo:
        if (channel := library.show_of_deleted(video_id)) is not None:
            return redirect("channel", slug=channel.slug)
        raise Http404 from None
    entry = entries.entry_of(video)
    context: dict[str, Any] = {
        "entry": entry,
        "video": video,
        "channel": channels.card(video.channel),
        "tags": video.tags.all(),
        "poster": entry.paths.poster_url,
        "subtitles": subtitles.of(video),
        "description": descriptions.as_html(video.description, video.duration),
        "chapters": descriptions.chapters(video.description, video.duration),
        "may_run": user is not None and channels.may_run(user, video.channel),
        "may_clip": video.kind != Kind.CLIP and clips.may_clip(video.channel, user),
    }
    if (source := clips.source_of(video, user)) is not None:
        at = round(clips.position_in(video, source))
        watch = f"/v/{source.pk}?t={at}"
        if source.state == State.RECORDING:  # its show is on
            watch = f"/@{source.channel.slug}"
        context |= {"source": source, "source_url": watch}
    if template == WATCH and entry.plays and chat_replay.has_messages(video):
        context |= {"replay": True, "emotes": chat_replay.emotes(video)}
    return public_page(request, template, context)
