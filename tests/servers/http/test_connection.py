"""One connection of the HTTP port, as clients good and bad use it."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import time

import pytest

from madang.servers.http import connection as made_here
from madang.servers.http import listener as port_of
from madang.servers.http.exchange import Exchange
from tests.support.air import Port, listening, read_all, until

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
    with listening(well) as port:
        made = port.ask("/").headers["date"]
        assert (
            abs(
                time.mktime(time.strptime(made, "%a, %d %b %Y %H:%M:%S GMT"))
                - time.mktime(time.gmtime())
            )
            < 3
        )


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


def test_a_large_body_arrives_whole_and_waits_for_who_reads_it_slowly() -> None:
    body = bytes(range(256)) * 20_000
    most = 0

    def dispatch(exchange: Exchange) -> object:
        async def answer() -> None:
            nonlocal most
            size = 0
            async for piece in exchange.body():
                size += len(piece)
                unread = exchange._connection._body
                most = max(most, len(unread.data) if unread is not None else 0)
                await asyncio.sleep(0.001)
            exchange.answer(200, [], b"%d" % size)

        return asyncio.get_running_loop().create_task(answer())

    with listening(dispatch) as port:
        assert port.ask("/", "POST", body).body == b"%d" % len(body)
        assert port.ask("/", "POST", iter([body])).body == b"%d" % len(body)
    assert most <= made_here.MAX_UNREAD + made_here.RECEIVE_BODY


def test_who_asks_whether_to_send_a_body_is_told_when_it_is_wanted() -> None:
    with listening(echo) as port, port.connect() as connection:
        connection.sendall(POST % (3, b"Expect: 100-continue\r\n"))
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"abc")
        assert answer_of(connection).endswith(b"\r\n\r\nabc")


def test_a_body_that_nobody_reads_does_not_take_the_answer_from_its_client() -> None:
    def dispatch(exchange: Exchange) -> None:
        exchange.answer(413, [], b"too large")

    with listening(dispatch) as port, port.connect() as connection:
        connection.sendall(POST % (3_000_000, b""))
        connection.sendall(bytes(3_000_000))
        received = read_all(connection)
        assert received.startswith(b"HTTP/1.1 413")
        assert b"\r\nconnection: close\r\n" in received
        assert received.endswith(b"too large")


def test_a_client_that_leaves_in_the_middle_of_its_body_is_an_error_for_who_reads_it() -> None:
    seen: list[BaseException] = []

    def dispatch(exchange: Exchange) -> object:
        async def read() -> None:
            try:
                async for _ in exchange.body():
                    pass
            except ConnectionError as error:
                seen.append(error)

        return asyncio.get_running_loop().create_task(read())

    with listening(dispatch) as port:
        with port.connect() as connection:
            connection.sendall(POST % (100, b"") + b"half")
        until(lambda: seen)


@pytest.mark.parametrize("rest", [b"nonsense\r\n", b"0\r\nX: " + bytes(100_000)])
def test_a_body_that_breaks_is_an_error_for_who_reads_it_and_is_answered(rest: bytes) -> None:
    def dispatch(exchange: Exchange) -> object:
        async def read() -> None:
            try:
                async for _ in exchange.body():
                    pass
            except ConnectionError:
                exchange.refuse(400, "broken")

        return asyncio.get_running_loop().create_task(read())

    with listening(dispatch) as port, port.connect() as connection:
        connection.sendall(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + rest
        )
        received = read_all(connection)
        assert received.startswith(b"HTTP/1.1 400")
        assert received.count(b"HTTP/1.1") == 1


def test_a_body_in_the_smallest_chunks_comes_in_few_pieces() -> None:
    sizes: list[int] = []

    def dispatch(exchange: Exchange) -> object:
        async def read() -> None:
            await asyncio.sleep(0.2)
            sizes.extend([len(piece) async for piece in exchange.body()])
            well(exchange)

        return asyncio.get_running_loop().create_task(read())

    with listening(dispatch) as port:
        assert port.ask("/", "POST", iter([b"a"] * 5000)).body == b"well"
    assert sum(sizes) == 5000
    assert len(sizes) < 100


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


def _times(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(made_here, name, 1)


def test_an_idle_connection_is_ended_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    _times(monkeypatch, "KEEP_ALIVE")
    with listening(well) as port, port.connect() as connection, port.connect() as silent:
        connection.sendall(GET)
        assert read_all(connection).endswith(b"well")
        assert read_all(silent) == b""


def test_a_head_that_does_not_end_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    _times(monkeypatch, "HEAD_PATIENCE")
    with listening(well) as port, port.connect() as connection:
        connection.sendall(GET[:-2])
        assert read_all(connection).startswith(b"HTTP/1.1 408")


def test_a_client_that_does_not_take_its_leave_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _times(monkeypatch, "LINGER")
    with listening(well) as port, port.connect() as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        assert read_all(connection).startswith(b"HTTP/1.1 400")
        until(lambda: _ended(connection))


def _ended(connection: socket.socket) -> bool:
    try:
        connection.sendall(b"more")
    except OSError:
        return True
    return False


def test_more_connections_than_there_may_be_wait_until_one_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(port_of, "MAX_CONNECTIONS", 2)
    with listening(well) as port, port.connect() as one, port.connect(), port.connect() as third:
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
            crowd = [port.connect() for _ in range(int(files * port_of.FILES))]
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


def test_a_thousand_connections_come_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
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
