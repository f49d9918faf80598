"""Clients that upload at once, each by one request of tus 1.0 for all of its content."""

from __future__ import annotations

import contextlib
import http.client
import os
import selectors
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from bench.loads.plan import Sent, Upload
from bench.processes import SERVER_CORE, BenchFailed, busy_seconds
from madang.ops.measure.processes import cpu_seconds, resident_bytes

_BLOCK: Final = 16 << 20
_SLICE: Final = 1 << 20
"""Bytes handed to one socket before the others get their turn."""

_LOOK: Final = 0.25
"""Seconds between two looks at the memory of the server."""

_LIMIT: Final = 600.0
"""Seconds without an answer after which the server has failed."""

_TUS: Final = {"Tus-Resumable": "1.0.0"}


@dataclass(slots=True)
class _Client:
    socket: socket.socket
    head: bytes
    left: int
    answer: bytes = b""


def run(load: Upload) -> Sent:
    """Run `load`. Raises BenchFailed if an answer is wrong."""
    paths = [_create(load) for _ in range(load.uploads)]
    with contextlib.ExitStack() as stack:
        content = stack.enter_context(_content())
        clients = [
            _Client(_connect(stack, load.port), _head(load, path), load.size) for path in paths
        ]
        cpu, busy = _cpu(load), busy_seconds(SERVER_CORE)
        own, began = time.process_time(), time.monotonic()
        peak = _send(load, clients, content)
        seconds = time.monotonic() - began
        server_cpu = _cpu(load) - cpu
        sent = Sent(
            seconds=seconds,
            sent=load.size * load.uploads,
            server_cpu=server_cpu,
            load_cpu=time.process_time() - own,
            other_cpu=max(0.0, busy_seconds(SERVER_CORE) - busy - server_cpu),
            resident=peak,
        )
    for path in paths:
        _ask(load, "DELETE", path, {}, 204)
    return sent


def _cpu(load: Upload) -> float:
    return sum(map(cpu_seconds, load.pids))


def _create(load: Upload) -> str:
    fields = {"Upload-Length": str(load.declared), "Upload-Metadata": load.metadata}
    answer = _ask(load, "POST", "/files" if not load.token else "/files/", fields, 201)
    return urlsplit(answer.headers["Location"] or "").path


def _ask(
    load: Upload, method: str, path: str, fields: dict[str, str], status: int
) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", load.port, timeout=_LIMIT)
    with contextlib.closing(connection):
        connection.request(method, path, headers={**_TUS, **_account(load), **fields})
        answer = connection.getresponse()
        words = answer.read()
    if answer.status != status:
        raise BenchFailed(f"{method} {path}: {answer.status} {words[:300].decode()}")
    return answer


def _account(load: Upload) -> dict[str, str]:
    return {"Authorization": f"Bearer {load.token}"} if load.token else {}


def _head(load: Upload, path: str) -> bytes:
    fields = {
        **_TUS,
        **_account(load),
        "Host": f"127.0.0.1:{load.port}",
        "Upload-Offset": "0",
        "Content-Type": "application/offset+octet-stream",
        "Content-Length": str(load.size),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"PATCH {path} HTTP/1.1\r\n{lines}\r\n".encode()


def _connect(stack: contextlib.ExitStack, port: int) -> socket.socket:
    made = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
    made.setblocking(False)
    return made


@contextlib.contextmanager
def _content() -> Iterator[int]:
    """Yield a descriptor of content in memory, which is sent over and over without a copy."""
    descriptor = os.memfd_create("content")
    try:
        os.write(descriptor, os.urandom(_BLOCK))
        yield descriptor
    finally:
        os.close(descriptor)


def _send(load: Upload, clients: list[_Client], content: int) -> int:
    """Send everything, and wait for all answers; return the largest memory of the server."""
    peak, look, began = 0, 0.0, time.monotonic()
    with selectors.DefaultSelector() as selector:
        for client in clients:
            client.socket.sendall(client.head)
            selector.register(client.socket, selectors.EVENT_WRITE, client)
        while selector.get_map():
            if load.rate:
                sent = sum(load.size - client.left for client in clients)
                time.sleep(max(0.0, sent / load.rate - (time.monotonic() - began)))
            events = selector.select(_LIMIT)
            if not events:
                raise BenchFailed(f"Nothing happened for {_LIMIT:g} s.")
            for key, _ in events:
                _serve(selector, key.data, load.size, content)
            if time.monotonic() >= look:
                peak = max(peak, sum(map(resident_bytes, load.pids)))
                look = time.monotonic() + _LOOK
    return peak


def _serve(selector: selectors.BaseSelector, client: _Client, size: int, content: int) -> None:
    if client.left:
        at = (size - client.left) % _BLOCK
        count = min(_SLICE, client.left, _BLOCK - at)
        with contextlib.suppress(BlockingIOError):
            client.left -= os.sendfile(client.socket.fileno(), content, at, count)
        if not client.left:
            selector.modify(client.socket, selectors.EVENT_READ, client)
        return
    client.answer += client.socket.recv(65536)
    if b"\r\n\r\n" in client.answer or not client.answer:
        if not client.answer.startswith(b"HTTP/1.1 204 "):
            raise BenchFailed(f"PATCH: {client.answer[:300].decode(errors='replace')}")
        selector.unregister(client.socket)
