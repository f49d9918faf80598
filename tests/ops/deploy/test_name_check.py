"""The check of a name before a certificate is asked for, with a real DNS server and web server."""

from __future__ import annotations

import functools
import http.server
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from madang.ops.deploy.remote import name_check
from madang.ops.deploy.runner import failure_message

NAME = "tv.example.org"
DnsServer = Callable[[Mapping[str, list[str]]], tuple[str, int]]


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    """Start a DNS server with these records by kind, behind an alias; return its address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        ended = threading.Event()
        bound.settimeout(0.1)
        threads = []

        def start(known: Mapping[str, list[str]]) -> tuple[str, int]:
            def serve() -> None:
                while not ended.is_set():
                    try:
                        query, client = bound.recvfrom(512)
                    except TimeoutError:
                        continue
                    bound.sendto(response(query, known), client)

            threads.append(threading.Thread(target=serve))
            threads[-1].start()
            address: tuple[str, int] = bound.getsockname()
            return address

        yield start
        ended.set()
        for thread in threads:
            thread.join()


def response(query: bytes, known: Mapping[str, list[str]]) -> bytes:
    kind = {1: "A", 28: "AAAA"}[struct.unpack("!H", query[-4:-2])[0]]
    addresses = known.get(kind, [])
    header = query[:2] + struct.pack("!5H", 0x8180, 1, 1 + len(addresses), 0, 0)
    alias = b"\xc0\x0c" + struct.pack("!2HIH", 5, 1, 60, 6) + b"\x04edge\x00"
    number, family, _ = name_check.KINDS[kind]
    body = b"".join(
        b"\x04edge\x00" + struct.pack("!2HIH", number, 1, 60, len(data)) + data
        for data in (socket.inet_pton(family, address) for address in addresses)
    )
    return header + query[12:] + alias + body


@pytest.fixture
def web(tmp_path: Path) -> Iterator[int]:
    """Serve `tmp_path` at 127.0.0.1; return the port."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("known", "wrong"),
    [
        ({"A": ["127.0.0.1"]}, []),
        ({}, ["it has no A and no AAAA record"]),
        ({"A": ["127.0.0.9"]}, ["its A record 127.0.0.9 does not"]),
        (
            {"A": ["127.0.0.1", "127.0.0.9"], "AAAA": ["::1"]},
            ["its A record 127.0.0.9 does not", "its AAAA record ::1 does not"],
        ),
    ],
)
def test_every_record_is_compared_with_the_machine(
    dns: DnsServer, web: int, tmp_path: Path, known: Mapping[str, list[str]], wrong: list[str]
) -> None:
    assert name_check.wrong_records(NAME, str(tmp_path), [dns(known)], web) == wrong
    assert not list((tmp_path / name_check.CHALLENGES).glob("*")), "nothing is left behind"


def test_another_web_server_at_the_address_is_not_this_machine(
    dns: DnsServer, web: int, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    known = {"A": ["127.0.0.1"]}
    wrong = name_check.wrong_records(NAME, str(other), [dns(known)], web)
    assert wrong == ["its A record 127.0.0.1 does not"]


@pytest.mark.parametrize("answer", [b"", b"ab", b"\0\0\x81\x80\0\1\0\1", b"\0" * 40])
def test_a_dns_server_that_answers_nonsense_is_passed_over(answer: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))

        def serve() -> None:
            query, client = bound.recvfrom(512)
            bound.sendto(query[:2] + answer[2:], client)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(ValueError, match=r"refused|malformed"):
            name_check.records(NAME, "A", bound.getsockname())
        thread.join()


def test_what_failed_stands_last() -> None:
    output = ["[main] it worked", "[main] The name does not lead here.", "[main] Error: executed 0"]
    message = failure_message("Stopped at main: certificate", output)
    assert message.splitlines()[-2:] == [
        "  [main] The name does not lead here.",
        "Stopped at main: certificate.",
    ]
    assert failure_message("No SSH connection to main", []) == "No SSH connection to main."
