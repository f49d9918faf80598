from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from madang.servers.http.static import StaticFiles
from tests.support.data_plane import Port, listening

if TYPE_CHECKING:
    from madang.station.config.settings import Settings

MAX_CACHED = 2000

CSS = b"body { color: teal }\n" * 50


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    assets = tmp_path / "dist" / "assets"
    assets.mkdir(parents=True)
    (tmp_path / "plain.css").write_bytes(CSS)
    (tmp_path / "swagger-ui-bundle.js").write_bytes(b"//")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    (tmp_path / "large.bin").write_bytes(bytes(MAX_CACHED + 1))
    (assets / "site-CLkvqst_.js").write_bytes(b"//")
    (assets / "site-CLkvqst_.js.br").write_bytes(b"brotli")
    return tmp_path


@pytest.fixture
def port(folder: Path) -> Iterator[Port]:
    def find(name: str) -> Path | None:
        path = folder / name
        return path if path.is_file() else None

    with listening(StaticFiles(find, max_cached=MAX_CACHED)) as port:
        yield port


def test_text_is_sent_compressed_to_who_takes_it(port: Port) -> None:
    plain = port.ask("/static/plain.css")
    zipped = port.ask("/static/plain.css", accept_encoding="br, gzip;q=0.5")
    refused = port.ask("/static/plain.css", accept_encoding="gzip;q=0")
    assert plain.body == refused.body == CSS
    assert gzip.decompress(zipped.body) == CSS
    assert zipped.headers["content-encoding"] == "gzip"
    assert plain.headers["vary"] == zipped.headers["vary"] == "accept-encoding"
    assert plain.headers["content-type"] == "text/css; charset=utf-8"
    assert plain.headers["x-content-type-options"] == "nosniff"


def test_a_built_file_is_sent_in_brotli_to_who_takes_it(port: Port) -> None:
    address = "/static/dist/assets/site-CLkvqst_.js"
    packed = port.ask(address, accept_encoding="gzip, deflate, br")
    assert (packed.headers["content-encoding"], packed.body) == ("br", b"brotli")
    assert packed.headers["etag"] == port.ask(address).headers["etag"]
    zipped = port.ask(address, accept_encoding="gzip, br;q=0")
    assert (zipped.headers["content-encoding"], gzip.decompress(zipped.body)) == ("gzip", b"//")
    assert port.ask(address).body == b"//"


def test_pictures_are_not_compressed_again(port: Port) -> None:
    answer = port.ask("/static/picture.png", accept_encoding="gzip")
    assert "content-encoding" not in answer.headers
    assert answer.headers["content-type"] == "image/png"


def test_what_the_browser_has_is_not_sent_again_until_it_changes(port: Port, folder: Path) -> None:
    etag = port.ask("/static/plain.css").headers["etag"]
    again = port.ask("/static/plain.css", if_none_match=etag)
    assert (again.status, again.body) == (304, b"")
    (folder / "plain.css").write_bytes(b"new")
    os.utime(folder / "plain.css", (1, 1))
    assert port.ask("/static/plain.css", if_none_match=etag).body == b"new"


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("dist/assets/site-CLkvqst_.js", "public, max-age=31536000, immutable"),
        ("swagger-ui-bundle.js", "no-cache"),
        ("plain.css", "no-cache"),
    ],
)
def test_only_names_with_a_hash_of_their_content_are_kept_for_ever(
    port: Port, path: str, kept: str
) -> None:
    assert port.ask(f"/static/{path}").headers["cache-control"] == kept


def test_a_large_file_is_sent_whole_and_head_says_how_long_it_is(port: Port) -> None:
    size = MAX_CACHED + 1
    assert port.ask("/static/large.bin").body == bytes(size)
    head = port.ask("/static/large.bin", "HEAD")
    assert head.body == b""
    assert head.headers["content-length"] == str(size)


def test_a_large_file_has_ranges_and_is_not_sent_again(port: Port) -> None:
    part = port.ask("/static/large.bin", range="bytes=0-9")
    assert (part.status, part.body) == (206, bytes(10))
    assert part.headers["content-type"] == "application/octet-stream"
    again = port.ask("/static/large.bin", if_none_match=part.headers["etag"])
    assert (again.status, again.body) == (304, b"")


def test_files_can_only_be_read(port: Port) -> None:
    answer = port.ask("/static/plain.css", "POST", b"x")
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "../secret",
        "..%2fsecret",
        "%2e%2e/secret",
        "%2e%2e%2fsecret",
        "dist/../../secret",
        "..\\secret",
        "..%5csecret",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "icon.svg%00.css",
        "dist",
        "dist/",
        "%ff%fe",
        "a" * 5000,
    ],
)
def test_nothing_outside_the_folders_is_sent(station: Settings, path: str) -> None:
    from madang.station.django import static_files as finder

    with listening(StaticFiles(finder.find)) as port:
        assert port.say(f"GET /static/{path} HTTP/1.1", "Host: x").startswith(b"HTTP/1.1 404")
        assert port.ask("/static/icon.svg").status == 200
