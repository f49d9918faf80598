"""Request bodies on real sockets: back-pressure, 100 (Continue), clients that break off."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from madang.servers.http.connection import HttpConnection
from madang.servers.http.exchange import Exchange
from madang.servers.http.limits import DEFAULT_LIMITS, RECEIVE_BODY
from madang.servers.http.request_body import SMALL_PIECE, RequestBody
from madang.wire.http1 import Body, BodyEnd, Request, RequestReader
from tests.servers.http.test_connection import POST, answer_of, echo, pass_time, well
from tests.support.clocks import ManualClock
from tests.support.data_plane import Port, listening, read_all, until

CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
SIZE = 50 << 20
BLOCK = bytes(range(256)) * 256


class Consumer:
    """A handler that reads one piece of the body for each permit, and answers the size."""

    def __init__(self) -> None:
        self.permits = asyncio.Semaphore(0)
        self.sizes: list[int] = []
        self.error: BaseException | None = None
        self.peak = 0

    def __call__(self, exchange: Exchange) -> object:
        return asyncio.get_running_loop().create_task(self._read(exchange))

    async def _read(self, exchange: Exchange) -> None:
        await self.permits.acquire()
        try:
            async for piece in exchange.body():
                self.sizes.append(len(piece))
                await self.permits.acquire()
        except ConnectionError as error:
            self.error = error
            exchange.refuse(400, "broken")
        else:
            exchange.answer(200, [], b"%d" % sum(self.sizes))

    def permit(self, port: Port, pieces: int) -> None:
        """Let the handler read more."""
        port.loop.call(lambda: [self.permits.release() for _ in range(pieces)])


def blocks(*, chunked: bool) -> Iterator[bytes]:
    """A request with a body of SIZE bytes."""
    if not chunked:
        yield POST % (SIZE, b"")
    else:
        yield CHUNKED
    for _ in range(SIZE // len(BLOCK)):
        yield b"%x\r\n%b\r\n" % (len(BLOCK), BLOCK) if chunked else BLOCK
    if chunked:
        yield b"0\r\n\r\n"


def only(port: Port) -> HttpConnection:
    (connection,) = until(lambda: list(port.listener._connections))
    return connection


@pytest.mark.parametrize("chunked", [False, True])
def test_a_slow_handler_slows_the_client_down(chunked: bool) -> None:
    consumer = Consumer()
    with listening(consumer) as port, port.connect() as client:
        connection = only(port)
        client.setblocking(False)
        rest = memoryview(b"".join(blocks(chunked=chunked)))
        whole = len(rest)

        def stalled() -> bool:
            nonlocal rest
            try:
                while True:
                    rest = rest[client.send(rest[: 1 << 20]) :]
            except BlockingIOError:
                return connection._paused

        until(stalled)
        body = connection._body
        assert body is not None
        assert body.buffered <= DEFAULT_LIMITS.max_unread + RECEIVE_BODY
        kernel = connection._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        kernel += client.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        assert whole - len(rest) <= DEFAULT_LIMITS.max_unread + RECEIVE_BODY + kernel

        consumer.permit(port, 10_000)
        client.settimeout(20)
        client.sendall(rest)
        assert answer_of(client).endswith(b"\r\n\r\n%d" % SIZE)
        assert max(consumer.sizes) <= DEFAULT_LIMITS.max_unread + RECEIVE_BODY
        consumer.sizes.clear()
        client.sendall(POST % (3, b"") + b"abc")  # the connection goes on
        assert answer_of(client).endswith(b"\r\n\r\n3")


@pytest.mark.parametrize("head", [POST % (3, b"Expect: 100-continue\r\n"), None])
def test_the_body_is_asked_for_when_the_handler_reads_it(head: bytes | None) -> None:
    head = head or CHUNKED[:-2] + b"Expect: 100-continue\r\n\r\n"
    body = b"3\r\nabc\r\n0\r\n\r\n" if b"chunked" in head else b"abc"
    consumer = Consumer()
    with listening(consumer) as port, port.connect() as client:
        client.sendall(head)
        connection = only(port)
        until(lambda: connection.busy)
        client.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.recv(1)
        consumer.permit(port, 10)
        client.settimeout(20)
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)
        assert answer_of(client).endswith(b"\r\n\r\n3")


def test_a_body_that_came_without_being_asked_for_needs_no_100() -> None:
    with listening(echo) as port, port.connect() as client:
        client.sendall(POST % (3, b"Expect: 100-continue\r\n") + b"abc")
        assert answer_of(client).startswith(b"HTTP/1.1 200")


def test_a_request_refused_before_its_body_gets_no_100() -> None:
    def dispatch(exchange: Exchange) -> None:
        exchange.refuse(413, "too large")

    with listening(dispatch) as port, port.connect() as client:
        client.sendall(POST % (3, b"Expect: 100-continue\r\n"))
        received = read_all(client)
        assert received.startswith(b"HTTP/1.1 413")
        assert b"\r\nconnection: close\r\n" in received


@pytest.mark.parametrize("read", [False, True])
def test_a_handler_that_stops_reading_can_still_answer(read: bool) -> None:
    def dispatch(exchange: Exchange) -> object:
        async def answer() -> None:
            if read:
                async for _ in exchange.body():
                    break
            exchange.answer(413, [], b"too large")

        return asyncio.get_running_loop().create_task(answer())

    with listening(dispatch) as port, port.connect() as client:
        client.sendall(POST % (3_000_000, b""))
        client.sendall(bytes(3_000_000))
        received = read_all(client)
        assert received.startswith(b"HTTP/1.1 413")
        assert b"\r\nconnection: close\r\n" in received
        assert received.endswith(b"too large")
        client.close()
        until(lambda: not port.listener._connections)


def test_a_client_that_leaves_makes_reading_fail() -> None:
    consumer = Consumer()
    with listening(consumer) as port:
        consumer.permit(port, 10)
        with port.connect() as client:
            client.sendall(POST % (100, b"") + b"half")
            until(lambda: consumer.sizes)
        assert isinstance(until(lambda: consumer.error), ConnectionError)
        until(lambda: not port.listener._connections)


def test_a_client_that_stops_sending_makes_reading_fail() -> None:
    consumer, time = Consumer(), ManualClock()
    with listening(consumer, clock=time.clock) as port, port.connect() as client:
        client.sendall(POST % (100, b"") + b"half")
        connection = only(port)
        until(lambda: connection._body is not None and connection._body.buffered)
        pass_time(port, time, 10 * DEFAULT_LIMITS.body_timeout)  # that was the handler's own delay
        consumer.permit(port, 10)
        until(lambda: connection._body is not None and connection._body.awaited)
        pass_time(port, time, DEFAULT_LIMITS.body_timeout)
        assert consumer.error is None
        pass_time(port, time, 1)
        assert read_all(client).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("rest", [b"nonsense\r\n", b"0\r\nX: " + bytes(100_000)])
def test_a_broken_body_makes_reading_fail_and_is_answered(rest: bytes) -> None:
    consumer = Consumer()
    with listening(consumer) as port, port.connect() as client:
        consumer.permit(port, 10)
        client.sendall(CHUNKED + rest)
        received = read_all(client)
        assert received.startswith(b"HTTP/1.1 400")
        assert received.count(b"HTTP/1.1") == 1


def test_a_body_in_the_smallest_chunks_comes_in_few_pieces() -> None:
    consumer = Consumer()
    with listening(consumer) as port, port.connect() as client:
        client.sendall(CHUNKED + b"1\r\na\r\n" * 5000 + b"0\r\n\r\n")
        connection = only(port)
        until(lambda: connection._body is not None and connection._body.complete)
        consumer.permit(port, 100)
        assert answer_of(client).endswith(b"\r\n\r\n5000")
        assert len(consumer.sizes) == 1


def test_a_request_after_an_unread_body_of_a_closing_connection_is_not_answered() -> None:
    with listening(well) as port, port.connect() as client:
        client.sendall(POST % (3, b"") + b"ab")
        received = read_all(client)
        assert received.count(b"HTTP/1.1 200 OK") == 1


def test_small_chunks_are_read_together_and_large_ones_as_they_came() -> None:
    body = RequestBody(request_of(POST % (SIZE, b"")))
    large = bytes(SMALL_PIECE)
    for data in (b"a", b"b", large, b"c", b"d"):
        body.feed(Body(data))
    body.feed(BodyEnd())
    assert body.buffered == SMALL_PIECE + 4

    async def read() -> list[bytes]:
        return [piece async for piece in body.pieces(lambda: None)]

    assert asyncio.run(read()) == [b"ab", large, b"cd"]
    assert body.buffered == 0


def request_of(head: bytes) -> Request:
    (request,) = (event for event in RequestReader().receive(head) if isinstance(event, Request))
    return request
