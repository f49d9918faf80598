"""WSGI middleware of the role `web`: health endpoints and static files in front of Django.

In the role `all` the router does this on the event loop; here each request has a thread of
Granian's WSGI worker (PEP 3333).
"""

from __future__ import annotations

import hmac
import math
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from wsgiref.util import FileWrapper

from prometheus_client import REGISTRY, generate_latest

from madang.base.addresses import (
    client_address,
    forwarded_proto,
    is_loopback,
    is_loopback_host,
    within,
)
from madang.infra.clock import SYSTEM_CLOCK, Clock
from madang.servers.http.exchange import (
    FORWARDED,
    NO_STORE,
    Headers,
    Networks,
    plain_text,
    warn_of_hop,
)
from madang.servers.http.health import (
    DEFAULT_LIMITS,
    HEALTH_PATHS,
    METRICS_REFUSED,
    Check,
    HealthLimits,
    failing,
)
from madang.servers.http.metrics import CONTENT_TYPE
from madang.servers.http.page_cache import PageCache, encoded
from madang.servers.http.router import METHOD_REFUSED, METHODS, READ, allowed
from madang.servers.http.static import Reply, StaticFiles
from madang.servers.http.wsgi import MAX_BODY, StartResponse, WsgiApp, run, unconditional
from madang.wire.http1 import is_known, takes

ELSEWHERE: Final = ("/live/", "/socket.io/", "/tracker")
"""Paths of other roles; the proxy in front routes them there."""

FILE_BLOCK: Final = 64 << 10
"""Bytes read at once of a large file."""


