"""The part of the studio's list of videos that changes several at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from madang.apps.chat.studio_parts import room_of
from madang.apps.videos import bulk
from madang.apps.videos.bulk import Wanted
from madang.apps.videos.errors import VideoError
from madang.apps.videos.models import Visibility

CHANGES: Final[Mapping[str, tuple[object, Wanted]]] = {
    "public": (gettext_lazy("Make public"), Wanted(visibility=Visibility.PUBLIC)),
    "unlisted": (gettext_lazy("Make unlisted"), Wanted(visibility=Visibility.UNLISTED)),
    "private": (gettext_lazy("Make private"), Wanted(visibility=Visibility.PRIVATE)),
    "keep": (gettext_lazy("Keep for good"), Wanted(keep=True)),
    "let-go": (gettext_lazy("Let go when the time is over"), Wanted(keep=False)),
    "delete": (gettext_lazy("Put into the bin"), Wanted(delete=True)),
}
"""Changes that the page offers, by their names in its form, in words."""

_SAID: Final = 5
"""Reasons that are said of videos that were not changed."""


@login_required
@never_cache
@require_POST
def change(request: HttpRequest, slug: str) -> HttpResponse:
    """Do what `do` says with the videos `id`."""
    channel, user = room_of(request, slug, owner=True)
    back = reverse("studio-videos", args=(channel.slug,))
    _words, wanted = CHANGES.get(request.POST.get("do", ""), ("", None))
    if wanted is None:
        messages.error(request, _("Choose what is to be done."))
        return redirect(back)
    try:
        done = bulk.change(user, request.POST.getlist("id"), wanted)
    except VideoError as error:
        messages.error(request, str(error))
        return redirect(back)
    failed = [each for each in done.outcomes if each.reason]
    for each in failed[:_SAID]:
        messages.error(request, format_lazy("{id}: {reason}", id=each.video_id, reason=each.reason))
    if not done.changed:
        return redirect(back)
    return redirect(f"{back}?{urlencode({'change': done.change_id, 'n': done.changed})}")


@login_required
@never_cache
@require_POST
def undo(request: HttpRequest, slug: str) -> HttpResponse:
    """Take back the change `change`."""
    channel, user = room_of(request, slug, owner=True)
    try:
        count = bulk.undo(user, request.POST.get("change", ""))
    except VideoError as error:
        messages.error(request, str(error))
    else:
        words = ngettext("{n} video is as it was.", "{n} videos are as they were.", count)
        messages.success(request, words.format(n=count))
    return redirect("studio-videos", slug=channel.slug)
