from __future__ import annotations

import gzip
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import pytest

from madang.servers.http.page_cache import PageCache
from madang.servers.http.wsgi import (
    DEFAULT_LIMITS,
    StartResponse,
    WsgiApp,
    WsgiBridge,
    WsgiLimits,
)
from tests.support.clocks import ManualClock
from tests.support.data_plane import Port, listening, read_all, until

if TYPE_CHECKING:
    from madang.base.addresses import Network
    from madang.station.config.settings import Settings

LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"),)

FAULT = b"The station has a fault. Try again in a moment.\n"


@contextmanager
def bridged(
    app: WsgiApp, trusted: tuple[Network, ...] = (), limits: WsgiLimits = DEFAULT_LIMITS
) -> Iterator[Port]:
    """A port whose every request `app` answers."""
    bridge = WsgiBridge(app, trusted, limits)
    with listening(bridge) as port:
        yield port
        port.loop.run(bridge.close(5))


def echo(show: Callable[[dict[str, Any]], object]) -> WsgiApp:
    """An application that answers with what `show` makes of the environment."""

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(show(environ)).encode()]

    return app


def body_awaited(port: Port) -> bool:
    """Return whether a handler waits for the body of a request."""
    bodies = [each._body for each in port.listener._connections]
    return any(body is not None and body.awaited for body in bodies)


def body_size(environ: dict[str, Any]) -> int:
    return len(environ["wsgi.input"].read())


def test_a_body_arrives_whole_with_its_length() -> None:
    with bridged(echo(lambda e: (e["CONTENT_LENGTH"], e["wsgi.input"].read()))) as port:
        assert port.ask("/", "POST", b"form").text == "('4', b'form')"


def test_a_body_without_length_arrives_whole_with_its_length() -> None:
    with bridged(echo(lambda e: (e["CONTENT_LENGTH"], e["wsgi.input"].read()))) as port:
        assert port.ask("/", "POST", iter([b"fo", b"rm"])).text == "('4', b'form')"


def test_a_body_of_the_limit_is_taken() -> None:
    with bridged(echo(body_size), limits=WsgiLimits(max_body=1000)) as port:
        assert port.ask("/", "POST", bytes(1000)).text == "1000"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_longer_body_is_refused(chunked: bool) -> None:
    with bridged(echo(body_size), limits=WsgiLimits(max_body=1000)) as port:
        answer = port.ask("/", "POST", iter([bytes(600), bytes(600)]) if chunked else bytes(1001))
        assert answer.status == 413
        assert "1000 bytes" in answer.text


def test_a_declared_length_alone_is_enough_for_a_refusal() -> None:
    with bridged(echo(body_size)) as port:
        head = "POST / HTTP/1.1", "Host: x", f"Content-Length: {10**15}"
        assert port.say(*head).startswith(b"HTTP/1.1 413")


def test_a_client_that_stops_sending_is_told_so_and_holds_no_thread() -> None:
    with bridged(echo(body_size), limits=WsgiLimits(body_timeout=0.5)) as port:
        stuck = [port.connect() for _ in range(2 * DEFAULT_LIMITS.threads)]
        for connection in stuck:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab")
        assert port.ask("/", timeout=0.4).status == 200
        for connection in stuck:
            assert connection.recv(1000).startswith(b"HTTP/1.1 408")
            connection.close()


def test_a_client_that_stops_sending_does_not_hold_up_the_end() -> None:
    bridge = WsgiBridge(echo(body_size))
    with listening(bridge) as port, port.connect() as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab")
        until(lambda: body_awaited(port))
        began = time.monotonic()
        port.loop.run(bridge.close(0.3))
        assert time.monotonic() - began < 5
        connection.close()


def test_a_body_that_was_cut_off_never_reaches_the_application() -> None:
    seen: list[int] = []
    with bridged(echo(lambda e: seen.append(body_size(e)))) as port:
        with port.connect() as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab")
            until(lambda: body_awaited(port))
        until(lambda: not port.listener._connections)
        assert port.ask("/").status == 200
    assert seen == [0]


def test_header_names_that_could_be_mistaken_for_others_are_dropped() -> None:
    def show(environ: dict[str, Any]) -> list[str]:
        return sorted(name for name in environ if name.startswith("HTTP_X") or "PROXY" in name)

    with bridged(echo(show)) as port:
        answer = port.say(
            "GET / HTTP/1.1", "Host: x", "X_Forwarded_For: 1", "X-Real: 1", "Proxy: http://evil"
        )
        assert answer.endswith(b"['HTTP_X_REAL']")


def test_equal_headers_are_joined() -> None:
    with bridged(echo(lambda e: e["HTTP_X_A"])) as port:
        answer = port.say("GET / HTTP/1.1", "Host: x", "X-A: one", "X-A: two")
        assert answer.endswith(b"one,two")


def test_every_cookie_that_is_set_arrives() -> None:
    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
        return []

    with bridged(app) as port:
        received = port.say("GET / HTTP/1.1", "Host: x")
        assert b"set-cookie: a=1\r\n" in received
        assert b"set-cookie: b=2\r\n" in received


