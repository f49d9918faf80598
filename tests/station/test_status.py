from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from tests.support.apps import live_status

if TYPE_CHECKING:
    from madang.station.config.settings import Settings

pytestmark = pytest.mark.usefixtures("db")


class Station(HTTPServer):
    """Answers what it is given, on a port of its own."""

    status = 200
    body = b""


class Answer(BaseHTTPRequestHandler):
    server: Station

    def do_GET(self) -> None:
        from madang.station.status import STATUS_PATH

        found = self.path == STATUS_PATH
        self.send_response(self.server.status if found else 404)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: object) -> None:
        """Tests print nothing."""


@pytest.fixture
def running(station: Settings) -> Iterator[Station]:
    from madang.station.config.fields import Address
    from madang.station.roles import run_files
    from madang.station.roles.run_files import Runtime

    server = Station(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    address = Address("0.0.0.0", server.server_port)
    run_files.write(station, Runtime(os.getpid(), address, Address("127.0.0.1", 1935)))
    yield server
    run_files.remove(station)
    server.shutdown()
    thread.join()
    server.server_close()


def test_without_a_running_station_nobody_is_on_the_air(station: Settings) -> None:
    from madang.station.status import collect

    found = collect(station)
    assert found["running"] is False
    assert found["live"] == []
    assert found["disk"]["free"] > 0
    assert found["transfer"] == {"month_bytes": 0, "allowance_bytes": 5_000_000_000_000}


def test_a_running_station_is_asked(station: Settings, running: Station) -> None:
    from madang.apps.broadcasts.ports import operator_view
    from madang.station.status import collect

    running.body = json.dumps({"live": [operator_view(live_status())]}).encode()
    found = collect(station)
    assert found["running"] is True
    (live,) = found["live"]
    assert {"slug", "since", "viewers", "bitrate", "codecs", "renditions", "publisher"} <= set(live)
    assert (live["since"], live["renditions"]) == ("2026-05-01T10:00:00.000Z", ["source"])


@pytest.mark.parametrize(("status", "body"), [(500, b"{}"), (200, b"<html>"), (200, b"[]")])
def test_a_station_that_answers_nonsense_is_an_error(
    station: Settings, running: Station, status: int, body: bytes
) -> None:
    from madang.station.status import NoAnswer, collect

    running.status, running.body = status, body
    with pytest.raises(NoAnswer):
        collect(station)
