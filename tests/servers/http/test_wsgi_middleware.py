"""Answers of the role `web` in front of Django, with environments as Granian makes them."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_network
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from tests.support.clocks import ManualClock


def pages(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [f"{environ['REMOTE_ADDR']} {environ['wsgi.url_scheme']}".encode()]


def ask(path: str, method: str = "GET", peer: str = "127.0.0.1", **headers: str) -> tuple[str, str]:
    """Return status line and body. Header names are given with underscores."""
    from madang.servers.http.static import StaticFiles
    from madang.servers.http.wsgi_middleware import WsgiMiddleware

    proxies = [ip_network("10.0.0.1")]
    middleware = WsgiMiddleware(pages, StaticFiles(lambda _: None), [], trusted_proxies=proxies)
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": path, "REMOTE_ADDR": peer}
    environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    environ.setdefault("HTTP_HOST", "localhost:8000")
    setup_testing_defaults(environ)
    status: list[str] = []
    body = b"".join(middleware(environ, lambda line, _headers, _info=None: status.append(line)))
    return status[0], body.decode()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, "200 OK"),
        ({"host": "[::1]:8000"}, "200 OK"),
        ({"host": "evil.example:8000"}, "403 Forbidden"),
        ({"forwarded": "for=127.0.0.1"}, "403 Forbidden"),
    ],
)
def test_metrics_are_for_programs_on_this_machine(headers: dict[str, str], status: str) -> None:
    assert ask("/metrics", **headers)[0] == status


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("DELETE", "/metrics", "405 Method Not Allowed"),
        ("POST", "/healthz", "405 Method Not Allowed"),
        ("HEAD", "/readyz", "200 OK"),
        ("TRACE", "/", "405 Method Not Allowed"),
        ("DELETE", "/", "200 OK"),
    ],
)
def test_methods(method: str, path: str, status: str) -> None:
    assert ask(path, method)[0] == status


@pytest.mark.parametrize(
    ("peer", "headers", "seen"),
    [
        ("10.0.0.1", {"x_forwarded_for": "[2001:db9::7]:443"}, "2001:db9::7 http"),
        ("10.0.0.1", {"forwarded": 'for="198.51.100.7:80";proto=https'}, "198.51.100.7 https"),
        ("192.0.2.1", {"forwarded": "for=198.51.100.7;proto=https"}, "192.0.2.1 http"),
    ],
)
def test_the_client_is_who_a_trusted_proxy_names(
    peer: str, headers: dict[str, str], seen: str
) -> None:
    assert ask("/", "GET", peer, **headers) == ("200 OK", seen)


def test_pages_for_strangers_come_from_the_cache() -> None:
    from madang.servers.http.page_cache import PageCache
    from madang.servers.http.static import StaticFiles
    from madang.servers.http.wsgi_middleware import WsgiMiddleware

    clock = ManualClock()
    asked: list[str] = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        asked.append(environ["REQUEST_METHOD"])
        assert "HTTP_IF_NONE_MATCH" not in environ or "sessionid" in environ["HTTP_COOKIE"]
        start_response("200 OK", [("X-Accel-Expires", "2"), ("ETag", '"a"')])
        return [b"page " + str(len(asked)).encode()]

    middleware = WsgiMiddleware(
        application,
        StaticFiles(lambda _: None),
        [],
        cache=PageCache(frozenset({"sessionid"}), lambda *_: "en", clock.clock),
        clock=clock.clock,
    )

    def get(method: str = "GET", **headers: str) -> tuple[str, str]:
        environ: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": "/", "HTTP_HOST": "x"}
        environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        setup_testing_defaults(environ)
        environ["REMOTE_ADDR"] = "127.0.0.1"
        status: list[str] = []
        body = b"".join(middleware(environ, lambda line, _headers, _=None: status.append(line)))
        return status[0], body.decode()

    assert get("HEAD", if_none_match='"b"') == ("200 OK", "")
    assert get() == ("200 OK", "page 1")
    assert get(if_none_match='"a"') == ("304 Not Modified", "")
    assert get(cookie="sessionid=1", if_none_match='"a"') == ("200 OK", "page 2")
    clock.advance(1.1)
    assert get() == ("200 OK", "page 3")
    assert asked == ["GET", "GET", "GET"]
