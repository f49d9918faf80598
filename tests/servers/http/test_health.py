from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.apps import live_status
from tests.support.clocks import ManualClock
from tests.support.data_plane import Port, listening
from tests.support.station import until

if TYPE_CHECKING:
    from madang.infra.database import DatabaseThreads
    from madang.servers.http.health import Check, HealthEndpoints
    from madang.servers.http.metrics import Metrics
    from madang.station.config.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
TOKEN = "a-token-of-some-length"


@dataclass
class Served:
    """The health endpoints on a port, and the objects behind them."""

    port: Port
    health: HealthEndpoints
    metrics: Metrics
    database: DatabaseThreads


@contextmanager
def serving(check: Check, token: str | None = None, **options: Any) -> Iterator[Served]:
    """`/healthz`, `/readyz` and `/metrics` with one check and one channel on the air."""
    from madang.infra.database import DatabaseThreads
    from madang.servers.http.health import HealthEndpoints
    from madang.servers.http.metrics import Metrics
    from madang.servers.http.router import Router, elsewhere
    from madang.servers.live.counters import LiveCounters
    from madang.servers.live.metrics import LiveMetrics
    from madang.servers.recording.counters import RecordingCounters
    from madang.servers.recording.metrics import RecordingMetrics
    from madang.servers.rtmp import RtmpCounters

    database = DatabaseThreads()
    counters, rtmp = LiveCounters(), RtmpCounters()
    counters.bytes_sent["part"] = 7
    rtmp.refused["publish"] = counters.notices["b"] = rtmp.closed["silence"] = 1
    on_air = {"yard": live_status("yard")}
    metrics = Metrics(
        LiveMetrics(counters, rtmp, lambda: on_air, lambda: (0.0, 0.0)),
        RecordingMetrics(RecordingCounters()),
    )
    health = HealthEndpoints(metrics, database, [("database", check)], token, **options)

    with listening(Router(health.routes(), elsewhere)) as port:
        yield Served(port, health, metrics, database)
    database.close()


def works() -> None:
    """A check that finds nothing wrong."""


@pytest.fixture(autouse=True)
def _in_force(station: Settings) -> None:
    """The database's errors are Django's."""


def test_a_station_that_works_says_so() -> None:
    with serving(works) as here:
        assert here.port.ask("/healthz").text == "alive\n"
        ready = here.port.ask("/readyz")
        assert (ready.status, ready.text) == (200, "ready\n")
        assert ready.headers["cache-control"] == "no-store"
        assert here.port.ask("/readyz", "HEAD").body == b""


def test_a_station_that_drains_takes_no_traffic_but_lives() -> None:
    with serving(works) as here:
        here.health.draining = True
        ready = here.port.ask("/readyz")
        assert (ready.status, ready.text) == (503, "The station is shutting down.\n")
        assert here.port.ask("/healthz").status == 200


@pytest.mark.parametrize("missing", [False, True])
def test_a_database_that_does_not_answer_is_named(tmp_path: Path, missing: bool) -> None:
    file = tmp_path / "some.db"
    holder = sqlite3.connect(file)
    holder.execute("CREATE TABLE a (b)")
    holder.execute("BEGIN EXCLUSIVE")

    def check() -> None:
        where = f"file:{tmp_path / 'none.db' if missing else file}?mode=ro"
        sqlite3.connect(where, uri=True, timeout=0.1).execute("SELECT * FROM a")

    with serving(check) as here:
        ready = here.port.ask("/readyz")
        assert ready.status == 503
        assert ready.text.startswith("database: ")
        assert ("locked" in ready.text) != missing
    holder.close()


def test_the_stations_own_check_notices_that_its_tables_are_gone(committed_db: None) -> None:
    from django.db import connection

    from madang.station import boot

    with serving(boot.ask_database) as here:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE channels_channel RENAME TO away")
        try:
            ready = here.port.ask("/readyz")
        finally:
            with connection.cursor() as cursor:
                cursor.execute("ALTER TABLE away RENAME TO channels_channel")
        assert ready.status == 503
        assert "channels_channel" in ready.text


