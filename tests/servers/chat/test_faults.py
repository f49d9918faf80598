"""Faults of a real station on real PostgreSQL and Redis."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from itertools import product

import pytest

from madang.wire.websocket import Opcode, encode_masked
from tests.servers.chat.test_clients import MANY, metrics
from tests.support.chat_clients import ChatClient, ChatClients, chat_clients
from tests.support.station import Station

pytestmark = pytest.mark.e2e

STALLED = 1000
"""Readers that stop reading."""

LETTERS = "bcdfghjkmnrstvwxyz"
"""Letters of which no two look alike: a name may not look like another's."""

ROUNDS = 20
"""Of 20 messages of 1.5 KB: more than the kernel and the queues hold for one reader."""

HANDSHAKE = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
KEY = b"abcd"

LIMITS = {"CHAT__CONNECTS_PER_ADDRESS": "100000", "CHAT__CONNECTIONS_PER_ADDRESS": "3000"}


@pytest.fixture
def station_folder(tmp_path_factory: pytest.TempPathFactory) -> Station:
    """A station whose limits are wide: all of a test's clients have one address."""
    return Station(tmp_path_factory.mktemp("faults") / "data", **MANY, **LIMITS)


@contextlib.contextmanager
def running(station: Station) -> Iterator[ChatClients]:
    station.data.mkdir(exist_ok=True)
    station.open_channels("yard", "other")
    station.start("--no-demo")
    try:
        with chat_clients(station.http) as people:
            yield people
    finally:
        station.stop()


def text(words: str) -> bytes:
    return encode_masked(Opcode.TEXT, words.encode(), KEY)


def knock(station: Station, *, receive: int | None = None) -> socket.socket:
    """A socket on which the WebSocket handshake was sent; `receive` bounds its kernel buffer."""
    sock = socket.socket()
    if receive is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    sock.settimeout(20)
    sock.connect(("127.0.0.1", station.http_port))
    sock.sendall(HANDSHAKE)
    return sock


def join(name: str, device: str) -> bytes:
    """Socket.IO's CONNECT packet of a browser."""
    return text("40" + json.dumps({"channel": "yard", "name": name, "device": device}))


def read_until(sock: socket.socket, end: bytes) -> bytes:
    """Return the bytes up to `end`, or to the end of the connection."""
    data = b""
    while end not in data:
        piece = sock.recv(4096)
        if not piece:
            break
        data += piece
    return data


def joined(stack: contextlib.ExitStack, station: Station, count: int) -> list[socket.socket]:
    """Clients with small buffers that have joined, all at once, and read nothing more."""
    made = [
        stack.enter_context(contextlib.closing(knock(station, receive=4096))) for _ in range(count)
    ]
    for sock in made:
        read_until(sock, b'"maxPayload"')
        sock.sendall(text('40{"channel":"yard"}'))
    for sock in made:
        read_until(sock, b'"messages"')
    return made


def prompt(anna: ChatClient, bora: ChatClient, words: str) -> float:
    """Seconds from saying something to somebody else's hearing it."""
    began = time.monotonic()
    answer = anna.say(words)
    assert "id" in answer, answer
    bora.until(lambda: words in bora.texts(), words)
    return time.monotonic() - began


def test_a_thousand_readers_that_stop_reading_hold_up_nobody(station_folder: Station) -> None:
    station = station_folder
    with running(station) as people, contextlib.ExitStack() as stack:
        anna, bora = people.join("anna"), people.join("bora")
        stalled = joined(stack, station, STALLED)
        before = station.memory()
        slowest = 0.0
        for number in range(ROUNDS):
            for part in range(20):
                assert "id" in anna.say(f"{number} {part} " + "마당" * 230)
            slowest = max(slowest, prompt(anna, bora, f"round {number}"))
        assert slowest < 2.0
        assert len(bora.texts()) == ROUNDS * 21
        assert not bora.of("missed")
        assert station.memory() - before < 200e6
        # One of them reads again: it is told what it has lost, and goes on with the newest.
        data = read_until(stalled[0], b'"missed"')
        assert b'42["missed",{"count":' in data
        read_until(stalled[0], b"round %d" % (ROUNDS - 1))