def test_head_says_the_length_of_what_get_sends() -> None:
    with bridged(echo(lambda e: e["REQUEST_METHOD"] and "as long as this")) as port:
        answer = port.ask("/", "HEAD")
        assert answer.body == b""
        assert answer.headers["content-length"] == "15"


class Stream:
    """A WSGI iterable that notes whether it was closed."""

    def __init__(self, *, fails: bool) -> None:
        self.closed = False
        self._fails = fails

    def __iter__(self) -> Iterator[bytes]:
        yield b"one "
        if self._fails:
            raise ValueError("in the middle")
        yield b"two"

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("fails", [False, True])
def test_a_stream_is_sent_whole_and_closed_whatever_happens(fails: bool) -> None:
    stream = Stream(fails=fails)

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return stream

    with bridged(app) as port:
        answer = port.ask("/")
        assert (answer.status, answer.body) == ((500, FAULT) if fails else (200, b"one two"))
    assert stream.closed


def test_a_page_that_fails_is_500_and_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        raise ValueError("on purpose")

    with bridged(app) as port, caplog.at_level(logging.ERROR):
        assert port.ask("/broken?key=secret").status == 500
        assert "GET /broken failed" in caplog.text
        assert "on purpose" in caplog.text
        assert "secret" not in caplog.text


@pytest.mark.parametrize("path", ["/@마당?q=마당".encode(), b"/@%EB%A7%88%EB%8B%B9?q=%EB%A7%88"])
def test_korean_addresses_arrive_as_pep_3333_says(path: bytes) -> None:
    def show(environ: dict[str, Any]) -> str:
        environ["QUERY_STRING"].encode("latin-1")
        return str(environ["PATH_INFO"].encode("latin-1").decode())

    with bridged(echo(show)) as port:
        received = port.say(b"GET " + path + b" HTTP/1.1", "Host: x")
        assert received.endswith("/@마당".encode())


def test_bytes_that_are_no_utf8_in_an_address_break_nothing() -> None:
    with bridged(echo(lambda e: e["PATH_INFO"].isascii())) as port:
        assert port.say("GET /%ff%fe%00?%ff HTTP/1.1", "Host: x").endswith(b"False")


def who(environ: dict[str, Any]) -> str:
    return f"{environ['REMOTE_ADDR']} {environ['wsgi.url_scheme']}"


def test_only_a_trusted_proxy_is_believed_about_address_and_scheme() -> None:
    said = {"X_Forwarded_For": "198.51.100.7", "X_Forwarded_Proto": "https"}
    with bridged(echo(who)) as port:
        assert port.ask("/", **said).text == "127.0.0.1 http"
    with bridged(echo(who), LOOPBACK) as port:
        assert port.ask("/", **said).text == "198.51.100.7 https"
        assert port.ask("/", X_Forwarded_Proto="gopher").text == "127.0.0.1 http"


def test_a_header_line_that_the_client_wrote_itself_does_not_hide_it() -> None:
    with bridged(echo(who), LOOPBACK) as port:
        received = port.say(
            "GET / HTTP/1.1", "Host: x", "X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 198.51.100.7"
        )
        assert received.endswith(b"198.51.100.7 http")


def test_a_client_that_leaves_while_a_page_is_made_breaks_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    working, go_on = threading.Event(), threading.Event()

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/slow":
            working.set()
            go_on.wait(10)
        start_response("200 OK", [])
        return [b"done"]

    with bridged(app) as port, caplog.at_level(logging.ERROR):
        with port.connect() as connection:
            connection.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            assert working.wait(10)
        until(lambda: all(each._paused for each in port.listener._connections))
        go_on.set()
        assert port.ask("/").body == b"done"
    assert caplog.text == ""


def test_django_answers_through_the_bridge(station: Settings) -> None:
    from madang.station.django.wsgi import application

    with bridged(application) as port:
        answer = port.ask("/api/v1/live")
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("application/json")
        received = port.say("GET /nothing?q=마당 HTTP/1.1", "Host: localhost")
        assert received.startswith(b"HTTP/1.1 404")


def test_more_pages_at_once_than_threads_are_all_answered() -> None:
    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        time.sleep(0.02)
        start_response("200 OK", [])
        return [b"done"]

    with bridged(app) as port:
        connections = [port.connect() for _ in range(5 * DEFAULT_LIMITS.threads)]
        for connection in connections:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        for connection in connections:
            with connection:
                assert read_all(connection).endswith(b"done")


class Counting:
    """An application whose pages say how often it was asked; `block` holds it up."""

    def __init__(self, *headers: tuple[str, str]) -> None:
        self.asked = 0
        self.headers = [("Content-Type", "text/html"), *headers]
        self.block = threading.Event()
        self.block.set()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        self.asked += 1
        answer = f"{self.asked} {environ['REQUEST_METHOD']} ".encode() + b"page " * 1000
        self.block.wait(10)
        start_response("200 OK", self.headers)
        return [answer]


