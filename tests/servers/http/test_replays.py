"""Requests that many send in the same words, each answered as if it were the only one."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest

from madang.servers.http.connection import HttpConnection
from madang.servers.http.exchange import MAX_REPLAYS, Exchange, Responder
from madang.servers.http.listener import Listener
from tests.servers.http.test_connection import answer_of
from tests.support.data_plane import Port, listening, until

GET = b"GET /%b HTTP/1.1\r\nHost: x\r\n%b\r\n"


@dataclass
class Site:
    """Answers with what `says` is now; counts how the answers came about."""

    says: bytes = b"first"
    asked: int = 0
    repeated: int = 0
    waiting: list[Responder] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    port: Port | None = None

    def __call__(self, exchange: Exchange) -> None:
        self.asked += 1
        self.heard.append(exchange.header("user-agent"))
        said = self.says
        if exchange.path == "/later":
            self.waiting.append(exchange)
            exchange.replay(self.later)
            return
        exchange.answer(200, [], said)
        if exchange.path == "/wrong":
            exchange.replay(self.wrong)
        else:
            exchange.replay(lambda other: self.again(other, said))

    def tick(self) -> None:
        """Begin another second."""
        assert self.port is not None
        self.port.loop.call(self.port.listener.tick)

    def connections(self) -> list[HttpConnection]:
        """The open connections."""
        assert self.port is not None
        return list(self.port.listener._connections)

    def answer_waiting(self) -> None:
        """Answer all who wait."""
        assert self.port is not None
        self.port.loop.call(lambda: [each.answer(200, [], b"now") for each in self.waiting])

    def again(self, other: Responder, said: bytes) -> bool:
        if said != self.says:
            return False
        self.repeated += 1
        self.heard.append(other.header("user-agent"))
        other.answer(200, [], said)
        return True

    def later(self, other: Responder) -> bool:
        self.repeated += 1
        self.waiting.append(other)
        return True

    def wrong(self, other: Responder) -> bool:
        raise ValueError("on purpose")


def stop_ticks(listener: Listener) -> None:
    """Let a second end only when a test calls `tick`."""
    assert listener._timer is not None
    listener._timer.cancel()


@contextmanager
def asking(site: Site, count: int, fields: bytes = b"") -> Iterator[list[socket.socket]]:
    """Clients that have asked once each, so that their fields are known."""
    with ExitStack() as stack:
        port = stack.enter_context(listening(site))
        site.port = port
        port.loop.call(lambda: stop_ticks(port.listener))
        clients = [stack.enter_context(port.connect()) for _ in range(count)]
        for number, client in enumerate(clients):
            client.sendall(GET % (b"hello", fields.replace(b"#", b"%d" % number)))
            answer_of(client)
        site.heard.clear()
        site.tick()
        site.asked = site.repeated = 0
        yield clients


def ask(client: socket.socket, path: bytes, fields: bytes = b"") -> bytes:
    client.sendall(GET % (path, fields))
    return answer_of(client)


def test_what_many_ask_is_found_out_once_a_second() -> None:
    site = Site()
    with asking(site, 20) as clients:
        answers = [ask(client, b"hello") for client in clients]
        assert all(answer.endswith(b"\r\n\r\nfirst") for answer in answers)
        assert (site.asked, site.repeated) == (1, 19)


def test_each_is_known_by_its_own_fields() -> None:
    site = Site()
    with asking(site, 8, b"User-Agent: number #\r\n") as clients:
        for number, client in enumerate(clients):
            ask(client, b"hello", b"User-Agent: number %d\r\n" % number)
        assert site.repeated
        assert site.heard == [f"number {number}" for number in range(8)]


def test_things_that_changed_are_found_out_anew() -> None:
    site = Site()
    with asking(site, 8) as clients:
        assert ask(clients[0], b"hello").endswith(b"first")
        site.says = b"second"
        assert all(ask(client, b"hello").endswith(b"second") for client in clients)


def test_nothing_is_repeated_in_another_second() -> None:
    site = Site()
    with asking(site, 2) as clients:
        for _ in range(3):
            site.tick()
            ask(clients[0], b"hello")
        assert (site.asked, site.repeated) == (3, 0)


@pytest.mark.parametrize(
    "fields", [b"Range: bytes=0-1\r\n", b'If-None-Match: "x"\r\n', b'If-Range: "x"\r\n']
)
def test_who_wants_a_part_or_has_it_already_is_looked_at(fields: bytes) -> None:
    site = Site()
    with asking(site, 3, fields) as clients:
        for client in clients * 3:
            ask(client, b"hello", fields)
        assert (site.asked, site.repeated) == (9, 0)


def test_who_asks_for_the_head_gets_no_body() -> None:
    site = Site()
    with asking(site, 2) as clients:
        ask(clients[0], b"hello")
        clients[1].sendall(b"HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n")
        clients[1].sendall(GET % (b"hello", b""))
        received = b""
        while not received.endswith(b"first"):
            received += clients[1].recv(1000)
        assert received.count(b"HTTP/1.1 200 OK") == 2
        assert received.count(b"first") == 1


def test_those_who_wait_are_answered_together_and_then_ask_again() -> None:
    site = Site()
    with asking(site, 10) as clients:
        for client in clients:
            client.sendall(GET % (b"later", b""))
        until(lambda: len(site.waiting) == 10)
        assert site.repeated == 9
        clients[3].close()  # has stopped waiting
        site.answer_waiting()
        for client in clients[:3] + clients[4:]:
            assert answer_of(client).endswith(b"now")
            assert ask(client, b"hello").endswith(b"first")


def test_what_is_sent_while_one_waits_comes_after_it() -> None:
    site = Site()
    with asking(site, 2) as clients:
        for client in clients:
            client.sendall(GET % (b"later", b""))
        until(lambda: len(site.waiting) == 2)
        clients[1].sendall(GET % (b"hello", b"User-Agent: other\r\n"))
        until(lambda: any(each._queue for each in site.connections()))
        # Who waits is known by what he asked with, whatever he sends meanwhile.
        assert [asker.header("user-agent") for asker in site.waiting] == ["", ""]
        site.answer_waiting()
        assert answer_of(clients[1]).endswith(b"now")
        assert answer_of(clients[1]).endswith(b"first")


def test_a_fault_is_answered_and_the_port_stays_open(caplog: pytest.LogCaptureFixture) -> None:
    site = Site()
    with asking(site, 2) as clients:
        answers = [ask(client, b"wrong") for client in clients * 2]
        assert any(b" 500 " in answer.partition(b"\r\n")[0] for answer in answers)
        assert "GET /wrong failed" in caplog.text
        assert ask(clients[1], b"hello").endswith(b"first")


def test_the_number_of_request_lines_is_limited() -> None:
    site = Site()
    with asking(site, 1) as clients:
        assert site.port is not None
        replays = site.port.listener.replays
        replays.update((b"%d" % number, site.later) for number in range(MAX_REPLAYS - 5))
        for _ in range(2):
            for number in range(20):
                ask(clients[0], b"hello?%d" % number)
        assert (site.asked, site.repeated) == (35, 5)
