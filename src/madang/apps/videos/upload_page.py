"""The studio's page for sending files to a channel."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from madang.apps.channels.models import TITLE_LENGTH
from madang.apps.chat.studio_parts import room_of
from madang.apps.videos import services

_MEGABYTE: Final = 10**6


@login_required
@never_cache
@require_safe
def upload(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the page; its script talks to the server of uploads. `replaces` in the query is the id
    of a video whose file is replaced."""
    channel, user = room_of(request, slug, owner=True)
    replaced = None
    if video_id := request.GET.get("replaces"):
        found = services.replaceable().filter(channel=channel)
        replaced = get_object_or_404(found, pk=video_id.replace("\0", ""))
    chunk: int = settings.MADANG_UPLOAD_CHUNK_MB
    context = {
        "channel": channel,
        "may_run": True,
        "account": user.pk,
        "chunk": chunk * _MEGABYTE,
        "title_length": TITLE_LENGTH,
        "replaced": replaced,
    }
    return render(request, "studio/upload.html", context)
