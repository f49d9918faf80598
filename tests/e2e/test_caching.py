"""Table of what browsers and proxies may keep of each kind of answer, and for whom (RFC 9111)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from tests.support.encoders import publish
from tests.support.station import OWNER, PASSWORD, Station, until
from tests.support.web_client import WebClient

SLUG = "cached"


NEVER = "max-age=0, no-cache, no-store, must-revalidate, private"


@dataclass(frozen=True)
class Row:
    """An address, and what its answer must say. `control` is Cache-Control, `inside` what nginx
    may keep (X-Accel-Expires), `validates`: it has an ETag that makes 304, `varies` is Vary."""

    path: str
    control: str
    inside: str = ""
    validates: bool = False
    varies: frozenset[str] = frozenset()
    compressed: bool = True
    status: int = 200


READERS = frozenset({"cookie", "accept-language"})
API = READERS | {"authorization"}
FOREVER = "public, max-age=31536000, immutable"
PAGE = Row("/", "no-cache", "2", varies=READERS)

ROWS = [
    PAGE,
    replace(PAGE, path=f"/@{SLUG}"),
    replace(PAGE, path=f"/embed/@{SLUG}"),
    replace(PAGE, path="/library/"),
    replace(PAGE, path="/search?q=river"),
    Row("/api/v1/live", "public, max-age=2", validates=True, varies=API, compressed=False),
    Row("/api/v1/channels", "public, max-age=5", validates=True, varies=API),
    Row("/api/v1/openapi.json", "", varies=frozenset({"accept-language"})),
    Row("/api/v1/videos/nothing", "no-store", varies=READERS, compressed=False, status=404),
    Row("/accounts/login/", NEVER, varies=READERS),
    Row("SCRIPT", FOREVER, validates=True),
    Row(f"/live/{SLUG}/index.m3u8", "no-cache"),
    Row("/healthz", "no-store", compressed=False),
]


@pytest.fixture(scope="module")
def kept(on_air: Station, picture: Path) -> Iterator[httpx.Client]:
    """A client of the station while a channel is on the air."""
    with (
        publish(picture, on_air.publish_url(SLUG), loop=True),
        httpx.Client(
            base_url=on_air.http, trust_env=False, headers={"Accept-Encoding": "identity"}
        ) as client,
    ):
        until(
            lambda: client.get(f"/live/{SLUG}/index.m3u8").status_code == 200, "on air", within=45
        )
        yield client


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.path)
def test_what_may_be_kept_of_an_answer(kept: httpx.Client, row: Row) -> None:
    path = row.path
    if path == "SCRIPT":
        found = re.search(r'"(/static/dist/assets/[^"]+\.js)"', kept.get(f"/@{SLUG}").text)
        assert found is not None
        path = found[1]
    plain = kept.get(path)
    assert plain.status_code == row.status
    assert plain.headers.get("cache-control", "") == row.control
    assert plain.headers.get("x-accel-expires", "") == row.inside
    varies = {each.strip().lower() for each in plain.headers.get("vary", "").split(",")} - {""}
    assert varies == row.varies | ({"accept-encoding"} if row.compressed else set())
    if row.inside or "public" in row.control:
        assert "set-cookie" not in plain.headers
    packed = kept.get(path, headers={"Accept-Encoding": "gzip"})
    assert (packed.headers.get("content-encoding") == "gzip") == row.compressed
    assert packed.headers.get("etag") == plain.headers.get("etag")
    if row.validates:
        for known in (plain.headers["etag"], packed.headers["etag"], "*"):
            again = kept.get(path, headers={"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers.get("cache-control", "") == row.control
        assert kept.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.fixture
def owner(on_air: Station) -> WebClient:
    """The channels' owner, signed in."""
    client = WebClient(on_air.http.removeprefix("http://"))
    client.sign_in(OWNER, PASSWORD)
    return client


@pytest.mark.parametrize("path", ["/", f"/@{SLUG}", "/library/", "/api/v1/channels", "/studio/"])
def test_what_a_signed_in_person_gets_is_kept_by_nobody(
    kept: httpx.Client, owner: WebClient, path: str
) -> None:
    answer = kept.get(path, headers={"Cookie": owner.cookies})
    assert answer.status_code == 200
    assert "private" in answer.headers["cache-control"]
    assert "public" not in answer.headers["cache-control"]
    assert answer.headers.get("x-accel-expires", "0") == "0"


def test_strangers_see_a_change_a_moment_later(kept: httpx.Client, owner: WebClient) -> None:
    stranger = {"Cookie": "theme=dark; whatever=1"}
    assert "A new title" not in kept.get("/", headers=stranger).text
    status, _page = owner.send(f"/studio/@{SLUG}/details", title="A new title", language="en")
    assert status == 200
    until(lambda: "A new title" in kept.get("/", headers=stranger).text, "the title", within=10)
