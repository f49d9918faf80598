"""In which language somebody is answered, where no page of Django's asks."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language_from_request


def language_for(cookies: Mapping[str, str], accepted: str) -> str:
    """The language code by the rule of the pages: the cookie of their switch, else the first of
    `accepted` (RFC 9110, section 12.5.4) that the station speaks, else the station's own."""
    request = HttpRequest()
    name = settings.LANGUAGE_COOKIE_NAME
    request.COOKIES = {name: cookies[name]} if name in cookies else {}
    request.META["HTTP_ACCEPT_LANGUAGE"] = accepted
    return get_language_from_request(request)
