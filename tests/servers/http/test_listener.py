from __future__ import annotations

import asyncio
import logging
import socket
import time

import pytest

from madang.servers.http.exchange import Exchange
from madang.servers.http.immutable import answer_immutable
from madang.servers.http.limits import HttpLimits
from madang.servers.http.listener import Listener
from tests.support.clocks import ManualClock
from tests.support.data_plane import Loop, listening, read_all, until

BODY = bytes(range(256)) * 4


def immutable(exchange: Exchange) -> None:
    answer_immutable(exchange, "video/mp4", '"one"', BODY)


def test_its_time_is_the_clocks_and_the_next_tick_comes_with_the_next_second() -> None:
    clock = ManualClock(1_800_000_000.75)
    listener = Listener("127.0.0.1", 0, immutable, clock=clock.clock)

    async def act() -> None:
        listener.start()
        assert listener.now == 1_800_000_000
        assert listener.date == b"date: Fri, 15 Jan 2027 08:00:00 GMT\r\n\r\n"
        timer = listener._timer
        assert timer is not None
        assert timer.when() - listener.loop.time() == pytest.approx(0.252, abs=0.05)
        clock.advance(1)
        listener.tick()
        assert listener.now == 1_800_000_001
        assert listener.date == b"date: Fri, 15 Jan 2027 08:00:01 GMT\r\n\r\n"
        await listener.stop(1)

    asyncio.run(act())


def test_head_says_what_get_would_send_without_sending_it() -> None:
    with listening(immutable) as port:
        got, head = port.ask("/"), port.ask("/", "HEAD")
        assert got.body == BODY
        assert head.body == b""
        assert head.status == 200
        assert head.headers["content-length"] == got.headers["content-length"] == "1024"


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-1023", 0, 1023),
        ("bytes=100-", 100, 1023),
        ("bytes=1000-5000", 1000, 1023),
        ("bytes=-24", 1000, 1023),
        ("bytes=-5000", 0, 1023),
        ("BYTES=1-2", 1, 2),
    ],
)
def test_a_range_is_answered_with_that_range(wanted: str, first: int, last: int) -> None:
    with listening(immutable) as port:
        answer = port.ask("/", range=wanted)
        assert answer.status == 206
        assert answer.headers["content-range"] == f"bytes {first}-{last}/1024"
        assert answer.body == BODY[first : last + 1]


@pytest.mark.parametrize("wanted", ["bytes=1024-", "bytes=1024-2000", "bytes=-0"])
def test_a_range_outside_is_refused_with_the_length(wanted: str) -> None:
    with listening(immutable) as port:
        answer = port.ask("/", range=wanted)
        assert answer.status == 416
        assert answer.headers["content-range"] == "bytes */1024"


@pytest.mark.parametrize(
    "wanted",
    [
        "bytes=0-1,4-5",
        "bytes=5-2",
        "bytes=-",
        "bytes=",
        "lines=0-1",
        "bytes=a-b",
        f"bytes={'9' * 5000}-",
    ],
)
def test_several_ranges_and_what_is_no_range_get_the_whole(wanted: str) -> None:
    with listening(immutable) as port:
        answer = port.ask("/", range=wanted)
        assert answer.status == 200
        assert answer.body == BODY


def test_head_knows_no_ranges() -> None:
    with listening(immutable) as port:
        answer = port.ask("/", "HEAD", range="bytes=0-1")
        assert answer.status == 200
        assert answer.headers["content-length"] == "1024"


@pytest.mark.parametrize(
    ("condition", "status"),
    [('"one"', 206), ('"two"', 200), ('W/"one"', 200), ("Mon, 23 Nov 2026 20:00:00 GMT", 200)],
)
def test_if_range_gives_the_range_only_of_the_same_file(condition: str, status: int) -> None:
    with listening(immutable) as port:
        assert port.ask("/", range="bytes=0-1", if_range=condition).status == status


@pytest.mark.parametrize(
    ("known", "status"),
    [('"one"', 304), ('W/"one"', 304), ('"zero", "one"', 304), ("*", 304), ('"two"', 200)],
)
def test_what_the_client_has_is_not_sent_again(known: str, status: int) -> None:
    with listening(immutable) as port:
        answer = port.ask("/", if_none_match=known)
        assert answer.status == status
        assert answer.headers["etag"] == '"one"'
        assert (answer.body == b"") == (status == 304)


def test_a_failure_is_500_in_the_log_and_the_port_lives_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def dispatch(exchange: Exchange) -> None:
        if exchange.path == "/fail":
            raise ValueError("on purpose")
        exchange.answer(200, [], b"well")

    with listening(dispatch) as port, caplog.at_level(logging.ERROR):
        assert port.ask("/fail").status == 500
        assert port.ask("/").body == b"well"
        until(lambda: "on purpose" in caplog.text)


def test_a_failure_after_the_answer_leaves_the_answer_alone() -> None:
    def dispatch(exchange: Exchange) -> None:
        exchange.answer(200, [], b"well")
        raise ValueError("too late to matter")

    with listening(dispatch) as port:
        assert port.ask("/").body == b"well"
        assert port.ask("/").body == b"well"


