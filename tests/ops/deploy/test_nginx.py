"""Limits, cache and logs of the deployed nginx, on a real one before a server of the test."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from madang.ops.deploy.model.layout import machines
from madang.ops.deploy.model.station_file import load_station
from madang.ops.deploy.texts import nginx, nginx_limits, security
from tests.support.nginx import deployed_site, running_nginx
from tests.support.station import free_ports, until
from tests.support.stations import MINIMAL, SINGLE, station_file

pytestmark = pytest.mark.skipif(
    shutil.which("nginx", path="/usr/sbin:/usr/bin") is None, reason="needs nginx"
)

PIPELINED: Final = 500
"""Requests on one connection; nginx closes it after 1,000."""

SCHOOL: Final = 300
NAT: Final = 2000
Headers = dict[str, str]
Answer = tuple[int, Headers, str]
"""Status, headers by lower-case name, and body."""


class Upstream:
    """HTTP server in place of the station; requests below /live/ wait for `part`."""

    def __init__(self) -> None:
        self.part = asyncio.Event()
        self._waiting = asyncio.Semaphore(0)
        self.asked: Counter[str] = Counter()
        self.codings: list[str] = []
        """Content codings that nginx asked for, of each request."""
        self.connections: list[asyncio.StreamWriter] = []
        self.headers: Headers = {}
        """Headers of answers besides the length."""

    async def asked_for(self, count: int) -> None:
        """Wait until `count` requests wait for the part."""
        for _ in range(count):
            await self._waiting.acquire()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        while head := (await reader.readuntil(b"\r\n\r\n")).decode("latin-1"):
            path = head.split(" ")[1]
            self.asked[path] += 1
            coding = re.search(r"^accept-encoding: *(.*)\r$", head, re.MULTILINE | re.IGNORECASE)
            self.codings.append(coding[1] if coding else "")
            if path.startswith(("/live/", "/vod/")):
                self._waiting.release()
                await self.part.wait()
            more = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
            body = f"{path} {self.asked[path]}".encode()
            writer.write(
                f"HTTP/1.1 200 OK\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body
            )


class Client:
    """Keeps one connection to nginx."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        lines = "".join(f"{key.replace('_', '-')}: {text}\r\n" for key, text in headers.items())
        length = "Content-Length: 0\r\n" if method == "POST" else ""
        writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: tv.example.org\r\n{length}{lines}\r\n".encode()
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        found = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])
        }
        body = await reader.readexactly(int(found.get("content-length", 0)))
        if found.get("connection") == "close":
            writer.close()
            self._streams = None
        return int(head[0].split(" ")[1]), found, body.decode()


class Flood:
    """The answers to a flood of requests."""

    def __init__(self, received: list[bytes]) -> None:
        answers = b"".join(received).decode().split("HTTP/1.1 ")[1:]
        self.statuses = Counter(int(answer[:3]) for answer in answers)
        """Return the number of answers with each status."""
        self.refusal = next((answer for answer in answers if answer.startswith("429")), "")


class Site:
    """The deployed nginx with its upstream; the ports are those of 443 and 80."""

    def __init__(
        self, folder: Path, upstream: Upstream, server: asyncio.Server, ports: dict[int, int]
    ) -> None:
        self.folder, self.upstream = folder, upstream
        self._server = server
        self.port, self.plain = ports[443], ports[80]

    def stop_upstream(self) -> None:
        self._server.close()
        for connection in self.upstream.connections:
            connection.close()

    def client(self) -> Client:
        return Client(self.port)

    async def flood(self, count: int, path: str, method: str = "GET", lines: str = "") -> Flood:
        """Send `count` requests of one address as fast as nginx takes them."""
        connections = range(0, count, PIPELINED)
        return Flood(
            await asyncio.gather(
                *(
                    self._pipeline(min(PIPELINED, count - start), path, method, lines)
                    for start in connections
                )
            )
        )

    async def _pipeline(self, count: int, path: str, method: str, lines: str) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        request = (
            f"{method} {path} HTTP/1.1\r\nHost: tv.example.org\r\n{lines}Content-Length: 0\r\n"
        )
        writer.write(f"{request}\r\n".encode() * (count - 1))
        writer.write(f"{request}Connection: close\r\n\r\n".encode())
        answers = await reader.read(-1)
        writer.close()
        return answers

    def log(self, name: str) -> list[str]:
        return (self.folder / "var/log/nginx" / Path(name).name).read_text().splitlines()


