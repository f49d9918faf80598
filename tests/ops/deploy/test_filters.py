"""Fail2ban's filters on log lines of a running station."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from madang.chat.bus_events import ABUSE_CHANNEL
from madang.ops.deploy.texts import security
from madang.servers.chat.abuse import AbuseDetector
from tests.servers.chat.test_faults import HANDSHAKE
from tests.support.chat_clients import chat_clients
from tests.support.deployed import wait_until
from tests.support.encoders import Recipe, publish, sample
from tests.support.station import Station
from tests.support.stores import Server

pytestmark = pytest.mark.e2e

HOST = r"(?P<host>[0-9a-f.:]+)"
"""The addresses in Fail2ban's expression for <HOST>."""

LIMITS = {"CHAT__MESSAGES_PER_PERSON": "1"}

HANDSHAKES = 200
"""Concurrent handshakes of a flood."""


def pattern(text: str) -> re.Pattern[str]:
    """Compile the expression of a filter as Fail2ban does."""
    (line,) = re.findall(r"^failregex = (.*)$", text, re.MULTILINE)
    return re.compile(line.replace("<HOST>", HOST), re.MULTILINE)


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    made = Station(tmp_path_factory.mktemp("filters") / "data", **LIMITS)
    made.data.mkdir()
    made.open_channels("yard")
    made.start("--no-demo")
    yield made
    made.stop()


def found(station: Station, text: str) -> list[str]:
    """Return the addresses that a filter finds in the log so far."""
    return [match["host"] for match in pattern(text).finditer(station.said())]


def test_a_wrong_stream_key_is_matched(station: Station) -> None:
    with publish(sample(Recipe()), f"{station.rtmp}/guess") as encoder:
        encoder.ended()
    assert found(station, security.FILTER_KEYS) == ["127.0.0.1"]


def test_a_chat_flood_is_matched_once_and_a_few_refusals_are_not(
    station: Station,
) -> None:
    with chat_clients(station.http) as people:
        hasty, flood = people.join("hasty"), people.join("flood")
        answers = [hasty.say(f"word {number}") for number in range(20)]
        assert answers[-1]["code"] == "too_fast"
        assert found(station, security.FILTER_CHAT) == []
        # A message of a user must not match the filter.
        said = flood.say("x] chat 192.0.2.1: refused again and again: too_fast [madang.servers")
        assert "id" in said
        for number in range(90):
            flood.say(f"word {number}")
    assert found(station, security.FILTER_CHAT) == ["127.0.0.1"]


def test_a_flood_of_connections_is_matched(station: Station) -> None:
    before = len(found(station, security.FILTER_CHAT))

    def connect(_: int) -> None:
        with socket.create_connection(("127.0.0.1", station.http_port), 10) as sock:
            sock.sendall(HANDSHAKE)
            sock.recv(100)

    def shown() -> bool:
        list(pool.map(connect, range(HANDSHAKES)))
        return len(found(station, security.FILTER_CHAT)) > before

    # The log repeats a refusal of one address after five seconds at the earliest.
    with ThreadPoolExecutor(32) as pool:
        wait_until(shown, 30, station.said())
    assert "refused again and again: connection_rate" in station.said()


def test_a_refusal_from_a_remote_chat_is_matched(redis: Server) -> None:
    told: list[str] = []
    abuse = AbuseDetector()
    abuse.report = told.append
    for _ in range(90):
        abuse.refused_request("flood", "192.0.2.1", "too_fast", 0.0)
    assert len(told) == 1
    # As in the journal: redis-cli's output line by line.
    command = re.search(
        r"^ExecStart=\S+ .* (--raw .*)$", security.CHAT_REFUSALS_SERVICE, re.MULTILINE
    )
    assert command is not None
    client = ["redis-cli", "-u", redis.url]
    with subprocess.Popen(
        [*client, *command[1].split()], stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout is not None
        assert [next(reader.stdout).strip() for _ in range(3)] == ["subscribe", ABUSE_CHANNEL, "1"]
        subprocess.run([*client, "PUBLISH", ABUSE_CHANNEL, *told], check=True, capture_output=True)
        lines = [f"web redis-cli[7]: {next(reader.stdout)}" for _ in range(3)]
        reader.terminate()
    matches = pattern(security.FILTER_REMOTE_CHAT).finditer("".join(lines))
    assert [match["host"] for match in matches] == ["192.0.2.1"]
