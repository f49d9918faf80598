"""Template variables of every page."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest


def station(request: HttpRequest) -> dict[str, str]:
    """Return the station's name."""
    return {"station_name": settings.MADANG_NAME}
