"""Recordings that nginx sends for the role `files`: X-Accel-Redirect, on a real nginx."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from madang.ops.deploy.model.layout import MEDIA, machines
from madang.ops.deploy.model.station_file import load_station
from madang.ops.deploy.texts import nginx
from tests.support.nginx import deployed_site, running_nginx
from tests.support.station import free_ports, until
from tests.support.stations import SINGLE, station_file

pytestmark = pytest.mark.skipif(
    shutil.which("nginx", path="/usr/sbin:/usr/bin") is None, reason="needs nginx"
)

MOVIE = bytes(range(256)) * 4096
SECRET = b"nobody's business"
VIDEO = "/vod/4fG7hJkLmNpQ/720p.mp4"
SEGMENTS = "/vod/4fG7hJkLmNpQ/720p/1.mp4"
"""Addresses of a download, and of the file that playlists name."""

BOTH = pytest.mark.parametrize("address", [VIDEO, SEGMENTS])
FILE = "/internal-media/recordings/4fG7hJkLmNpQ/720p/1.mp4"


@dataclass
class Site:
    """The deployed nginx before a server that answers as the role `files` does."""

    port: int
    redirects: dict[str, str] = field(default_factory=dict)
    """X-Accel-Redirect by path; everything else is refused with 404."""
    received: list[tuple[str, int]] = field(default_factory=list)
    """Paths and sizes of bodies that the role got."""
    caching: dict[str, str] = field(default_factory=dict)
    """Headers of its answers."""
    addresses: Iterator[int] = field(default_factory=itertools.count)

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[HTTPResponse, bytes]:
        """Return an answer of nginx and its body."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers={"Host": "tv.example.org", **names})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer, body

    def redirected(self, target: str, address: str = VIDEO) -> tuple[HTTPResponse, bytes]:
        """Return the answer where the role tells nginx to send `target`."""
        self.redirects[address] = target
        return self.ask(address)

    def new_address(self) -> str:
        """Return an address of segments that nobody has asked for."""
        return f"/vod/{next(self.addresses):012}/720p/1.mp4"


def handler_of(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = len(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            site.received.append((self.path, size))
            target = site.redirects.get(self.path)
            self.send_response(200 if target else 404)
            if target:
                self.send_header("X-Accel-Redirect", target)
                self.send_header("Content-Type", "video/mp4")
                self.send_header("Content-Disposition", 'attachment; filename="show.mp4"')
                for field in site.caching.items():
                    self.send_header(*field)
                self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_PATCH = do_GET

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    secure, plain, other = free_ports(3)
    site = Site(secure)
    station = load_station(station_file(folder, SINGLE))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler_of(site)) as role:
        Thread(target=role.serve_forever, daemon=True).start()
        # Nobody answers in place of the other roles.
        ports = {80: plain, 443: secure, 8000: other, 8001: other, 8002: other}
        ports[8003] = role.server_port
        text = deployed_site(folder, nginx.site(station, machines(station)[0], (1, 18)), ports)
        media = folder / MEDIA.strip("/")
        file = media / FILE.removeprefix("/internal-media/")
        file.parent.mkdir(parents=True)
        file.write_bytes(MOVIE)
        (media.parent / "secret").write_bytes(SECRET)
        (media / "link").symlink_to(media.parent / "secret")
        with running_nginx(folder, text, secure):
            yield site
        role.shutdown()


@pytest.fixture(autouse=True)
def allowed(site: Site) -> None:
    site.redirects.clear()
    site.redirects |= {VIDEO: FILE, SEGMENTS: FILE}
    site.received.clear()
    site.caching = {"Cache-Control": "private, max-age=60"}


@BOTH
def test_a_file_is_sent_with_the_headers_of_the_role(site: Site, address: str) -> None:
    answer, body = site.ask(address)
    assert (answer.status, body) == (200, MOVIE)
    assert answer.headers["Content-Type"] == "video/mp4"
    if address == VIDEO:
        assert answer.headers["Content-Disposition"] == 'attachment; filename="show.mp4"'
    assert answer.headers["Cache-Control"] == "private, max-age=60"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Accept-Ranges"] == "bytes"


@BOTH
@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("100-199", 100, 200), ("-5", len(MOVIE) - 5, len(MOVIE)), ("1048000-", 1_048_000, None)],
)
def test_a_range_is_sent(site: Site, address: str, asked: str, start: int, end: int | None) -> None:
    answer, body = site.ask(address, Range=f"bytes={asked}")
    assert (answer.status, body) == (206, MOVIE[start:end])
    last = start + len(body) - 1
    assert answer.headers["Content-Range"] == f"bytes {start}-{last}/{len(MOVIE)}"


