"""The cache of pages: what it keeps, for whom, and for how long."""

from __future__ import annotations

import gzip
from collections.abc import Mapping

import pytest

from madang.servers.http.exchange import Headers
from madang.servers.http.page_cache import CacheLimits, Key, PageCache, encoded
from tests.support.clocks import ManualClock

BODY = b"<p>" + b"picture " * 1000

PAGE: Headers = [
    ("content-type", "text/html; charset=utf-8"),
    ("vary", "Cookie, Accept-Language"),
    ("x-accel-expires", "2"),
]


def language(cookies: Mapping[str, str], accepted: str) -> str:
    return cookies.get("language") or ("ko" if accepted.startswith("ko") else "en")


class Cached:
    """A cache with a clock that tests move."""

    def __init__(self, limits: CacheLimits | None = None) -> None:
        self.clock = ManualClock()
        personal = frozenset({"sessionid", "messages"})
        self.cache = PageCache(personal, language, self.clock.clock, limits or CacheLimits())

    def key(self, path: str = "/", method: str = "GET", **fields: str) -> Key | None:
        given = {name.replace("_", "-"): value for name, value in fields.items()}
        return self.cache.key(method, "https", path, "", lambda name: given.get(name, ""))

    def keep(
        self, path: str = "/", headers: Headers = PAGE, body: bytes = BODY, status: int = 200
    ) -> bool:
        key = self.key(path)
        assert key is not None
        now = self.clock.clock.monotonic()
        return self.cache.keep(key, status, headers, body, now) is not None

    def has(self, path: str = "/") -> bool:
        key = self.key(path)
        return key is not None and self.cache.find(key) is not None


def test_an_answer_is_given_out_for_a_second_from_when_it_was_asked_for() -> None:
    cached = Cached()
    key = cached.key()
    assert key is not None
    asked_at = cached.clock.clock.monotonic()
    cached.clock.advance(0.4)
    cached.cache.keep(key, 200, PAGE, BODY, asked_at)
    cached.clock.advance(0.5)
    assert cached.has()
    cached.clock.advance(0.2)
    assert not cached.has()


@pytest.mark.parametrize(
    "fields",
    [
        {"cookie": "sessionid=abc"},
        {"cookie": "theme=dark; sessionid=abc"},
        {"cookie": "messages=x"},
        {"authorization": "Bearer abc"},
        {"method": "POST"},
    ],
)
def test_who_gets_answers_of_their_own_has_no_key(fields: dict[str, str]) -> None:
    assert Cached().key(**fields) is None


def test_strangers_share_answers_whatever_their_other_cookies_are() -> None:
    cached = Cached()
    keys = {
        cached.key(),
        cached.key(cookie="theme=dark"),
        cached.key(cookie="csrftoken=1; language=en"),
        cached.key(method="HEAD", accept_language="fr"),
    }
    assert len(keys) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"accept_language": "ko-KR"},
        {"cookie": "language=ko"},
        {"host": "b.example"},
        {"path": "/b"},
    ],
)
def test_another_language_host_or_address_is_another_answer(fields: dict[str, str]) -> None:
    cached = Cached()
    assert cached.key(**fields) != cached.key()


@pytest.mark.parametrize(
    ("kept", "fields"),
    [
        (True, [("x-accel-expires", "2")]),
        (True, [("cache-control", "public, max-age=5"), ("vary", "Cookie, Authorization")]),
        (True, [("cache-control", "Public, max-age=5")]),
        (False, []),
        (False, [("x-accel-expires", "0")]),
        (False, [("x-accel-expires", "0"), ("cache-control", "public, max-age=5")]),
        (False, [("cache-control", "private, no-cache")]),
        (False, [("cache-control", "max-age=5")]),
        (False, [("cache-control", "public, max-age=0")]),
        (False, [("cache-control", "public, no-store")]),
        (False, [("x-accel-expires", "2"), ("set-cookie", "csrftoken=1")]),
        (False, [("x-accel-expires", "2"), ("vary", "Cookie, User-Agent")]),
        (False, [("x-accel-expires", "2"), ("vary", "*")]),
    ],
)
def test_what_may_be_kept(kept: bool, fields: Headers) -> None:
    assert Cached().keep(headers=[("content-type", "text/html"), *fields]) == kept


@pytest.mark.parametrize("status", [204, 206, 301, 304, 404, 500])
def test_only_whole_answers_are_kept(status: int) -> None:
    assert not Cached().keep(status=status)


def test_a_form_of_one_browser_is_never_kept() -> None:
    assert not Cached().keep(body=b'<input name="csrfmiddlewaretoken" value="secret">')


def test_whoever_asks_for_ever_other_addresses_fills_no_memory() -> None:
    cached = Cached(CacheLimits(entries=10, max_bytes=1 << 20))
    for number in range(100):
        assert cached.keep(f"/{number}")
    assert sum(cached.has(f"/{number}") for number in range(100)) == 10
    assert cached.has("/99")


def test_large_answers_push_out_others_and_larger_ones_are_not_kept() -> None:
    cached = Cached(CacheLimits(max_bytes=25_000, max_size=20_000))
    assert cached.keep("/a")
    assert cached.keep("/b")
    assert cached.keep("/c")
    assert not cached.has("/a")
    assert cached.has("/c")
    assert not cached.keep("/d", body=bytes(20_001))


def test_what_is_too_old_makes_room_first() -> None:
    cached = Cached(CacheLimits(entries=2))
    cached.keep("/a")
    cached.clock.advance(2)
    cached.keep("/b")
    cached.keep("/c")
    assert cached.has("/b")
    assert cached.has("/c")


def test_texts_are_compressed_and_their_tag_becomes_weak() -> None:
    headers: Headers = [*PAGE, ("etag", '"one"')]
    (plain, body), (packed, smaller) = (
        encoded(headers, BODY, gzip_taken=gzip_taken) for gzip_taken in (False, True)
    )
    assert body == BODY
    assert gzip.decompress(smaller) == BODY
    assert dict(packed)["content-encoding"] == "gzip"
    assert "content-encoding" not in dict(plain)
    for fields in (dict(plain), dict(packed)):
        assert fields["etag"] == 'W/"one"'
        assert fields["vary"] == "Cookie, Accept-Language, accept-encoding"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([("content-type", "text/html"), ("etag", '"one"')], b"short"),
        ([("content-type", "image/jpeg"), ("etag", '"one"')], BODY),
        ([("content-type", "text/html"), ("content-encoding", "br")], BODY),
        ([("content-type", "text/html"), ("cache-control", "no-transform")], BODY),
        ([], BODY),
    ],
)
def test_what_is_not_compressed(headers: Headers, body: bytes) -> None:
    assert encoded(headers, body, gzip_taken=True) == (headers, body)
