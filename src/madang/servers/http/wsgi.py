"""A WSGI application behind the event loop, in a pool of threads (PEP 3333)."""

from __future__ import annotations

import asyncio
import io
import logging
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import quote

from madang.infra.tasks import TaskSupervisor
from madang.servers.http.exchange import Exchange, Headers, Networks

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
    """Answers exchanges with a WSGI application, on threads of its own."""

    def __init__(
        self, app: WsgiApp, trusted_proxies: Networks = (), limits: WsgiLimits = DEFAULT_LIMITS
    ) -> None:
        self._app = app
        self._trusted = trusted_proxies
        self._limits = limits
        self._threads = ThreadPoolExecutor(limits.threads, thread_name_prefix="web")
        self._tasks = TaskSupervisor(log, "a page")

    def __call__(self, exchange: Exchange) -> None:
        """Start a task that answers the exchange."""
        self._tasks.spawn(self._answer(exchange))

    async def close(self, patience: float) -> None:
        """Wait at most `patience` seconds for running requests and start no more work."""
        await self._tasks.wait(patience)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _answer(self, exchange: Exchange) -> None:
        try:
            try:
                async with asyncio.timeout(self._limits.body_timeout):
                    body = await _read_body(exchange, self._limits.max_body)
            except _BodyRefused as refusal:
                exchange.refuse(refusal.status, str(refusal))
                return
            except ConnectionError:
                exchange.refuse(400, "The request ended before its body did.")
                return
            except TimeoutError:
                seconds = self._limits.body_timeout
                exchange.refuse(408, f"The request took longer than {seconds:g} s to arrive.")
                return
            environ = _environ(exchange, body, self._trusted)
            loop = asyncio.get_running_loop()
            status, headers, content = await loop.run_in_executor(
                self._threads, _run, self._app, environ
            )
            exchange.answer(status, headers, content)
        except Exception as error:  # noqa: BLE001  # whatever an application raises
            exchange.fail(error)


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


def _run(app: WsgiApp, environ: dict[str, Any]) -> tuple[int, Headers, bytes]:
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
