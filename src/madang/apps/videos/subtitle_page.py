"""The part of a video's page in the studio that adds and removes subtitles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from madang.apps.chat.studio_parts import attempt, room_of
from madang.apps.videos import studio, subtitles
from madang.apps.videos.errors import NoSuchSubtitles
from madang.apps.videos.studio_forms import SubtitlesForm
from madang.wire.subtitles import MAX_BYTES


@login_required
@never_cache
@require_POST
def change(request: HttpRequest, slug: str, video_id: str) -> HttpResponse:
    """Add the subtitles of a file, or remove those that `remove` names."""
    channel, _user = room_of(request, slug, owner=True)
    video = studio.own_video(channel, video_id)
    back = redirect(reverse("studio-video", args=(slug, video_id)) + "#subtitles")
    if goes := request.POST.get("remove"):
        try:
            subtitles.remove(video, goes)
            messages.success(request, _("The subtitles are removed."))
        except NoSuchSubtitles as error:
            messages.error(request, str(error))
        return back
    form = SubtitlesForm(request.POST, request.FILES)

    def add(given: Mapping[str, Any]) -> None:
        subtitles.add(video, given["file"].read(MAX_BYTES + 1), given["language"], given["label"])

    if attempt(form, add, "file"):
        messages.success(request, _("The subtitles are added."))
        return back
    return studio.show(request, channel, video, {"subtitles_form": form}, status=400)