@asynccontextmanager
async def running_site(folder: Path, *, quick: bool) -> AsyncIterator[Site]:
    """Run nginx before an `Upstream`; `quick` pages are answered by nginx itself."""
    upstream = Upstream()
    server = await asyncio.start_server(upstream.answer, "127.0.0.1", 0, backlog=4096)
    station = load_station(station_file(folder, SINGLE))
    slow: int = server.sockets[0].getsockname()[1]
    secure, plain, pages = free_ports(3)
    ports = {80: plain, 443: secure, 8000: pages if quick else slow, 8001: slow, 8002: slow}
    ports[8003] = slow
    text = deployed_site(folder, nginx.site(station, machines(station)[0], (1, 18)), ports)
    text += f"server {{ listen 127.0.0.1:{pages}; location / {{ return 200; }} }}"
    for path, page in nginx_limits.pages(station).items():
        file = folder / nginx_limits.PAGES.strip("/") / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(page)
    with running_nginx(folder, text, ports[443]):
        yield Site(folder, upstream, server, ports)
    server.close()


def on_site(folder: Path, test: Callable[[Site], Awaitable[Any]], *, quick: bool = False) -> None:
    async def run() -> None:
        async with running_site(folder, quick=quick) as site, asyncio.timeout(90):
            await test(site)

    asyncio.run(run())


