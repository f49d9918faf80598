"""Messages between systemd and the program, with a datagram socket in systemd's place."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from madang.station.roles import systemd
from tests.support.split import service_manager
from tests.support.station import Station


def test_without_a_manager_nothing_is_told_and_nothing_handed_in() -> None:
    manager = systemd.service_manager({})
    manager.notify("READY=1")
    assert dict(manager.sockets) == {}
    assert manager.watchdog_interval is None


def test_what_was_given_is_taken_out_of_the_environment() -> None:
    environ = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "30000000", "LISTEN_FDS": "0", "A": "b"}
    manager = systemd.service_manager(environ)
    assert environ == {"A": "b"}
    assert manager.watchdog == 30.0
    assert manager.watchdog_interval == 15.0


@pytest.mark.parametrize(
    "environ",
    [
        {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"},
        {"LISTEN_FDS": "1", "LISTEN_PID": "1"},
        {"LISTEN_FDS": "many", "LISTEN_PID": str(os.getpid()), "WATCHDOG_USEC": "soon"},
    ],
)
def test_what_was_meant_for_another_process_is_left_alone(environ: dict[str, str]) -> None:
    manager = systemd.service_manager(environ)
    assert manager.watchdog is None
    assert dict(manager.sockets) == {}


def test_words_reach_an_abstract_address() -> None:
    name = f"madang-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(f"\0{name}")
        ear.settimeout(5)
        systemd.service_manager({"NOTIFY_SOCKET": f"@{name}"}).notify(
            "READY=1", "STATUS=on the air"
        )
        assert ear.recv(1000) == b"READY=1\nSTATUS=on the air"


def test_a_manager_that_is_gone_stops_nobody() -> None:
    systemd.service_manager({"NOTIFY_SOCKET": "/nowhere/notify"}).notify("READY=1")


@pytest.mark.e2e
def test_a_station_tells_that_it_is_ready_lives_and_leaves(tmp_path: Path) -> None:
    with service_manager() as (environment, ear):
        station = Station(tmp_path / "data")
        # Signs of life twice in a second.
        station.environment |= environment | {"WATCHDOG_USEC": "1000000"}
        station.start()
        heard = [ear.recv(1000).decode()]
        while heard.count("WATCHDOG=1") < 3:
            heard.append(ear.recv(1000).decode())
        assert "READY=1" in heard
        station.stop()
        while heard[-1] != "STOPPING=1":
            heard.append(ear.recv(1000).decode())