@BOTH
def test_a_range_behind_the_end_is_refused(site: Site, address: str) -> None:
    answer, _ = site.ask(address, Range=f"bytes={len(MOVIE)}-")
    assert answer.status == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(MOVIE)}"


@BOTH
def test_a_range_of_another_version_is_answered_with_the_whole(site: Site, address: str) -> None:
    tag = site.ask(address, "HEAD")[0].headers["ETag"]
    answer, body = site.ask(address, Range="bytes=0-9", If_Range=tag)
    assert (answer.status, body) == (206, MOVIE[:10])
    answer, body = site.ask(address, Range="bytes=0-9", If_Range='"another"')
    assert (answer.status, body) == (200, MOVIE)
    assert site.ask(address, If_None_Match=tag)[0].status == 304


@BOTH
def test_head_tells_the_size(site: Site, address: str) -> None:
    answer, body = site.ask(address, "HEAD")
    assert (answer.status, body) == (200, b"")
    assert answer.headers["Content-Length"] == str(len(MOVIE))


@pytest.mark.parametrize("path", ["/vod/another/720p.mp4", "/vod/4fG7hJkLmNp0/720p/1.mp4"])
def test_a_refusal_of_the_role_is_a_refusal(site: Site, path: str) -> None:
    for method in ("GET", "HEAD"):
        answer, body = site.ask(path, method, Range="bytes=0-9")
        assert (answer.status, body) == (404, b"")


@pytest.mark.parametrize(
    "path",
    [
        FILE,
        f"/vod/..{FILE}",
        f"/vod/%2e%2e{FILE}",
        f"/vod/%2E%2E%2F{FILE[1:]}",
        f"/{FILE}",
        "/internal-media/",
        "/internal-media/../secret",
        "/internal-media../secret",
    ],
)
def test_nobody_asks_for_files_by_themselves(site: Site, path: str) -> None:
    answer, body = site.ask(path)
    assert answer.status in {404, 503}  # 503: a page of the role web, which is away here
    assert MOVIE not in body
    assert SECRET not in body


@pytest.mark.parametrize(
    "target",
    [
        "/internal-media/../secret",
        "/internal-media/%2e%2e/secret",
        "/internal-media/%2E%2E%2Fsecret",
        "/internal-media/recordings/../../secret",
        "/internal-media../secret",
        "/internal-media/link",
        "/internal-media/recordings/absent.mp4",
        "/internal-media/recordings/",
    ],
)
def test_nothing_but_media_is_sent_whatever_the_role_says(site: Site, target: str) -> None:
    for address in (VIDEO, SEGMENTS):
        answer, body = site.redirected(target, address)
        assert answer.status in {403, 404, 503}
        assert SECRET not in body


SHARED = {"Cache-Control": "public, max-age=30", "X-Accel-Expires": "1"}


def test_nginx_asks_once_in_a_while_for_what_everybody_may_watch(site: Site) -> None:
    site.caching = SHARED
    address = site.new_address()
    site.redirects[address] = FILE
    for number in range(5):
        answer, body = site.ask(f"{address}?{number % 2}", Range=f"bytes={number}-{number + 9}")
        assert (answer.status, body) == (206, MOVIE[number : number + 10])
        assert answer.headers["Cache-Control"] == "public, max-age=30"
    assert site.received == [(address, 0)]
    del site.redirects[address]
    until(lambda: site.ask(address)[0].status == 404, "the permission ends")


def test_nginx_asks_each_time_for_what_some_may_watch(site: Site) -> None:
    site.caching = {"Cache-Control": "private, no-store"}
    address = site.new_address()
    site.redirects[address] = FILE
    assert site.ask(address)[0].status == 200
    del site.redirects[address]
    assert site.ask(address)[0].status == 404


def test_what_the_role_sends_itself_and_other_methods_are_handed_on(site: Site) -> None:
    address = site.new_address()
    assert site.ask(address, "OPTIONS")[0].status == 501  # of the server here
    assert site.received == []
    answer, _ = site.ask(f"{address}?1")
    assert answer.status == 404
    assert [path for path, _ in site.received] == [address, f"{address}?1"]


def test_uploads_of_any_size_go_to_the_role(site: Site) -> None:
    connection = HTTPConnection("127.0.0.1", site.port, timeout=10)
    connection.request("PATCH", "/files/1", MOVIE * 3, {"Host": "tv.example.org"})
    assert connection.getresponse().status == 404
    connection.close()
    assert ("/files/1", 3 * len(MOVIE)) in site.received