class WsgiMiddleware:
    """Answers health endpoints and static files, and passes other requests on to `pages`.

    `checks`, by name, must pass for this process to take traffic. `draining` makes /readyz fail and
    every response close its connection. Pages of anonymous readers come from `cache`.
    """

    def __init__(
        self,
        pages: WsgiApp,
        static: StaticFiles,
        checks: Sequence[tuple[str, Check]],
        *,
        trusted_proxies: Networks = (),
        metrics_token: str | None = None,
        cache: PageCache | None = None,
        clock: Clock = SYSTEM_CLOCK,
        limits: HealthLimits = DEFAULT_LIMITS,
    ) -> None:
        self._pages = pages
        self._cache = cache
        self._static = static
        self._checks = checks
        self._trusted = trusted_proxies
        self._token = metrics_token
        self._clock = clock
        self._cache_time = limits.cache_time
        self._checking = threading.Lock()
        self._cached: tuple[float, list[str]] = (-math.inf, [])
        self.draining = False

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        peer = environ["REMOTE_ADDR"]
        local = (
            is_loopback(peer)
            and is_loopback_host(environ.get("HTTP_HOST", ""))
            and not any(_variable(name) in environ for name in FORWARDED)
        )
        self._apply_forwarded_headers(environ, peer)
        start = self._closing(start_response) if self.draining else start_response
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if method not in METHODS or (path in HEALTH_PATHS and method not in READ):
            headers = [*plain_text(), allowed(READ if path in HEALTH_PATHS else METHODS)]
            return _send(environ, start, Reply(405, headers, f"{METHOD_REFUSED}\n".encode()))
        if path.startswith("/static/"):
            return _send(environ, start, self._file(environ, path))
        match path:
            case "/healthz":
                return _send(environ, start, _text(200, "alive"))
            case "/readyz":
                return _send(environ, start, self._ready())
            case "/metrics":
                return _send(environ, start, self._metrics(environ, local=local))
            case _ if path.startswith(ELSEWHERE):
                words = "Another process of this station answers here: see the proxy in front."
                return _send(environ, start, _text(404, words))
        if int(environ.get("CONTENT_LENGTH") or 0) > MAX_BODY:
            words = f"The request is larger than {MAX_BODY} bytes."
            return _send(environ, start, _text(413, words))
        return _send(environ, start, self._page(environ))

    def _page(self, environ: dict[str, Any]) -> Reply:
        """Return what the cache has, or else what the application answers."""
        cache, key = self._cache, None
        if cache is not None:
            key = cache.key(
                environ["REQUEST_METHOD"],
                environ["wsgi.url_scheme"],
                environ["PATH_INFO"],
                environ.get("QUERY_STRING", ""),
                lambda name: environ.get(_variable(name), ""),
            )
        gzip_taken = takes("gzip", environ.get("HTTP_ACCEPT_ENCODING", ""))
        if cache is None or key is None:
            status, headers, body = run(self._pages, environ)
            return Reply(status, *encoded(headers, body, gzip_taken=gzip_taken))
        page = cache.find(key)
        if page is None:
            asked_at = self._clock.monotonic()
            plain = dict(environ)
            unconditional(plain)
            status, headers, body = run(self._pages, plain)
            page = cache.keep(key, status, headers, body, asked_at)
            if page is None:
                return Reply(status, *encoded(headers, body, gzip_taken=gzip_taken))
        if is_known(page.etag, environ.get("HTTP_IF_NONE_MATCH", "")):
            return Reply(304, page.headers, b"")
        if gzip_taken:
            return Reply(200, page.gzip_headers, page.gzipped)
        return Reply(200, page.headers, page.body)

    def _apply_forwarded_headers(self, environ: dict[str, Any], peer: str) -> None:
        environ.pop("HTTP_PROXY", None)  # httpoxy
        if within(peer, self._trusted):
            forwarded = environ.get("HTTP_FORWARDED", "")
            environ["REMOTE_ADDR"] = client_address(
                peer,
                environ.get("HTTP_X_FORWARDED_FOR", ""),
                self._trusted,
                forwarded=forwarded,
                unreadable=partial(warn_of_hop, peer),
            )
            said = environ.get("HTTP_X_FORWARDED_PROTO", "").strip() or forwarded_proto(forwarded)
            if said in {"http", "https"}:
                environ["wsgi.url_scheme"] = said

    @staticmethod
    def _closing(start_response: StartResponse) -> StartResponse:
        def start(status: str, headers: Headers, exc_info: object = None) -> Any:
            return start_response(status, [*headers, ("connection", "close")], exc_info)

        return start

    def _file(self, environ: dict[str, Any], path: str) -> Reply:
        return self._static.reply(
            environ["REQUEST_METHOD"],
            path.removeprefix("/static/").encode("latin-1").decode(errors="replace"),
            environ.get("HTTP_IF_NONE_MATCH", ""),
            environ.get("HTTP_ACCEPT_ENCODING", ""),
        )

    def _ready(self) -> Reply:
        if self.draining:
            return _text(503, "The station is shutting down.")
        with self._checking:  # one run for all probes
            if self._clock.monotonic() - self._cached[0] >= self._cache_time:
                self._cached = (self._clock.monotonic(), failing(self._checks))
        failures = self._cached[1]
        return _text(503, "\n".join(failures)) if failures else _text(200, "ready")

    def _metrics(self, environ: dict[str, Any], *, local: bool) -> Reply:
        given = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ").encode("latin-1")
        if not local and (
            self._token is None or not hmac.compare_digest(given, self._token.encode())
        ):
            return _text(403, METRICS_REFUSED)
        return Reply(200, [("content-type", CONTENT_TYPE), NO_STORE], generate_latest(REGISTRY))


def _variable(header: str) -> str:
    return f"HTTP_{header.upper().replace('-', '_')}"


def _text(status: int, words: str) -> Reply:
    return Reply(status, plain_text(), f"{words}\n".encode())


def _send(environ: dict[str, Any], start: Callable[..., Any], reply: Reply) -> Iterable[bytes]:
    body = reply.body
    headers = [*reply.headers]
    if reply.status not in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
        length = len(body) if isinstance(body, bytes) else body.stat().st_size
        headers.append(("content-length", str(length)))
    start(f"{reply.status} {HTTPStatus(reply.status).phrase}", headers)
    if environ["REQUEST_METHOD"] == "HEAD":
        return [b""]
    return [body] if isinstance(body, bytes) else FileWrapper(body.open("rb"), FILE_BLOCK)
