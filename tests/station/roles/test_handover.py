"""Releases without a gap: a process is replaced by another while clients knock."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from madang.ops.deploy.model.layout import INTERNAL_PREFIX, MEDIA, machines
from madang.ops.deploy.model.station_file import load_station
from madang.ops.deploy.texts import nginx
from tests.station.roles.test_roles import ask
from tests.support.encoders import Recipe, publish, sample
from tests.support.markdown import example_of
from tests.support.nginx import deployed_site, running_nginx, without_tls
from tests.support.split import Split, listening, port_of, split_station
from tests.support.station import free_ports, until
from tests.support.stations import SINGLE, station_file

pytestmark = [pytest.mark.e2e, pytest.mark.alone]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Split]:
    with split_station(tmp_path_factory.mktemp("handover"), "yard", HTTP__PROCESSES="1") as station:
        yield station


@pytest.fixture
def split(stores: Split) -> Iterator[Split]:
    """The station without a process: what a test that failed left running is ended."""
    yield stores
    stores.end_all()


class Load:
    """Clients that ask one after the other until the end; some keep their connection."""

    def __init__(self, port: int, path: str, clients: int = 4, *, keeping: bool) -> None:
        self._port = port
        self._path = path
        self._keeping = keeping
        self._over = threading.Event()
        self.answered = 0
        self.failed: list[str] = []
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        connection = None
        while not self._over.is_set():
            if connection is None or not self._keeping:
                connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
            try:
                headers = {} if self._keeping else {"Connection": "close"}
                connection.request("GET", self._path, headers=headers)
                answer = connection.getresponse()
                answer.read()
                if answer.status == 200:
                    self.answered += 1
                else:
                    self.failed.append(f"HTTP {answer.status}")
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
                connection = None


def say_hello(address: str, slug: str) -> str:
    """Say something in a chat, with a client that is not ours, and return what came back of it."""
    import socketio

    async def talk() -> str:
        heard: asyncio.Queue[list[dict[str, str]]] = asyncio.Queue()
        client = socketio.AsyncClient(reconnection=False)
        client.on("messages", heard.put)
        await client.connect(
            address, auth={"channel": slug, "name": "minji"}, transports=["websocket"]
        )
        try:
            await client.call("message", {"text": "여기 마당이에요"}, timeout=10)
            async with asyncio.timeout(10):
                while not (messages := await heard.get()):
                    pass
            return messages[-1]["text"]
        finally:
            await client.disconnect()

    return asyncio.run(talk())


@pytest.mark.parametrize("keeping", [False, True], ids=["new connections", "kept connections"])
def test_no_request_fails_while_web_is_replaced(split: Split, *, keeping: bool) -> None:
    with listening() as bound:
        web = split.start("web", sockets={"http": bound})
        with Load(port_of(bound), "/api/v1/stats", keeping=keeping) as load:
            for _ in range(2):
                before = load.answered
                until(lambda seen=before: load.answered > seen + 20, "answers", within=45)
                web.stop()
                web = split.start("web", sockets={"http": bound})
            before = load.answered
            until(lambda: load.answered > before + 20, "answers", within=45)
        web.stop()
    assert load.failed == []
    assert load.answered > 60


def test_live_is_replaced_with_one_reconnect_and_numbers_that_rise(split: Split) -> None:
    """Check that the new process answers what waits at the sockets."""
    playlist = "/live/yard/source/media.m3u8"
    picture = sample(Recipe(length=60.0))

    def numbers(text: str) -> tuple[int, int]:
        first = next(x for x in text.splitlines() if x.startswith("#EXT-X-MEDIA-SEQUENCE:"))
        return int(first.partition(":")[2]), text.count("#EXTINF")

    with listening() as http_socket, listening() as rtmp_socket:
        sockets = {"http": http_socket, "rtmp": rtmp_socket}
        web_address = f"127.0.0.1:{port_of(http_socket)}"
        url = f"rtmp://127.0.0.1:{port_of(rtmp_socket)}/live/{split.station.keys['yard']}"
        live = split.start("live", sockets=sockets)
        with publish(picture, url, loop=True) as encoder:
            until(lambda: "#EXTINF" in ask(web_address, playlist)[1], "on the air", within=45)
            first, count = numbers(ask(web_address, playlist)[1])
            seen: list[tuple[int, str]] = []
            broken: list[str] = []
            over = threading.Event()

            def watch() -> None:
                while not over.is_set():
                    try:
                        seen.append(ask(web_address, playlist))
                    except (OSError, http.client.HTTPException) as error:
                        broken.append(repr(error))
                    time.sleep(0.05)

            viewer = threading.Thread(target=watch)
            viewer.start()
            try:
                began = time.monotonic()
                live.stop()
                said = encoder.ended()
                successor = split.start("live", sockets=sockets)
                with publish(picture, url, loop=True):  # as OBS reconnects
                    until(
                        lambda: any(
                            status == 200 and numbers(text)[0] > first + count
                            for status, text in seen[-3:]
                        ),
                        "the new process's stream",
                        within=20,
                    )
                    took = time.monotonic() - began
            finally:
                over.set()
                viewer.join()
        successor.stop()
    assert said
    assert took < 30, "within the default grace period"
    # Nobody was refused a connection, nobody was told that it is over, and numbers only rose.
    assert broken == []
    assert {status for status, _ in seen} <= {200, 503, 404}
    assert not any("#EXT-X-ENDLIST" in text for _, text in seen)
    edges = [sum(numbers(text)) for status, text in seen if status == 200]
    assert edges == sorted(edges)


def test_nginx_as_documented_leads_each_address_to_its_role(split: Split, tmp_path: Path) -> None:
    web = split.start("web")
    live, chat, files = split.start("live"), split.start("chat"), split.start("files")
    (port,) = free_ports(1)
    upstreams = {"8000": web, "8001": live, "8002": chat, "8003": files}
    servers = without_tls(
        example_of("roles.md", "nginx"),
        port,
        {f"127.0.0.1:{usual}": role.http for usual, role in upstreams.items()},
    )
    front = f"127.0.0.1:{port}"
    url = f"rtmp://{live.rtmp}/live/{split.station.keys['yard']}"
    with running_nginx(tmp_path, servers, port), publish(sample(Recipe(length=60.0)), url):
        assert "</html>" in ask(front, "/@yard")[1]
        assert ask(front, "/static/icon.svg")[0] == 200
        assert ask(front, "/api/v1/stats")[0] == 200
        until(lambda: "#EXTINF" in ask(front, "/live/yard/source/media.m3u8")[1], "on the air")
        text = ask(front, "/live/yard/source/media.m3u8")[1]
        part = text.split("#EXT-X-PART:")[-1].split('URI="')[1].split('"')[0]
        assert ask(front, f"/live/yard/source/{part}")[0] == 200
        # A reload that waits: nginx hands on the answer when it comes.
        first = int(text.split("#EXT-X-MEDIA-SEQUENCE:")[1].split()[0])
        ahead = first + text.count("#EXTINF") + 1
        assert ask(front, f"/live/yard/source/media.m3u8?_HLS_msn={ahead}&_HLS_part=0")[0] == 200
        # The recording, which the one process writes and the other serves.
        rewind = json.loads(ask(front, "/live/yard/status.json")[1])["rewind_url"]
        until(lambda: ask(front, rewind)[0] == 200, "the recording is served")
        # Socket.IO, which only the chat speaks.
        assert say_hello(f"http://{front}", "yard") == "여기 마당이에요"
        # What is for this machine only is not, through a proxy.
        assert ask(front, "/live/operator.json")[0] == 403
        assert ask(front, "/metrics")[0] == 403
        with Load(port, "/api/v1/stats", keeping=True) as load:
            until(lambda: load.answered > 50, "answers", within=45)
        assert load.failed == []
    for role in (web, live, chat, files):
        role.stop()


def test_the_deployed_nginx_sends_a_finished_recording_by_itself(
    split: Split, tmp_path: Path
) -> None:
    live = split.start("live", environment={"MADANG_LIVE__GRACE": "1"})
    prefix = {"MADANG_STORAGE__INTERNAL_PREFIX": INTERNAL_PREFIX}
    files = split.start("files", environment=prefix)
    secure, plain, nobody = free_ports(3)
    ports = {80: plain, 443: secure, 8000: nobody, 8002: nobody}
    ports |= {8001: int(live.http.split(":")[1]), 8003: int(files.http.split(":")[1])}
    station = load_station(station_file(tmp_path, SINGLE))
    servers = deployed_site(tmp_path, nginx.site(station, machines(station)[0], (1, 18)), ports)
    media = split.station.data / "media"
    servers = servers.replace(f"{tmp_path}{MEDIA}", str(media))
    front = f"127.0.0.1:{secure}"
    url = f"rtmp://{live.rtmp}/live/{split.station.keys['yard']}"
    with running_nginx(tmp_path, servers, secure):
        with publish(sample(Recipe(length=60.0)), url) as encoder:
            until(lambda: ask(front, "/live/yard/index.m3u8")[0] == 200, "on the air")
            rewind = json.loads(ask(front, "/live/yard/status.json")[1])["rewind_url"]
            playlist = rewind.replace("index.m3u8", "source/media.m3u8")
            until(lambda: "#EXTINF" in ask(front, playlist)[1], "the show is rewound")
            encoder.finish()
        until(lambda: "#EXT-X-ENDLIST" in ask(front, playlist)[1], "the show is over", within=30)
        file = playlist.replace("media.m3u8", "1.mp4")
        stored = (media / "recordings" / file.removeprefix("/vod/")).read_bytes()
        for address in (file, playlist.replace("/media.m3u8", ".mp4?download=1")):
            answer, body = answer_of(front, address, {"Range": "bytes=100-199"})
            assert (answer.status, body) == (206, stored[100:200])
            answer, body = answer_of(front, address, {})
            assert (answer.status, body) == (200, stored)
        # The role said so, and sent nothing.
        answer, body = answer_of(files.http, file, {"X-Forwarded-For": "192.0.2.1"})
        target = f"{INTERNAL_PREFIX}recordings/{file.removeprefix('/vod/')}"
        assert (answer.headers["X-Accel-Redirect"], body) == (target, b"")
    for role in (live, files):
        role.stop()


def answer_of(
    address: str, path: str, headers: dict[str, str]
) -> tuple[http.client.HTTPResponse, bytes]:
    """Return an answer and its body."""
    connection = http.client.HTTPConnection(address, timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body
