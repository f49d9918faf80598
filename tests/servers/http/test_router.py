from __future__ import annotations

import logging

import pytest

from madang.servers.http.exchange import Exchange
from madang.servers.http.router import Handler, Route, Router, elsewhere
from tests.servers.http.test_connection import SHAKE, answer_of
from tests.support.data_plane import listening, until


def says(words: str) -> Handler:
    return lambda exchange: exchange.refuse(200, words)


def test_the_first_matching_route_answers() -> None:
    routes = [
        Route("/a/", says("below a")),
        Route("/a/b", says("exactly b")),
        Route("/c", says("exactly c")),
    ]
    with listening(Router(routes, elsewhere)) as port:
        assert port.ask("/a/").text == port.ask("/a/b").text == "below a\n"
        assert port.ask("/c?q").text == "exactly c\n"
        for path in ("/", "/a", "/c/", "/cd"):
            assert port.ask(path).status == 404


@pytest.mark.parametrize(("path", "status"), [(b"/socket/", b"200"), (b"/", b"404")])
def test_only_some_routes_take_websockets(path: bytes, status: bytes) -> None:
    router = Router([Route("/socket/", says("yes"), websocket=True)], says("no"))
    with listening(router) as port, port.connect() as client:
        client.sendall((SHAKE % b"13").replace(b"GET / ", b"GET " + path + b" "))
        assert answer_of(client).startswith(b"HTTP/1.1 " + status)


async def fails(exchange: Exchange) -> None:
    raise ValueError("on purpose")


async def answers_and_fails(exchange: Exchange) -> None:
    exchange.answer(200, [], b"well")
    raise ValueError("afterwards")


def test_a_coroutine_that_fails_is_answered_with_500_or_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    routes = [Route("/fails", fails), Route("/afterwards", answers_and_fails)]
    with listening(Router(routes, elsewhere)) as port, caplog.at_level(logging.ERROR):
        assert port.ask("/fails").status == 500
        assert "on purpose" in caplog.text
        assert port.ask("/afterwards").body == b"well"
        until(lambda: "afterwards" in caplog.text)
