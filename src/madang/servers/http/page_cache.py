"""Cache of pages and API answers for anonymous readers (RFC 9111), and their compression.

Kept is what a shared cache may keep: an answer that says so by `Cache-Control: public` or, for
caches of the station alone, by `X-Accel-Expires`. It is given out for a moment, so that whatever
changes is seen within it, and crowds cost one answer each time.
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from madang.infra.clock import SYSTEM_CLOCK, Clock
from madang.servers.http.exchange import Headers, head_of

COMPRESSED: Final = frozenset(
    {
        *("text/html", "text/css", "text/javascript", "application/javascript", "text/plain"),
        *("application/json", "application/problem+json", "image/svg+xml"),
        *("application/rss+xml", "application/xml", "text/calendar", "text/vtt"),
    }
)
"""Media types of texts."""

SMALLEST_COMPRESSED: Final = 1024
"""Bytes of a body below which compression saves no packet."""

LEVEL: Final = 5
"""Level of gzip: the higher ones take twice the time for 2% less."""

_VARYING: Final = frozenset({"cookie", "accept-language", "authorization", "accept-encoding"})
"""Fields that the key of an answer stands for."""

_PERSONAL: Final = b"csrfmiddlewaretoken"
"""Part of forms that belong to one browser."""


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """Limits of a cache."""

    seconds: float = 1.0
    """Time for which an answer is given out: nobody gets one that is older."""

    entries: int = 1024
    max_bytes: int = 32 << 20
    """Number of answers, and bytes of all of them: who asks for ever other addresses fills it."""

    max_size: int = 2 << 20
    """Bytes of an answer that is kept."""

    known_size: int = 1024
    """Characters of the fields of a reader whose language is remembered."""


DEFAULT_LIMITS: Final = CacheLimits()


class Key(NamedTuple):
    """Facts that an answer depends on. `language` is the reader's, of those that there are."""

    scheme: str
    host: str
    path: str
    query: str
    language: str


@dataclass(frozen=True, slots=True)
class CachedPage:
    """An answer with status 200, plain and compressed. `expires`: of the monotonic clock.

    `head` and `gzip_head` are made by `head_of`. What is not compressed has two equal forms.
    """

    headers: Headers
    etag: str
    body: bytes
    gzip_headers: Headers
    gzipped: bytes
    head: bytes
    gzip_head: bytes
    expires: float


class PageCache:
    """Answers by key; for any thread.

    `personal` are the names of cookies whose owners get pages of their own, `language` returns the
    reader's from cookies and Accept-Language.
    """

    def __init__(
        self,
        personal: frozenset[str],
        language: Callable[[Mapping[str, str], str], str],
        clock: Clock = SYSTEM_CLOCK,
        limits: CacheLimits = DEFAULT_LIMITS,
    ) -> None:
        self._personal = personal
        self._language = language
        self._clock = clock
        self._limits = limits
        self._pages: dict[Key, CachedPage] = {}
        self._bytes = 0
        self._languages: dict[tuple[str, str], str | None] = {}
        self._lock = threading.Lock()

    def key(
        self, method: str, scheme: str, path: str, query: str, field: Callable[[str], str]
    ) -> Key | None:
        """Return the key of a request; None where its answer is the reader's own.

        `field` returns a header field by its name in lower case, "" where there is none.
        """
        if method not in {"GET", "HEAD"} or field("authorization"):
            return None
        language = self._language_of(field("cookie"), field("accept-language"))
        return None if language is None else Key(scheme, field("host"), path, query, language)

    def find(self, key: Key) -> CachedPage | None:
        """Return what was kept, unless it is too old."""
        page = self._pages.get(key)
        return page if page is not None and page.expires > self._clock.monotonic() else None

    def keep(
        self, key: Key, status: int, headers: Headers, body: bytes, asked_at: float
    ) -> CachedPage | None:
        """Keep an answer, for which the application was asked at `asked_at` of the monotonic
        clock, and return it; None where that is not allowed."""
        if status != 200 or len(body) > self._limits.max_size or not _may_be_kept(headers, body):
            return None
        page = _prepared(headers, body, asked_at + self._limits.seconds)
        size = _size(page)
        with self._lock:
            self._forget(key)
            if len(self._pages) >= self._limits.entries or (
                self._bytes + size > self._limits.max_bytes
            ):
                self._make_room(size)
            self._pages[key] = page
            self._bytes += size
        return page

    def _make_room(self, size: int) -> None:
        """Forget what is too old, and then the oldest."""
        limits = self._limits
        now = self._clock.monotonic()
        for key in [key for key, page in self._pages.items() if page.expires <= now]:
            self._forget(key)
        while self._pages and (
            len(self._pages) >= limits.entries or self._bytes + size > limits.max_bytes
        ):
            self._forget(next(iter(self._pages)))

    def _forget(self, key: Key) -> None:
        page = self._pages.pop(key, None)
        if page is not None:
            self._bytes -= _size(page)

    def _language_of(self, cookie: str, accepted: str) -> str | None:
        """Return the language of a reader, None of one who gets pages of their own."""
        known = (cookie, accepted)
        try:
            return self._languages[known]
        except KeyError:
            pass
        cookies = _parsed(cookie)
        language = None if self._personal & cookies.keys() else self._language(cookies, accepted)
        if len(cookie) + len(accepted) <= self._limits.known_size:
            if len(self._languages) >= self._limits.entries:
                self._languages.clear()
            self._languages[known] = language
        return language


