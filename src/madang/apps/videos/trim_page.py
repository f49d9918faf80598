"""The studio's page on which start and end of a video are moved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from madang.apps.channels import services as channels
from madang.apps.chat.studio_parts import attempt, room_of
from madang.apps.videos import entries, trims
from madang.apps.videos.errors import InvalidVideo, VideoError
from madang.apps.videos.models import Video
from madang.apps.videos.studio import own_video
from madang.apps.videos.times import exact_clock, parse_time


class TimeField(forms.CharField):
    """A time within a video as people write it, in seconds; None for an empty field."""

    def to_python(self, value: Any) -> Any:
        """Return the seconds. Raises ValidationError."""
        try:
            return parse_time(str(value or ""))
        except InvalidVideo as error:
            raise forms.ValidationError(str(error)) from None


class TrimForm(forms.Form):
    """Start and end."""

    start = TimeField(label=gettext_lazy("begins at"), required=False)
    end = TimeField(label=gettext_lazy("ends at"), required=False)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, slug: str, video_id: str) -> HttpResponse:
    """Show the whole video with its trim, and do what the form says."""
    channel, _user = room_of(request, slug, owner=True)
    video = own_video(channel, video_id)
    try:
        trims.require_trimmable(video)
        if request.POST.get("do") == "undo":
            trims.undo(video)
            messages.success(request, _("The whole video is shown again."))
            return redirect("studio-video-trim", slug=slug, video_id=video_id)
    except VideoError as error:
        messages.error(request, str(error))
        return redirect("studio-video", slug=slug, video_id=video_id)
    initial = {"start": _written(video.trim_start), "end": _written(video.trim_end)}
    form = TrimForm(request.POST or None, initial=initial)

    def trim(given: Mapping[str, Any]) -> None:
        trims.trim(video, given["start"], given["end"])

    if request.method == "POST" and attempt(form, trim):
        messages.success(request, _("Saved. It is in force for everybody within a minute."))
        return redirect("studio-video-trim", slug=slug, video_id=video_id)
    entry = entries.entry_of(video)
    context = {
        "channel": channels.card(channel),
        "may_run": True,
        "entry": entry,
        "video": video,
        "poster": entry.paths.poster_url,
        "trim": _in_words(video),
        "form": form,
    }
    return render(request, "studio/trim.html", context, status=400 if form.errors else 200)


def _written(seconds: float | None) -> str:
    return "" if seconds is None else exact_clock(seconds)


def _in_words(video: Video) -> dict[str, str] | None:
    """Return the true start and end, empty where they are not known yet; None without a trim."""
    card = trims.card(video)
    if card is None:
        return None
    return {
        "start": _written(card.start),
        "end": _written(card.end),
        "whole": exact_clock(card.whole_duration),
        "length": exact_clock(video.duration),
    }
