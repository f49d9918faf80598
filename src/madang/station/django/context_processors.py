"""What every page may show of the station itself."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest


def station(request: HttpRequest) -> dict[str, str]:
    """The name that the operator gave the station."""
    return {"station_name": settings.MADANG_NAME}
