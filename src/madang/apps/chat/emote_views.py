"""The pictures of emotes."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from madang.apps.chat import emotes

FOR_EVER = "public, max-age=31536000, immutable"


@require_safe
def picture(request: HttpRequest, name: str) -> HttpResponse:
    """Return the picture `DIGEST.webp`, which never changes."""
    data = emotes.picture(name.removesuffix(".webp"))
    if data is None:
        raise Http404
    response = HttpResponse(data, content_type="image/webp")
    response["Cache-Control"] = FOR_EVER
    response["Content-Security-Policy"] = "default-src 'none'"
    response["Access-Control-Allow-Origin"] = "*"
    return response
