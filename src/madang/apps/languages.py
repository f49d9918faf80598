"""Language of responses outside Django's views."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language_from_request


def language_for(cookies: Mapping[str, str], accepted: str) -> str:
    """Return the language code by the rule of the pages: the cookie, else the first supported of
    `accepted` (RFC 9110, section 12.5.4), else the station's default."""
    request = HttpRequest()
    name = settings.LANGUAGE_COOKIE_NAME
    request.COOKIES = {name: cookies[name]} if name in cookies else {}
    request.META["HTTP_ACCEPT_LANGUAGE"] = accepted
    return get_language_from_request(request)
