"""A WSGI application behind the event loop, in a pool of threads (PEP 3333)."""

from __future__ import annotations

import asyncio
import io
import logging
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol
from urllib.parse import quote

from madang.base.addresses import unmapped, within
from madang.infra.clock import SYSTEM_CLOCK, Clock
from madang.infra.tasks import TaskSupervisor
from madang.servers.http.exchange import Exchange, Headers, Networks, Responder
from madang.servers.http.page_cache import CachedPage, Key, PageCache, encoded
from madang.wire.http1 import is_known

MAX_BODY: Final = 5 * 1024 * 1024
"""Bytes of a request to a page: forms and JSON. Large files have their own endpoint."""


@dataclass(frozen=True, slots=True)
class WsgiLimits:
    """Limits of a bridge."""

    max_body: int = MAX_BODY

    body_timeout: float = 30.0
    """Seconds from the head of a request to the end of its body: 5 MB at 1.4 Mbit/s. A client that
    stops sending must not hold its request, and the shutdown, for ever."""

    threads: int = 8
    """Pages wait for the database more than they compute; more threads only compete."""


DEFAULT_LIMITS: Final = WsgiLimits()

log = logging.getLogger(__name__)

StartResponse = Callable[..., Any]
WsgiApp = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


class _BodyRefused(Exception):
    """The body of a request is too large; `status` is the response's."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class _Closable(Protocol):
    def close(self) -> None: ...


class WsgiBridge:
    """Answers exchanges with a WSGI application, on threads of its own, or with what `cache` has.
    Texts are compressed."""

    def __init__(
        self,
        app: WsgiApp,
        trusted_proxies: Networks = (),
        limits: WsgiLimits = DEFAULT_LIMITS,
        cache: PageCache | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._app = app
        self._trusted = trusted_proxies
        self._limits = limits
        self._cache = cache
        self._clock = clock
        self._waiting: dict[Key, list[Exchange]] = {}
        self._threads = ThreadPoolExecutor(limits.threads, thread_name_prefix="web")
        self._tasks = TaskSupervisor(log, "a page")

    def __call__(self, exchange: Exchange) -> None:
        """Answer the exchange from the cache, or start a task that answers it and those that ask
        for the same meanwhile."""
        cache, key = self._cache, None
        if cache is not None:
            key = cache.key(
                exchange.method,
                exchange.scheme(self._trusted),
                exchange.path,
                exchange.query_string,
                exchange.header,
            )
        if cache is not None and key is not None:
            page = cache.find(key)
            if page is not None:
                self._send(exchange, key, page)
                return
            if key in self._waiting:
                self._waiting[key].append(exchange)
                return
            self._waiting[key] = []
        self._tasks.spawn(self._answer_all(exchange, key))

    async def close(self, patience: float) -> None:
        """Wait at most `patience` seconds for running requests and start no more work."""
        await self._tasks.wait(patience)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _answer_all(self, exchange: Exchange, key: Key | None) -> None:
        """Answer the exchange, and those that wait for the same key."""
        try:
            page = await self._answer(exchange, key)
        finally:
            waiting = self._waiting.pop(key, []) if key is not None else []
        for other in waiting:
            if page is not None and key is not None:
                self._send(other, key, page)
            else:
                self._tasks.spawn(self._answer_all(other, None))

    def _send(self, exchange: Exchange, key: Key, page: CachedPage) -> None:
        """Answer with a cached page, and let equal request lines be answered without an
        exchange."""
        if is_known(page.etag, exchange.header("if-none-match")):
            exchange.answer(304, page.headers)
        else:
            _send_whole(exchange, page)
        if not self._is_forwarded(exchange):
            exchange.replay(partial(self._replay, key.path, key.query))

    def _replay(self, path: str, query: str, responder: Responder) -> bool:
        assert self._cache is not None
        if self._is_forwarded(responder):
            return False
        key = self._cache.key("GET", "http", path, query, responder.header)
        page = None if key is None else self._cache.find(key)
        if page is None:
            return False
        _send_whole(responder, page)
        return True

    def _is_forwarded(self, responder: Responder) -> bool:
        """Return whether a proxy asks, which may say another scheme each time."""
        return bool(self._trusted) and within(unmapped(responder.peer), self._trusted)

    async def _answer(self, exchange: Exchange, key: Key | None) -> CachedPage | None:
        """Answer the exchange; return what the cache has of it since then."""
        try:
            try:
                async with asyncio.timeout(self._limits.body_timeout):
                    body = await _read_body(exchange, self._limits.max_body)
            except _BodyRefused as refusal:
                exchange.refuse(refusal.status, str(refusal))
                return None
            except ConnectionError:
                exchange.refuse(400, "The request ended before its body did.")
                return None
            except TimeoutError:
                seconds = self._limits.body_timeout
                exchange.refuse(408, f"The request took longer than {seconds:g} s to arrive.")
                return None
            environ = _environ(exchange, body, self._trusted)
            if key is not None:
                unconditional(environ)
            loop = asyncio.get_running_loop()
            work = partial(self._run, environ, key, gzip_taken=exchange.headers.gzip)
            answer = await loop.run_in_executor(self._threads, work)
            if isinstance(answer, CachedPage):
                assert key is not None
                self._send(exchange, key, answer)
                return answer
            exchange.answer(*answer)
        except Exception as error:  # noqa: BLE001  # whatever an application raises
            exchange.fail(error)
        return None

    def _run(
        self, environ: dict[str, Any], key: Key | None, *, gzip_taken: bool
    ) -> CachedPage | tuple[int, Headers, bytes]:
        """Call the application, on a thread."""
        asked_at = self._clock.monotonic()
        status, headers, content = run(self._app, environ)
        if self._cache is not None and key is not None:
            page = self._cache.keep(key, status, headers, content, asked_at)
            if page is not None:
                return page
        return status, *encoded(headers, content, gzip_taken=gzip_taken)


def unconditional(environ: dict[str, Any]) -> None:
    """Ask for the whole answer, which others get as well."""
    environ["REQUEST_METHOD"] = "GET"
    environ.pop("HTTP_IF_NONE_MATCH", None)
    environ.pop("HTTP_IF_MODIFIED_SINCE", None)


def _send_whole(responder: Responder, page: CachedPage) -> None:
    if responder.headers.gzip:
        responder.send(page.gzip_head, page.gzipped, shared=True)
    else:
        responder.send(page.head, page.body, shared=True)


async def _read_body(exchange: Exchange, max_size: int) -> bytes:
    """Return the request's body.

    Raises _BodyRefused where it is longer than `max_size` bytes, ConnectionError where it was cut
    off.
    """
    if exchange.method in {"GET", "HEAD"}:
        return b""
    too_long = _BodyRefused(413, f"The request is larger than {max_size} bytes.")
    declared = exchange.header("content-length")
    if len(declared) > len(str(max_size)) or int(declared or 0) > max_size:
        raise too_long  # the HTTP parser has refused anything but a number
    chunks: list[bytes] = []
    size = 0
    async for chunk in exchange.body():
        size += len(chunk)
        if size > max_size:
            raise too_long
        chunks.append(chunk)
    return b"".join(chunks)


def _environ(exchange: Exchange, body: bytes, trusted: Networks) -> dict[str, Any]:
    host, port = exchange.server
    environ: dict[str, Any] = {
        "REQUEST_METHOD": exchange.method,
        "SCRIPT_NAME": "",
        # PEP 3333: the bytes of the path, decoded as Latin-1
        "PATH_INFO": exchange.path.encode().decode("latin-1"),
        "RAW_URI": quote(exchange.path),
        "QUERY_STRING": exchange.query_string,
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{exchange.request.version}",
        "REMOTE_ADDR": exchange.client_address(trusted),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": exchange.scheme(trusted),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in exchange.headers.items():
        key = name.upper().replace("-", "_")
        if "_" in name or key == "PROXY":
            continue  # ambiguous with names that have hyphens; httpoxy
        if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
            key = f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    if body or "CONTENT_LENGTH" in environ:
        environ["CONTENT_LENGTH"] = str(len(body))
    return environ


def run(app: WsgiApp, environ: dict[str, Any]) -> tuple[int, Headers, bytes]:
    """Call an application; return status, headers without the length, and body."""
    answer: dict[str, Any] = {}

    def start_response(status: str, headers: Headers, exc_info: object = None) -> None:
        answer["status"] = int(status.split(" ", 1)[0])
        answer["headers"] = [
            (name.lower(), value) for name, value in headers if name.lower() != "content-length"
        ]

    result: Iterable[bytes] | _Closable = app(environ, start_response)
    try:
        content = b"".join(result)  # type: ignore[arg-type]
    finally:
        close = getattr(result, "close", None)
        if close is not None:
            close()
    return answer["status"], answer["headers"], content
