"""The part of a video's page in the studio that chooses its poster."""

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
from madang.apps.videos import posters, studio
from madang.apps.videos.studio_forms import PosterForm


@login_required
@never_cache
@require_POST
def change(request: HttpRequest, slug: str, video_id: str) -> HttpResponse:
    """Make a picture the poster of a video, or restore the automatic one (`restore`)."""
    channel, _user = room_of(request, slug, owner=True)
    video = studio.own_video(channel, video_id)
    back = redirect(reverse("studio-video", args=(slug, video_id)) + "#poster")
    if "restore" in request.POST:
        posters.restore(video)
        messages.success(request, _("The video has its automatic picture again."))
        return back
    form = PosterForm(request.POST, request.FILES)

    def choose(given: Mapping[str, Any]) -> None:
        posters.choose(video, given["picture"].read(posters.LARGEST_FILE + 1))

    if attempt(form, choose, "picture"):
        messages.success(request, _("The picture of the video is changed."))
        return back
    return studio.show(request, channel, video, {"poster_form": form}, status=400)
