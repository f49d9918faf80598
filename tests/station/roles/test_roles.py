"""The station in several processes."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.encoders import Recipe, publish, sample
from tests.support.split import Role, Split, service_manager, split_station
from tests.support.station import MADANG, OWNER, PASSWORD, Station, until

pytestmark = pytest.mark.e2e


def ask(address: str, path: str, **headers: str) -> tuple[int, str]:
    """Status and body."""
    request = urllib.request.Request(f"http://{address}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def live_on(address: str, path: str = "/api/v1/live") -> list[dict[str, Any]]:
    """Return the channels on the air, by the process of the pages."""
    found: list[dict[str, Any]] = json.loads(ask(address, path)[1])["items"]
    return found


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Split]:
    with split_station(
        tmp_path_factory.mktemp("split"), "yard", "hall", "attic", LIVE__GRACE="3"
    ) as station:
        yield station


@pytest.fixture(scope="module")
def picture() -> Path:
    return sample(Recipe(length=60.0))


# --- what cannot be ---


@pytest.mark.parametrize("role", ["web", "live", "chat", "files", "worker"])
def test_a_role_alone_needs_the_stores_that_it_shares(tmp_path: Path, role: str) -> None:
    done = serve(tmp_path, "--role", role)
    assert done.returncode == 1
    assert f"The role {role} shares" in done.stderr
    assert "database.url (postgresql://…) and redis.url (redis://…)" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_role_that_is_not_there_says_so(tmp_path: Path) -> None:
    done = serve(tmp_path, "--role", "edge")
    assert done.returncode == 1
    assert "The role edge is not in this version" in done.stderr


def test_a_role_runs_once_on_a_data_folder_and_not_beside_all(split: Split, web: Role) -> None:
    done = serve(split.station.data, "--role", "web", environment=split.station.environment)
    assert done.returncode == 1
    assert f"A station (process {web.process.pid}) runs on" in done.stderr
    done = serve(split.station.data, environment=split.station.environment)
    assert done.returncode == 1
    assert "runs on" in done.stderr


def serve(
    data: Path, *options: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A start that should not succeed."""
    return subprocess.run(
        [*MADANG, "serve", "--data", str(data), "--http", "127.0.0.1:0", *options],
        env=environment or Station(data).environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


# --- each for itself ---


def test_web_answers_pages_files_and_tools_and_sends_streams_elsewhere(web: Role) -> None:
    status, page = ask(web.http, "/")
    assert status == 200
    assert "</html>" in page
    assert ask(web.http, "/static/icon.svg")[0] == 200
    assert ask(web.http, "/static/nothing.css")[0] == 404
    assert ask(web.http, "/healthz") == (200, "alive\n")
    assert ask(web.http, "/readyz") == (200, "ready\n")
    assert "process_resident_memory_bytes" in ask(web.http, "/metrics")[1]
    assert ask(web.http, "/metrics", **{"X-Forwarded-For": "198.51.100.7"})[0] == 403
    for path in ("/live/yard/index.m3u8", "/socket.io/", "/tracker"):
        assert "Another process" in ask(web.http, path)[1]


def test_live_answers_streams_and_tools_and_sends_pages_elsewhere(live: Role) -> None:
    assert ask(live.http, "/readyz") == (200, "ready\n")
    assert json.loads(ask(live.http, "/live/yard/status.json")[1])["state"] == "offline"
    assert ask(live.http, "/live/nobody/status.json")[0] == 404
    assert "no video" in ask(live.http, "/vod/111111111111/index.m3u8")[1]
    for path in ("/", "/static/icon.svg", "/api/v1/live"):
        assert "Another process" in ask(live.http, path)[1]


def test_files_answers_recordings_and_tools_and_ends_in_order(split: Split) -> None:
    files = split.start("files")
    assert ask(files.http, "/readyz") == (200, "ready\n")
    status, words = ask(files.http, "/vod/111111111111/index.m3u8")
    assert (status, words) == (404, "There is no video at this address.\n")
    assert "madang_sent_bytes_total" in ask(files.http, "/metrics")[1]
    for path in ("/", "/live/yard/index.m3u8", "/socket.io/"):
        assert "Another process" in ask(files.http, path)[1]
    assert files.stop() < 8


def test_a_person_signs_in_and_all_processes_know_them(split: Split, web: Role) -> None:
    """Requests go to either process as it comes."""
    import http.cookiejar
    import urllib.parse

    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    address = f"http://{web.http}/accounts/login/"
    browser.open(address).read()
    token = next(cookie.value for cookie in jar if cookie.name == "csrftoken")
    form = {"login": OWNER, "password": PASSWORD, "csrfmiddlewaretoken": token}
    browser.open(address, urllib.parse.urlencode(form).encode()).read()
    for _ in range(20):
        page = browser.open(f"http://{web.http}/studio/@yard").read().decode()
        assert "yard" in page


def test_a_process_for_pages_that_dies_is_replaced(web: Role) -> None:
    def children() -> list[int]:
        tasks = Path(f"/proc/{web.process.pid}/task/{web.process.pid}/children")
        return [int(pid) for pid in tasks.read_text().split()]

    before = children()
    assert len(before) == 2
    os.kill(before[0], 9)
    until(lambda: len(children()) == 2 and before[0] not in children(), "another child")
    for _ in range(10):
        assert ask(web.http, "/readyz")[0] == 200


# --- together ---


def test_pages_tell_who_is_on_the_air_and_command_the_live_process(
    split: Split, web: Role, live: Role, picture: Path
) -> None:
    url = f"rtmp://{live.rtmp}/live/{split.station.keys['yard']}"
    with publish(picture, url, loop=True):
        # Each of web's processes looks for itself: two answers may be a second apart.
        found = until(lambda: [x for x in live_on(web.http) if x["state"] == "live"], "on the air")
        (status,) = found
        assert status["slug"] == "yard"
        assert status["codecs"].startswith("avc1.")
        assert ask(live.http, "/live/yard/index.m3u8")[0] == 200
        told = split.station.command("status")
        assert told["running"] is True
        assert [entry["slug"] for entry in told["live"]] == ["yard"]
        # On a machine without a live process of its own, such as that of the pages.
        elsewhere = Station(split.station.data.with_name("elsewhere"))
        elsewhere.environment = split.station.environment
        assert [entry["slug"] for entry in elsewhere.command("status")["live"]] == ["yard"]
    until(lambda: not live_on(web.http) or live_on(web.http)[0]["state"] == "interrupted", "gone")


def test_an_encoder_that_comes_to_another_machine_takes_the_channel_there(
    split: Split, web: Role, live: Role, picture: Path
) -> None:
    key = split.station.keys["hall"]
    other = split.start("live", data=split.station.data.with_name("other"))

    def state(at: Role) -> str:
        found: str = json.loads(ask(at.http, "/live/hall/status.json")[1])["state"]
        return found

    def newest(at: Role) -> int:
        text = ask(at.http, "/live/hall/source/media.m3u8")[1]
        first = next(x for x in text.splitlines() if x.startswith("#EXT-X-MEDIA-SEQUENCE:"))
        return int(first.partition(":")[2]) + text.count("#EXTINF")

    with publish(picture, f"rtmp://{live.rtmp}/live/{key}", loop=True) as first:
        until(lambda: state(live) == "live", "on the air here")
        until(lambda: "#EXTINF" in ask(live.http, "/live/hall/source/media.m3u8")[1], "a segment")
        reached = newest(live)
        with publish(picture, f"rtmp://{other.rtmp}/live/{key}", loop=True):
            until(lambda: state(other) == "live", "on the air there")
            until(lambda: not first.running, "the first encoder is sent away")
            assert "another process took it over" in live.said()
            assert (
                state(live) == "offline"
                or "ENDLIST" in ask(live.http, "/live/hall/source/media.m3u8")[1]
            )
            playlist = "/live/hall/source/media.m3u8"
            until(lambda: ask(other.http, playlist)[0] == 200, "a playlist there")
            assert newest(other) > reached
            until(lambda: [x["slug"] for x in live_on(web.http)] == ["hall"], "one of them")
            # The machine dies. Its claim ends, and the channel is free for the first again.
            other.kill()
        with publish(picture, f"rtmp://{live.rtmp}/live/{key}", loop=True):
            until(lambda: state(live) == "live", "on the air here again")


def test_the_worker_closes_what_a_crash_left_open_and_forgets_old_sessions(split: Split) -> None:
    script = (
        "import sys, pathlib, datetime\n"
        "from madang.station import boot\nfrom madang.station.config import settings\n"
        "boot.control_plane(settings.load(pathlib.Path(sys.argv[1])))\n"
        "from django.utils import timezone\n"
        "from django.contrib.sessions.models import Session\n"
        "from madang.apps.broadcasts.models import Broadcast\n"
        "from madang.apps.channels.models import Channel\n"
        "hour = timezone.now() - datetime.timedelta(hours=1)\n"
        "if sys.argv[2] == 'make':\n"
        "    Session.objects.create(session_key='old', session_data='', expire_date=hour)\n"
        "    Channel.objects.get(slug='attic').broadcasts.create("
        "title='left', began_at=hour, seen_at=hour)\n"
        "print(Session.objects.filter(session_key='old').count(),"
        " Broadcast.objects.filter(title='left', ended_at=None).count())\n"
    )

    import sys

    def run(what: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", script, str(split.station.data), what],
            env=split.station.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    assert run("make") == "1 1"
    worker = split.start("worker")
    until(lambda: "shows whose process is gone: 1" in worker.said(), "its log says so")
    assert run("look") == "0 0"
    assert worker.stop() < 5


def test_every_role_tells_the_service_manager(split: Split) -> None:
    for role in ("web", "live", "chat", "worker"):
        with service_manager() as (environment, ear):
            started = split.start(
                role,
                data=split.station.data.with_name(f"notify-{role}"),
                environment={**environment, "WATCHDOG_USEC": "4000000"},
            )
            heard = {ear.recv(100).decode() for _ in range(2)}
            assert heard == {"READY=1", "WATCHDOG=1"}, role
            assert started.stop() < 10
            said = ear.recv(100).decode()
            while said == "WATCHDOG=1":
                said = ear.recv(100).decode()
            assert said == "STOPPING=1", role


def test_all_end_in_order(split: Split, web: Role, live: Role) -> None:
    for role in (web, live):
        assert role.stop() < 10
        assert "Traceback" not in role.said()
