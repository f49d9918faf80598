"""Fail2ban's filters on log lines of a running station, and by Fail2ban itself where it is."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from madang.ops.deploy.texts import security
from tests.support.encoders import Recipe, publish, sample
from tests.support.station import Station, until

HOST = r"(?P<host>[0-9a-f.:]+)"
"""The addresses in Fail2ban's expression for <HOST>."""


def pattern(text: str) -> re.Pattern[str]:
    """Compile the expression of a filter as Fail2ban does."""
    (line,) = re.findall(r"^failregex = (.*)$", text, re.MULTILINE)
    return re.compile(line.replace("<HOST>", HOST), re.MULTILINE)


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    made = Station(tmp_path_factory.mktemp("filters") / "data")
    made.data.mkdir()
    made.open_channels("yard")
    made.start("--no-demo")
    yield made
    made.stop()


def found(station: Station, text: str) -> list[str]:
    """Return the addresses that a filter finds in the log so far."""
    return [match["host"] for match in pattern(text).finditer(station.said())]


def send_rtmp(station: Station, data: bytes) -> None:
    """Send `data` to the port for RTMP, and wait until the station closes the connection."""
    host, _, port = station.rtmp.removeprefix("rtmp://").partition("/")[0].partition(":")
    with socket.create_connection((host, int(port)), 10) as sock:
        sock.sendall(data)
        while sock.recv(4096):
            pass


@pytest.mark.e2e
def test_bytes_that_are_no_rtmp_are_matched_and_what_encoders_do_is_not(station: Station) -> None:
    with publish(sample(Recipe()), f"{station.rtmp}/guess") as encoder:
        encoder.ended()
    send_rtmp(station, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")  # RTMPS at the wrong port
    send_rtmp(station, b"GET / HTTP/1.1\r\n\r\n")
    assert found(station, security.FILTER_RTMP) == []
    send_rtmp(station, b"\x05\x00\x00\x00")
    send_rtmp(station, b"\x00\xff\x00\x00")
    until(lambda: found(station, security.FILTER_RTMP) == ["127.0.0.1"] * 2, "both are found")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (security.FILTER_PROBES, '192.0.2.1 [30/Nov/2026:18:26:56 +0000] "GET /.env HTTP/1.1"'),
        (security.FILTER_PROBES, '2001:db8::1 [30/Nov/2026:18:26:56 +0000] "\\x16\\x03\\x01"'),
        (
            security.FILTER_RTMP,
            "Nov 30 18:29:00 main madang[12]: 2026-11-30T18:29:00Z [warning  ] rtmp 192.0.2.9: "
            "no RTMP handshake: The peer speaks version 5 of RTMP, not 3. [madang.servers.rtmp]",
        ),
    ],
)
def test_a_line_is_matched(tmp_path: Path, text: str, line: str) -> None:
    assert pattern(text).search(line)
    if shutil.which("fail2ban-regex") is None:
        return
    (tmp_path / "filter.conf").write_text(text)
    done = subprocess.run(
        ["fail2ban-regex", line, str(tmp_path / "filter.conf")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 matched" in done.stdout, done.stdout
