"""Recordings that nginx sends for the role `files`: X-Accel-Redirect, on a real nginx."""

from __future__ import annotations

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
from tests.support.station import free_ports
from tests.support.stations import SINGLE, station_file

pytestmark = pytest.mark.skipif(
    shutil.which("nginx", path="/usr/sbin:/usr/bin") is None, reason="needs nginx"
)

MOVIE = bytes(range(256)) * 4096
SECRET = b"nobody's business"
VIDEO = "/vod/4fG7hJkLmNpQ/720p.mp4"
FILE = "/internal-media/recordings/4fG7hJkLmNpQ/720p/1.mp4"


@dataclass
class Site:
    """The deployed nginx before a server that answers as the role `files` does."""

    port: int
    redirects: dict[str, str] = field(default_factory=dict)
    """X-Accel-Redirect by path; everything else is refused with 404."""
    received: list[tuple[str, int]] = field(default_factory=list)
    """Paths and sizes of bodies that the role got."""

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[HTTPResponse, bytes]:
        """Return an answer of nginx and its body."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers={"Host": "tv.example.org", **names})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer, body

    def redirected(self, target: str) -> tuple[HTTPResponse, bytes]:
        """Return the answer where the role tells nginx to send `target`."""
        self.redirects[VIDEO] = target
        return self.ask(VIDEO)


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
                self.send_header("Cache-Control", "private, max-age=60")
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
    site.redirects[VIDEO] = FILE


def test_a_file_is_sent_with_the_headers_of_the_role(site: Site) -> None:
    answer, body = site.ask(VIDEO)
    assert (answer.status, body) == (200, MOVIE)
    assert answer.headers["Content-Type"] == "video/mp4"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="show.mp4"'
    assert answer.headers["Cache-Control"] == "private, max-age=60"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("100-199", 100, 200), ("-5", len(MOVIE) - 5, len(MOVIE)), ("1048000-", 1_048_000, None)],
)
def test_a_range_is_sent(site: Site, asked: str, start: int, end: int | None) -> None:
    answer, body = site.ask(VIDEO, Range=f"bytes={asked}")
    assert (answer.status, body) == (206, MOVIE[start:end])
    last = start + len(body) - 1
    assert answer.headers["Content-Range"] == f"bytes {start}-{last}/{len(MOVIE)}"


def test_a_range_behind_the_end_is_refused(site: Site) -> None:
    answer, _ = site.ask(VIDEO, Range=f"bytes={len(MOVIE)}-")
    assert answer.status == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(MOVIE)}"


def test_a_range_of_another_version_is_answered_with_the_whole(site: Site) -> None:
    tag = site.ask(VIDEO, "HEAD")[0].headers["ETag"]
    answer, body = site.ask(VIDEO, Range="bytes=0-9", If_Range=tag)
    assert (answer.status, body) == (206, MOVIE[:10])
    answer, body = site.ask(VIDEO, Range="bytes=0-9", If_Range='"another"')
    assert (answer.status, body) == (200, MOVIE)
    assert site.ask(VIDEO, If_None_Match=tag)[0].status == 304


def test_head_tells_the_size(site: Site) -> None:
    answer, body = site.ask(VIDEO, "HEAD")
    assert (answer.status, body) == (200, b"")
    assert answer.headers["Content-Length"] == str(len(MOVIE))


def test_a_refusal_of_the_role_is_a_refusal(site: Site) -> None:
    for method in ("GET", "HEAD"):
        answer, body = site.ask("/vod/another/720p.mp4", method, Range="bytes=0-9")
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
    answer, body = site.redirected(target)
    assert answer.status in {403, 404, 503}
    assert SECRET not in body


def test_uploads_of_any_size_go_to_the_role(site: Site) -> None:
    connection = HTTPConnection("127.0.0.1", site.port, timeout=10)
    connection.request("PATCH", "/files/1", MOVIE * 3, {"Host": "tv.example.org"})
    assert connection.getresponse().status == 404
    connection.close()
    assert ("/files/1", 3 * len(MOVIE)) in site.received
