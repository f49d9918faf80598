"""Public pages, which a proxy in front may keep for a moment."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

CACHE_SECONDS: Final = 2
"""Time in which a page may miss what has changed."""


def public_page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """Render a page that a proxy in front, and no browser, may keep for anonymous readers."""
    response = render(request, template, context)
    personal = request.user.is_authenticated or "messages" in request.COOKIES
    response["X-Accel-Expires"] = "0" if personal else str(CACHE_SECONDS)
    response["Cache-Control"] = "private, no-cache" if personal else "no-cache"
    return response