@contextmanager
def cached(app: WsgiApp, trusted: tuple[Network, ...] = ()) -> Iterator[tuple[Port, ManualClock]]:
    """A port with a cache of pages, whose clock stands."""
    clock = ManualClock()
    cache = PageCache(frozenset({"sessionid"}), lambda _cookies, _accepted: "en", clock.clock)
    bridge = WsgiBridge(app, trusted, cache=cache, clock=clock.clock)
    with listening(bridge) as port:
        yield port, clock
        port.loop.run(bridge.close(5))


PUBLIC = ("Cache-Control", "public, max-age=1")


def test_strangers_get_one_page_and_others_get_theirs() -> None:
    app = Counting(PUBLIC)
    with cached(app) as (port, clock):
        assert port.ask("/").text.startswith("1 GET")
        assert port.ask("/").text.startswith("1 GET")
        assert port.ask("/", "HEAD").status == 200
        assert port.ask("/?page=2").text.startswith("2 GET")
        assert port.ask("/", cookie="sessionid=x").text.startswith("3 GET")
        clock.advance(1.1)
        assert port.ask("/").text.startswith("4 GET")


def test_a_page_that_is_first_asked_for_by_head_or_condition_is_whole_for_others() -> None:
    app = Counting(PUBLIC, ("ETag", '"a"'))
    with cached(app) as (port, clock):
        assert port.ask("/", "HEAD").text == ""
        assert port.ask("/").text.startswith("1 GET")
        clock.advance(1.1)
        known = port.ask("/", if_none_match='"a"')
        assert (known.status, known.text) == (304, "")
        assert port.ask("/").text.startswith("2 GET")


def test_who_asks_at_the_same_time_waits_for_one_page() -> None:
    app = Counting(PUBLIC)
    app.block.clear()
    with cached(app) as (port, _clock), ThreadPoolExecutor(20) as crowd:
        asking = [crowd.submit(port.ask, "/") for _ in range(20)]
        until(lambda: app.asked == 1 and len(port.listener._connections) == 20)
        app.block.set()
        assert {each.result().text[:6] for each in asking} == {"1 GET "}
        assert app.asked == 1


def test_who_waited_for_a_page_that_is_personal_after_all_gets_another() -> None:
    app = Counting()
    app.block.clear()
    with cached(app) as (port, _clock), ThreadPoolExecutor(5) as crowd:
        asking = [crowd.submit(port.ask, "/") for _ in range(5)]
        until(lambda: app.asked == 1 and len(port.listener._connections) == 5)
        app.block.set()
        assert len({each.result().text for each in asking}) == 5


def test_a_repeated_request_line_comes_from_the_cache_and_only_for_strangers() -> None:
    app = Counting(PUBLIC)
    with cached(app) as (port, clock), port.connect() as connection:
        stranger = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        member = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: sessionid=1\r\n\r\n"

        def ask(request: bytes) -> bytes:
            connection.sendall(request)
            answer = b""
            while b"page page" not in answer or not answer.endswith(b"page "):
                answer += connection.recv(65_536)
            return answer.partition(b"\r\n\r\n")[2][:5]

        assert [ask(stranger) for _ in range(3)] == [b"1 GET"] * 3
        assert ask(member) == b"2 GET"
        assert ask(member) == b"3 GET"
        assert ask(stranger) == b"1 GET"
        clock.advance(1.1)
        assert [ask(stranger) for _ in range(2)] == [b"4 GET"] * 2


def test_texts_are_compressed_for_who_accepts_it() -> None:
    app = Counting(("Vary", "Cookie"))
    with cached(app) as (port, _clock):
        packed = port.say("GET / HTTP/1.1", "Host: x", "Accept-Encoding: gzip")
        head, _, body = packed.partition(b"\r\n\r\n")
        assert b"content-encoding: gzip" in head
        assert b"vary: Cookie, accept-encoding" in head
        assert gzip.decompress(body).startswith(b"1 GET")
        assert b"content-encoding" not in port.say("GET / HTTP/1.1", "Host: x")


def test_pages_from_the_cache_are_compressed_once_and_for_who_accepts_it() -> None:
    app = Counting(PUBLIC)
    with cached(app) as (port, _clock):
        assert port.ask("/").text.startswith("1 GET")
        packed = port.say("GET / HTTP/1.1", f"Host: 127.0.0.1:{port.number}")
        assert b"vary: accept-encoding" in packed
        assert b"1 GET" in packed
        zipped = port.say(
            "GET / HTTP/1.1", f"Host: 127.0.0.1:{port.number}", "Accept-Encoding: br, gzip"
        )
        head, _, body = zipped.partition(b"\r\n\r\n")
        assert b"content-encoding: gzip" in head
        assert gzip.decompress(body).startswith(b"1 GET")


def test_a_proxy_gets_pages_for_the_scheme_that_it_names() -> None:
    app = Counting(PUBLIC)
    with cached(app, LOOPBACK) as (port, _clock):
        assert port.ask("/", x_forwarded_proto="https").text.startswith("1 GET")
        assert port.ask("/", x_forwarded_proto="http").text.startswith("2 GET")
        assert port.ask("/", x_forwarded_proto="https").text.startswith("1 GET")