def test_a_parked_exchange_whose_client_left_can_be_answered() -> None:
    parked: list[Exchange] = []

    def dispatch(exchange: Exchange) -> None:
        if exchange.path == "/park":
            parked.append(exchange)
        else:
            exchange.answer(200, [], b"well")

    with listening(dispatch) as port:
        with port.connect() as connection:
            connection.sendall(b"GET /park HTTP/1.1\r\nHost: x\r\n\r\n")
            until(lambda: parked)
        until(lambda: all(each._paused for each in port.listener._connections))
        port.loop.call(lambda: parked[0].answer(200, [], b"nobody reads this"))
        assert port.ask("/").body == b"well"


def test_stopping_lets_requests_under_way_finish_and_takes_no_new_ones() -> None:
    parked: list[Exchange] = []
    loop = Loop()
    listener = Listener("127.0.0.1", 0, parked.append)
    try:
        loop.call(listener.start)
        connection = socket.create_connection(("127.0.0.1", listener.port), timeout=5)
        with connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            until(lambda: parked)
            stopping = loop.start(listener.stop(20))
            until(lambda: listener.draining)
            assert not stopping.done()
            loop.call(lambda: parked[0].answer(200, [], b"late, but whole"))
            assert read_all(connection).endswith(b"late, but whole")
            stopping.result(5)
        with pytest.raises(OSError):  # noqa: PT011  # refused or reset, as the kernel likes
            socket.create_connection(("127.0.0.1", listener.port), timeout=1).recv(1)
    finally:
        loop.close()


def test_what_has_come_when_the_port_stops_is_answered() -> None:
    loop = Loop()
    listener = Listener("127.0.0.1", 0, immutable)
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    try:
        loop.call(listener.start)
        with socket.create_connection(("127.0.0.1", listener.port), timeout=5) as connection:
            connection.sendall(request)
            connection.recv(1 << 16)

            async def ask_and_stop() -> None:
                connection.sendall(request)
                await listener.stop(5)

            loop.run(ask_and_stop())
            received = read_all(connection)
            assert b"\r\nconnection: close\r\n" in received
            assert received.endswith(BODY)
    finally:
        loop.close()


def test_stopping_waits_no_longer_than_it_was_told() -> None:
    parked: list[Exchange] = []
    loop = Loop()
    listener = Listener("127.0.0.1", 0, parked.append)
    try:
        loop.call(listener.start)
        with socket.create_connection(("127.0.0.1", listener.port), timeout=5) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            until(lambda: parked)
            began = time.monotonic()
            loop.run(listener.stop(0.5))
            assert 0.4 < time.monotonic() - began < 5
            loop.call(lambda: parked[0].answer(200, [], b""))
    finally:
        loop.close()


def test_an_idle_connection_does_not_keep_the_port_from_stopping() -> None:
    with listening(immutable) as port:
        connection = port.connect()
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.recv(1000)
        began = time.monotonic()
    assert time.monotonic() - began < 2
    connection.close()


def test_a_taken_port_is_an_error_at_once() -> None:
    with listening(immutable) as port, pytest.raises(OSError, match="in use"):
        Listener("127.0.0.1", port.number, immutable)


def test_ipv6_is_served_and_clients_are_named_without_brackets() -> None:
    def dispatch(exchange: Exchange) -> None:
        exchange.answer(200, [], exchange.client_address().encode())

    with listening(dispatch, host="::1") as port:
        assert port.ask("/").body == b"::1"


def test_an_ipv4_client_of_a_port_for_both_is_named_as_ipv4() -> None:
    def dispatch(exchange: Exchange) -> None:
        exchange.answer(200, [], f"{exchange.client_address()} {exchange.is_local()}".encode())

    with listening(dispatch, host="::") as port:
        port.host = "127.0.0.1"
        assert port.ask("/").body == b"127.0.0.1 True"


def test_requests_sent_ahead_are_answered_in_order_on_one_connection() -> None:
    def dispatch(exchange: Exchange) -> None:
        if exchange.path == "/slow":
            loop = asyncio.get_running_loop()
            loop.call_later(0.2, lambda: exchange.answer(200, [], b"slow"))
        else:
            exchange.answer(200, [], b"quick")

    with listening(dispatch) as port, port.connect() as connection:
        slow = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"
        quick = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        connection.sendall(slow + quick)
        received = read_all(connection)
        assert received.count(b"200 OK") == 2
        assert received.index(b"slow") < received.index(b"quick")


def test_a_websocket_is_refused_with_a_status() -> None:
    with listening(lambda exchange: exchange.refuse(404, "no")) as port, port.connect() as client:
        client.sendall(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        assert client.recv(1000).startswith(b"HTTP/1.1 404")


def test_garbage_is_refused_and_the_port_lives_on() -> None:
    with listening(immutable) as port:
        for garbage in (b"\x16\x03\x01\x02\x00\x01", b"\0" * 64, b"GET\r\n\r\n"):
            with port.connect() as connection:
                connection.sendall(garbage + b"\r\n\r\n")
                assert b" 200 " not in connection.recv(1000)
        assert port.ask("/").status == 200


def test_a_client_that_reads_nothing_is_disconnected_by_the_kernel() -> None:
    large = bytes(8 << 20)
    with (
        listening(
            lambda exchange: exchange.answer(200, [], large),
            clock=ManualClock().clock,  # the connection's own timeout never comes
            limits=HttpLimits(send_timeout=1),
        ) as port,
        port.connect(receive_buffer=4096) as connection,
    ):
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: any(each.busy for each in port.listener._connections))
        until(lambda: not port.listener._connections)