def test_garbage_and_giants_are_refused_with_a_name_and_disturb_nobody(
    station_folder: Station,
) -> None:
    station = station_folder
    with running(station) as people:
        anna, bora = people.join("anna"), people.join("bora")
        cases = {
            b"\xff" * 100: "protocol",
            text("40[1"): "protocol",
            text("42" + '["message",{}]'): "protocol",
            b"\x81\xff" + (1 << 40).to_bytes(8) + KEY: "too_large",
            text("4" + "x" * 20_000): "too_large",
            encode_masked(Opcode.BINARY, b"\0" * 10, KEY): "binary",
        }
        for data, reason in cases.items():
            name = f'madang_chat_closed_total{{reason="{reason}"}}'
            before = metrics(station).get(name, 0.0)
            with contextlib.closing(knock(station)) as sock:
                read_until(sock, b'"maxPayload"')
                sock.sendall(data)
                read_until(sock, b"never")
            people.until(lambda: metrics(station).get(name, 0.0) == before + 1, name)  # noqa: B023
            assert prompt(anna, bora, f"after {reason} {len(data)}") < 2.0
        assert not anna.of("disconnect")


def test_a_flood_of_connections_from_one_address_is_refused_with_a_name(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    limits = {**MANY, "CHAT__CONNECTS_PER_ADDRESS": "100"}
    station = Station(tmp_path_factory.mktemp("flood") / "data", **limits)
    with running(station) as people, contextlib.ExitStack() as stack:
        anna, bora = people.join("anna"), people.join("bora")
        knocks = [stack.enter_context(contextlib.closing(knock(station))) for _ in range(1000)]
        answers = [sock.recv(200) for sock in knocks]
        refused = sum(not answer.startswith(b"HTTP/1.1 101") for answer in answers)
        assert refused >= 800
        assert sum(b"retry-after: " in answer.lower() for answer in answers) == refused
        assert metrics(station)['madang_chat_refused_total{reason="connection_rate"}'] == refused
        assert prompt(anna, bora, "still here") < 2.0


def test_a_school_behind_one_address_is_in_the_chat_at_once_and_nothing_is_logged_of_it(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    station = Station(tmp_path_factory.mktemp("school") / "data")
    with running(station), contextlib.ExitStack() as stack:
        pupils = [stack.enter_context(contextlib.closing(knock(station))) for _ in range(300)]
        names = (f"p{first}u{second}" for first, second in product(LETTERS, LETTERS))
        for name, sock in zip(names, pupils, strict=False):
            read_until(sock, b'"maxPayload"')
            sock.sendall(join(name, f"browser of {name}"))
        for sock in pupils:
            assert b'"may_write":true' in read_until(sock, b'"recovered"')
        for sock in pupils:
            sock.sendall(text('421["message",{"text":"hello"}]'))
        for sock in pupils:
            assert b'431[{"id"' in read_until(sock, b'431[{"id"')
        # Windows that one browser has too many of are told so, however often they try.
        for _ in range(20):
            window = stack.enter_context(contextlib.closing(knock(station)))
            read_until(window, b'"maxPayload"')
            window.sendall(join("many", "browser"))
        assert b"close one" in read_until(window, b"connections_per_device")
        assert "127.0.0.1" not in station.said().partition("ready http")[2]


def test_whoever_is_too_many_is_refused_with_a_name(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    station = Station(
        tmp_path_factory.mktemp("many") / "data",
        HTTP__TRUSTED_PROXIES="127.0.0.1",
        CHAT__CONNECTIONS_PER_ADDRESS="3",
        CHAT__MAX_CONNECTIONS="5",
    )

    def answer(address: str, engine: int = 4) -> bytes:
        sock = stack.enter_context(socket.create_connection(("127.0.0.1", station.http_port)))
        forwarded = f"X-Forwarded-For: {address}\r\n\r\n".encode()
        request = HANDSHAKE[:-2].replace(b"EIO=4", b"EIO=%d" % engine) + forwarded
        sock.sendall(request)
        return sock.recv(12)

    with running(station), contextlib.ExitStack() as stack:
        assert answer("198.51.100.1", engine=3) == b"HTTP/1.1 400"
        for _ in range(4):  # the fourth is told in words
            assert answer("198.51.100.1") == b"HTTP/1.1 101"
        assert answer("198.51.100.1") == b"HTTP/1.1 429"
        assert answer("198.51.100.2") == b"HTTP/1.1 101"
        assert answer("198.51.100.3") == b"HTTP/1.1 503"
        counted = metrics(station)
        for reason in ("engine", "connections_per_address", "full"):
            assert counted[f'madang_chat_refused_total{{reason="{reason}"}}'] == 1
