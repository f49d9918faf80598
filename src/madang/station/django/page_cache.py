"""The cache of pages and API answers. Call `boot.start_django` before importing this."""

from __future__ import annotations

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage

from madang.apps.languages import language_for
from madang.servers.http.page_cache import PageCache


def page_cache() -> PageCache:
    """Return an empty cache: readers with a session, or with a notice, get pages of their own."""
    personal = frozenset({settings.SESSION_COOKIE_NAME, CookieStorage.cookie_name})
    return PageCache(personal, language_for)