def test_a_check_that_hangs_is_run_once_and_given_up() -> None:
    from madang.servers.http.health import HealthLimits

    go_on = threading.Event()
    calls: list[int] = []

    def hang() -> None:
        calls.append(1)
        go_on.wait(10)

    with serving(hang, limits=HealthLimits(check_timeout=0.3)) as here:
        for _ in range(3):
            ready = here.port.ask("/readyz", timeout=2)
            assert ready.status == 503
            assert "longer than 0.3 s" in ready.text
        go_on.set()
        assert len(calls) == 1


def test_frequent_probes_share_one_result() -> None:
    calls: list[int] = []
    time = ManualClock()
    with serving(lambda: calls.append(1), clock=time.clock) as here:
        for _ in range(20):
            assert here.port.ask("/readyz").status == 200
        assert len(calls) == 1
        time.advance(1)
        assert here.port.ask("/readyz").status == 200
    assert len(calls) == 2


def test_metrics_are_for_this_machine() -> None:
    with serving(works) as here:
        answer = here.port.ask("/metrics")
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert 'madang_viewers{channel="yard"} 3.0' in answer.text


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
@pytest.mark.parametrize("value", ["127.0.0.1", "", "마당".encode().decode("latin-1")])
def test_what_came_through_a_proxy_is_not_of_this_machine(header: str, value: str) -> None:
    with serving(works, TOKEN) as here:
        assert here.port.ask("/metrics", **{header: value}).status == 403


@pytest.mark.parametrize("host", ["evil.example:8000", "127.0.0.1.evil.example"])
def test_a_name_that_resolves_to_this_machine_is_not_of_it(host: str) -> None:
    """DNS rebinding: a page of another site asks by its own name."""
    with serving(works, TOKEN) as here:
        assert here.port.ask("/metrics", Host=host).status == 403
        assert here.port.ask("/metrics", Host=host, Authorization=f"Bearer {TOKEN}").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_health_and_metrics_can_only_be_read(method: str, path: str) -> None:
    with serving(works) as here:
        answer = here.port.ask(path, method=method)
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_the_token_opens_metrics_to_others() -> None:
    with serving(works, TOKEN) as here:
        through = {"X_Forwarded_For": "198.51.100.7"}
        right = here.port.ask("/metrics", Authorization=f"Bearer {TOKEN}", **through)
        wrong = here.port.ask("/metrics", Authorization="Bearer something-else-of-it", **through)
        none = here.port.ask("/metrics", **through)
        assert (right.status, wrong.status, none.status) == (200, 403, 403)
        assert TOKEN not in wrong.text
    with serving(works) as here:
        assert here.port.ask("/metrics", Authorization="Bearer ", **through).status == 403


@pytest.mark.parametrize("page", ["docs/metrics.md", "docs/ko/metrics.md"])
def test_the_documents_list_exactly_the_metrics_there_are(page: str, station: Settings) -> None:
    from madang.apps.chat import ports
    from madang.station.roles.chat_plane import ChatPlane
    from madang.station.roles.job_metrics import JobMetrics

    nobody = ports.chats()
    with serving(works) as here:
        chat = ChatPlane(station, here.database)
        ports.install(nobody)
        chat.hub.counters.refused["full"] = chat.hub.counters.closed["left"] = 1
        here.metrics.add(chat)
        here.metrics.add(JobMetrics(here.database))
        until(lambda: "madang_jobs{" in here.port.ask("/metrics").text, "numbers of jobs")
        text = here.port.ask("/metrics").text
    kinds = dict(re.findall(r"^# TYPE (madang_\w+) (\w+)$", text, re.MULTILINE))
    labels = {
        name: tuple(re.findall(r"(\w+)=", inside))
        for name, inside in re.findall(r"^(madang_\w+)(\{[^}]*\})? ", text, re.MULTILINE)
    }
    listed = re.findall(
        r"^\| `(madang_\w+)` \| (\w+) \| (?:`(\w+)`)? ?\|",
        (ROOT / page).read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert {name: kind for name, kind, _ in listed} == kinds
    assert {name: (label,) if label else () for name, _, label in listed} == labels
