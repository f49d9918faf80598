"""One connection of the HTTP port, as clients good and bad use it."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import time

import pytest

from madang.servers.http.exchange import Exchange
from madang.servers.http.limits import DEFAULT_LIMITS, HttpLimits
from tests.support.clocks import ManualClock
from tests.support.data_plane import Port, listening, read_all, until

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%b\r\n"
SHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: %b\r\n\r\n"
)


def well(exchange: Exchange) -> None:
    """Answer a few bytes."""
    exchange.answer(200, [], b"well")


def echo(exchange: Exchange) -> asyncio.Task[None]:
    """Answer the body."""

    async def answer() -> None:
        exchange.answer(200, [], b"".join([piece async for piece in exchange.body()]))

    return asyncio.get_running_loop().create_task(answer())


def answer_of(connection: socket.socket) -> bytes:
    """One answer with a length."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(1)
    start, _, _ = received.partition(b"\r\n\r\n")
    length = int(start.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(received) < len(start) + 4 + length:
        received += connection.recv(len(start) + 4 + length - len(received))
    return received


def test_a_connection_carries_one_request_after_the_other() -> None:
    with listening(well) as port, port.connect() as connection:
        for _ in range(50):
            connection.sendall(GET)
            assert answer_of(connection).endswith(b"\r\n\r\nwell")


def test_an_answer_says_when_it_was_made() -> None:
    clock = ManualClock(1_800_000_000.0)
    with listening(well, clock=clock.clock) as port:
        assert port.ask("/").headers["date"] == "Fri, 15 Jan 2027 08:00:00 GMT"


def test_hundreds_of_requests_sent_ahead_are_all_answered_in_order() -> None:
    def dispatch(exchange: Exchange) -> None:
        exchange.answer(200, [], exchange.path.encode() * 1000)

    with listening(dispatch) as port, port.connect() as connection:
        for number in range(300):
            connection.sendall(GET.replace(b"/ ", b"/%d " % number))
        for number in range(300):
            assert answer_of(connection).endswith(b"/%d" % number)


def test_a_request_that_comes_byte_by_byte_is_understood() -> None:
    with listening(echo) as port, port.connect() as connection:
        for byte in POST % (3, b"") + b"abc":
            connection.sendall(bytes([byte]))
        assert answer_of(connection).endswith(b"\r\n\r\nabc")


def later(exchange: Exchange) -> None:
    """Answer a few bytes in a moment."""
    asyncio.get_running_loop().call_later(0.2, well, exchange)


def test_who_shuts_its_end_has_the_answers_to_what_it_asked() -> None:
    with listening(later) as port:
        for asked in (GET, GET + GET, GET.replace(b"1.1", b"1.0"), GET + GET[:-2]):
            with port.connect() as connection:
                connection.sendall(asked)
                connection.shutdown(socket.SHUT_WR)
                assert read_all(connection).count(b"200 OK") == asked.count(b"\r\n\r\n")


def test_who_shuts_its_end_costs_nothing_while_its_answer_is_made() -> None:
    def dispatch(exchange: Exchange) -> None:
        asyncio.get_running_loop().call_later(1, well, exchange)

    with listening(dispatch) as port, port.connect() as connection:
        connection.sendall(GET)
        connection.shutdown(socket.SHUT_WR)
        before = time.process_time()
        assert read_all(connection).endswith(b"well")
        assert time.process_time() - before < 0.5


def test_many_requests_sent_ahead_do_not_keep_others_waiting() -> None:
    order: list[str] = []

    def dispatch(exchange: Exchange) -> None:
        order.append(exchange.path)
        time.sleep(0.002)
        well(exchange)

    with listening(dispatch) as port, port.connect() as flood, port.connect() as other:
        flood.sendall(GET * 300)
        until(lambda: order)
        other.sendall(GET.replace(b"/ ", b"/other "))
        assert answer_of(other).endswith(b"well")
        assert order.index("/other") < 250


def test_what_comes_after_a_broken_request_is_not_read() -> None:
    with listening(well) as port, port.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nno colon\r\n\r\n" + GET)
        received = read_all(connection)
        assert received.startswith(b"HTTP/1.1 400")
        assert received.count(b"HTTP/1.1") == 2  # the status line, and the words about it
        assert b"200" not in received.split(b"\r\n")[0]


def test_an_old_client_has_its_connection_closed() -> None:
    with listening(well) as port, port.connect() as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert read_all(connection).endswith(b"\r\n\r\nwell")


@pytest.mark.parametrize(("version", "status"), [(b"13", b"101"), (b"8", b"426")])
def test_a_handshake_is_answered_as_the_standard_says(version: bytes, status: bytes) -> None:
    def dispatch(exchange: Exchange) -> None:
        if exchange.is_websocket:
            try:
                with exchange.accept() as taken:
                    taken.send(b"mine")
            except ConnectionError:
                assert exchange.answered
        else:
            well(exchange)

    with listening(dispatch) as port, port.connect() as connection:
        connection.sendall(SHAKE % version)
        received = read_all(connection) if status == b"101" else answer_of(connection)
        assert received.startswith(b"HTTP/1.1 " + status)
        if status == b"101":
            assert b"\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in received
            assert received.endswith(b"\r\n\r\nmine")
        else:
            assert b"\r\nsec-websocket-version: 13\r\n" in received


def test_who_speaks_before_the_handshake_is_answered_is_not_let_in() -> None:
    refused: list[ConnectionError] = []

    def dispatch(exchange: Exchange) -> None:
        try:
            exchange.accept()
        except ConnectionError as error:
            refused.append(error)

    with listening(dispatch) as port, port.connect() as connection:
        connection.sendall(SHAKE % b"13" + b"\x81\x80mask")
        assert read_all(connection) == b""
        until(lambda: refused)


def pass_time(port: Port, time: ManualClock, seconds: float) -> None:
    """Advance the clock of a listener and let it enforce its time limits."""
    time.advance(seconds)
    port.loop.call(port.listener.tick)


def let_time_run_out(port: Port, time: ManualClock, seconds: float) -> None:
    """Pass the time limit until the connections are closed: what the client's buffers still took
    in the background counts anew."""
    for _ in range(10):
        if port.listener._connections:
            pass_time(port, time, seconds + 1)
    assert not port.listener._connections


def test_an_idle_connection_is_closed_after_a_while() -> None:
    time = ManualClock()
    with (
        listening(well, clock=time.clock) as port,
        port.connect() as used,
        port.connect() as silent,
    ):
        used.sendall(GET)
        answer_of(used)
        until(lambda: len(port.listener._connections) == 2)
        pass_time(port, time, DEFAULT_LIMITS.keep_alive)
        assert len(port.listener._connections) == 2
        pass_time(port, time, 1)
        assert read_all(used) == read_all(silent) == b""


def test_a_head_that_does_not_end_is_refused_in_words() -> None:
    time = ManualClock()
    with listening(well, clock=time.clock) as port, port.connect() as connection:
        connection.sendall(GET[:-2])
        until(lambda: [each for each in port.listener._connections if each._head_since])
        pass_time(port, time, DEFAULT_LIMITS.head_timeout + 1)
        assert read_all(connection).startswith(b"HTTP/1.1 408")


def test_a_client_that_does_not_close_after_the_last_response_is_cut_off() -> None:
    time = ManualClock()
    with listening(well, clock=time.clock) as port, port.connect() as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        assert read_all(connection).startswith(b"HTTP/1.1 400")
        connection.sendall(b"more")
        assert port.listener._connections
        pass_time(port, time, DEFAULT_LIMITS.linger_timeout + 1)
        assert not port.listener._connections


def test_a_client_that_takes_nothing_is_disconnected() -> None:
    time = ManualClock()
    large = bytes(8 << 20)
    with (
        listening(lambda exchange: exchange.answer(200, [], large), clock=time.clock) as port,
        port.connect(receive_buffer=4096) as connection,
    ):
        connection.sendall(GET)
        until(lambda: any(each.busy for each in port.listener._connections))
        pass_time(port, time, DEFAULT_LIMITS.send_timeout)
        assert port.listener._connections
        let_time_run_out(port, time, DEFAULT_LIMITS.send_timeout)


def test_more_connections_than_there_may_be_wait_until_one_ends() -> None:
    limits = HttpLimits(max_connections=2)
    with (
        listening(well, limits=limits) as port,
        port.connect() as one,
        port.connect(),
        port.connect() as third,
    ):
        third.sendall(GET)
        third.settimeout(0.5)
        with pytest.raises(TimeoutError):
            third.recv(1)
        one.close()
        third.settimeout(10)
        assert answer_of(third).endswith(b"well")


def test_connections_leave_files_for_others() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = 4 * (len(os.listdir("/proc/self/fd")) + 10)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    try:
        with listening(well) as port:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            share = int(files * DEFAULT_LIMITS.descriptor_share)
            crowd = [port.connect() for _ in range(share)]
            with port.connect() as last:
                last.sendall(GET)
                last.settimeout(0.5)
                with pytest.raises(TimeoutError):
                    last.recv(1)
                for connection in crowd:
                    connection.close()
                last.settimeout(10)
                assert answer_of(last).endswith(b"well")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_thousand_connections_come_and_go() -> None:
    with listening(well) as port:
        for _ in range(10):
            crowd = [_asked(port) for _ in range(100)]
            for connection in crowd:
                assert answer_of(connection).endswith(b"well")
                connection.close()
        assert port.ask("/").body == b"well"


def _asked(port: Port) -> socket.socket:
    connection = port.connect()
    connection.sendall(GET)
    return connection