def test_a_school_waits_for_playlists_and_its_pages_are_answered(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        viewers = [asyncio.create_task(site.client().get("/live/yard/x")) for _ in range(600)]
        await site.upstream.asked_for(len(viewers))
        assert (await site.flood(1200, "/@yard")).statuses == {200: 1200}
        site.upstream.part.set()
        assert {(await viewer)[0] for viewer in viewers} == {200}

    on_site(tmp_path, test, quick=True)


def test_everybody_behind_a_carriers_nat_opens_the_page_at_once_and_a_flood_is_told(
    tmp_path: Path,
) -> None:
    async def test(site: Site) -> None:
        site.upstream.part.set()
        assert (await site.flood(NAT, "/@yard")).statuses == {200: NAT}
        found = await site.flood(1000, "/@yard", lines="Accept-Language: ko-KR,ko;q=0.9\r\n")
        assert "retry-after: 5\r\n" in found.refusal.lower()
        assert "content-type: text/html; charset=utf-8\r\n" in found.refusal.lower()
        assert "cache-control: no-store\r\n" in found.refusal.lower()
        assert '<html lang="ko">' in found.refusal
        assert "요청이 한꺼번에 몰렸습니다" in found.refusal
        # Video, files of pages and the API have nothing to do with it.
        for path in ("/live/yard/x", "/vod/x", "/static/icon.svg", "/socket.io/", "/api/v1/live"):
            assert (await site.client().get(path))[0] == 200
        refused = [line for line in site.log(nginx_limits.ACCESS_LOG) if '" 429 ' in line]
        assert len(refused) < found.statuses[429] / 2

    on_site(tmp_path, test, quick=True)


def test_a_school_signs_in_at_once_and_a_flood_is_refused_on_that_path_alone(
    tmp_path: Path,
) -> None:
    async def test(site: Site) -> None:
        path = "/accounts/login/"
        assert (await site.flood(SCHOOL, path, "POST")).statuses == {200: SCHOOL}
        found = await site.flood(1000, path, "POST")
        assert "retry-after: 5\r\n" in found.refusal.lower()
        assert '<html lang="en">' in found.refusal
        for path in ("/accounts/login/", "/@yard"):
            assert (await site.client().get(path))[0] == 200

    on_site(tmp_path, test, quick=True)


def test_the_api_is_refused_with_a_problem(tmp_path: Path) -> None:
    station = load_station(station_file(tmp_path, MINIMAL))
    problem = json.loads(nginx_limits.pages(station)["madang-pages/busy.ko.json"])
    assert problem == {
        "type": "https://tv.example.org/api/problems/too-many-requests",
        "title": "요청이 한꺼번에 몰렸습니다",
        "status": 429,
        "detail": problem["detail"],
        "retry_after": 5,
    }


def test_a_page_is_kept_for_anonymous_readers_by_language(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        site.upstream.headers = {"X-Accel-Expires": "60", "Vary": "Cookie, Accept-Language"}
        client = site.client()

        async def asked(**headers: str) -> str:
            return (await client.get("/@yard", **headers))[2]

        first = await asked(Cookie="theme=dark", Accept_Language="de,en;q=0.7")
        assert await asked(Cookie="device=1", Accept_Language="en-GB") == first
        assert await asked(Cookie="device=1", Accept_Language="fr,ko;q=0.5") != first
        assert await asked(Cookie="django_language=ko", Accept_Language="en") != first
        for cookie in ("sessionid=1", "messages=1"):
            assert await asked(Cookie=cookie) != first
        assert await asked(Authorization="Bearer x") != first
        assert await asked() == first
        site.upstream.headers |= {"Set-Cookie": "csrftoken=1"}
        texts = [(await client.get("/"))[2] for _ in range(2)]
        assert len(set(texts)) == 2

    on_site(tmp_path, test)


def test_the_cache_has_answers_as_the_station_compresses_them(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        site.upstream.headers = {"X-Accel-Expires": "60", "Vary": "Cookie, accept-encoding"}
        client = site.client()
        accepted = ("gzip, deflate, br", "br;q=1.0, gzip;q=0.8", "GZIP", "deflate,gzip ; q=0.001")
        packed = {(await client.get("/@yard", Accept_Encoding=each))[2] for each in accepted}
        refused = ("", "br", "gzip;q=0", "gzip; q=0.000, br", "x-gzip", "gzipped")
        plain = {(await client.get("/@yard", Accept_Encoding=each))[2] for each in refused}
        assert len(packed) == len(plain) == 1
        assert packed != plain
        assert site.upstream.codings == ["gzip", ""]

    on_site(tmp_path, test)


def test_while_the_station_restarts_its_page_is_shown_or_words_in_the_readers_language(
    tmp_path: Path,
) -> None:
    async def test(site: Site) -> None:
        site.upstream.headers = {"X-Accel-Expires": "1"}
        client = site.client()
        kept = (await client.get("/"))[2]
        site.stop_upstream()
        status, headers, body = await client.get("/@yard", Accept_Language="ko")
        assert (status, headers["retry-after"]) == (503, "5")
        assert "방송국이 다시 시작하고 있습니다" in body
        status, headers, body = await client.get("/api/v1/live")
        assert headers["content-type"] == "application/problem+json"
        assert (status, json.loads(body)["status"]) == (503, 503)
        assert (await client.get("/"))[2] == kept

    on_site(tmp_path, test)


def test_lines_have_a_bounded_length_and_only_tools_of_attackers_are_probes(
    tmp_path: Path,
) -> None:
    async def test(site: Site) -> None:
        client = site.client()
        await client.get(f"/@yard?{'x' * 7000}", User_Agent="y" * 900, Referer='z" 429 ' * 90)
        until(lambda: bool(site.log(nginx_limits.ACCESS_LOG)), "the line is written")
        assert len(site.log(nginx_limits.ACCESS_LOG)[-1]) < 700
        # A page elsewhere that names such addresses, and pages of ours with such names.
        await client.get("/wp-login.php", Sec_Fetch_Site="cross-site")
        for path in ("/@wp-admin", "/@env", "/files/wp-content.mp4", "/live/.env"):
            await asyncio.wait_for(site.client().get(path), 5)
        assert site.log(nginx_limits.PROBES_LOG) == []
        for path in ("/wp-login.php", "/blog/wp-admin/", "/.env", "/.git/config"):
            await client.get(path)
        for port in (site.port, site.plain):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
            writer.write_eof()
            assert b" 400 " in await reader.read()
            writer.close()
        until(lambda: len(site.log(nginx_limits.PROBES_LOG)) == 6, "all are logged")
        found = site.log(nginx_limits.PROBES_LOG)
        assert len(found) == len(matches(security.FILTER_PROBES, found))

    async def with_parts(site: Site) -> None:
        site.upstream.part.set()
        await test(site)

    on_site(tmp_path, with_parts)


def matches(filter_text: str, lines: list[str]) -> list[str]:
    """Return the addresses that Fail2ban's filter finds in `lines`, without their dates."""
    (expression,) = re.findall(r"^failregex = (.*)$", filter_text, re.MULTILINE)
    pattern = re.compile(expression.replace("<HOST>", r"(?P<host>[0-9a-f.:]+)"))
    found = (pattern.search(line) for line in lines)
    return [match["host"] for match in found if match]