def encoded(headers: Headers, body: bytes, *, gzip_taken: bool) -> tuple[Headers, bytes]:
    """Return an answer as it is sent: a text is compressed for who takes that."""
    if not _is_compressed(headers, body):
        return headers, body
    if not gzip_taken:
        return _varied(headers), body
    return [*_varied(headers), ("content-encoding", "gzip")], gzip.compress(body, LEVEL, mtime=0)


def _is_compressed(headers: Headers, body: bytes) -> bool:
    fields = dict(headers)
    return (
        fields.get("content-type", "").partition(";")[0].strip().lower() in COMPRESSED
        and len(body) >= SMALLEST_COMPRESSED
        and "content-encoding" not in fields
        and "no-transform" not in fields.get("cache-control", "")
    )


def _varied(headers: Headers) -> Headers:
    """Return the fields of an answer that has a compressed form as well. A strong ETag becomes a
    weak one, as it stands for both (RFC 9110, section 8.8.1)."""
    changed: Headers = []
    vary = "accept-encoding"
    for name, value in headers:
        if name == "vary":
            vary = f"{value}, {vary}"
        elif name == "etag" and not value.startswith("W/"):
            changed.append((name, f"W/{value}"))
        else:
            changed.append((name, value))
    return [*changed, ("vary", vary)]


def _prepared(headers: Headers, body: bytes, expires: float) -> CachedPage:
    plain, _body = encoded(headers, body, gzip_taken=False)
    gzip_headers, gzipped = encoded(headers, body, gzip_taken=True)
    return CachedPage(
        headers=plain,
        etag=dict(plain).get("etag", ""),
        body=body,
        gzip_headers=gzip_headers,
        gzipped=gzipped,
        head=head_of(200, plain, len(body)),
        gzip_head=head_of(200, gzip_headers, len(gzipped)),
        expires=expires,
    )


def _may_be_kept(headers: Headers, body: bytes) -> bool:
    fields = dict(headers)
    if "set-cookie" in fields or _PERSONAL in body:
        return False
    varying = {each.strip().lower() for each in fields.get("vary", "").split(",")} - {""}
    if not varying <= _VARYING:
        return False
    inside = fields.get("x-accel-expires")
    if inside is not None:
        return inside not in {"", "0"}
    rules = {each.strip().lower() for each in fields.get("cache-control", "").split(",")}
    return "public" in rules and not rules & {"no-store", "private", "no-cache", "max-age=0"}


def _parsed(cookie: str) -> dict[str, str]:
    pairs = (each.partition("=") for each in cookie.split(";"))
    return {name.strip(): value.strip() for name, _sign, value in pairs}


def _size(page: CachedPage) -> int:
    return len(page.body) + len(page.gzipped) + len(page.head) + len(page.gzip_head)
