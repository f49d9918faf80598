"""Files under `/static/`: small ones from memory, compressed, large ones from the disk."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from madang.servers.http.exchange import Exchange, Headers, http_date, plain_text
from madang.servers.http.immutable import FOREVER, answer_file
from madang.wire.http1 import is_known, takes

MAX_CACHED: Final = 2 << 20
"""Bytes of a file that is cached in memory; larger ones are sent from the disk."""

COMPRESSED: Final = frozenset(
    {"text/css", "text/javascript", "application/javascript", "application/json", "image/svg+xml"}
)

_HASHED_NAME = re.compile(r"dist/assets/[^/]+-[0-9A-Za-z_-]{8}\.\w+")
"""Files built by Vite, which come compressed as well (`NAME.br`, `NAME.gz`). Names of other
libraries' files look the same (`swagger-ui-bundle.js`)."""

Find = Callable[[str], Path | None]


@dataclass(frozen=True, slots=True)
class _File:
    modified: float
    headers: Headers
    etag: str
    body: bytes
    codings: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Reply:
    """A response that is not sent yet. `body` is bytes, or a file with `etag` and `last-modified`
    in `headers`."""

    status: int
    headers: Headers
    body: bytes | Path


class StaticFiles:
    """Answers `/static/PATH` with the file that `find(PATH)` returns.

    Clients may cache names with a hash of the content for ever, and must revalidate others. Files
    of more than `max_cached` bytes are not kept in memory.
    """

    def __init__(self, find: Find, *, max_cached: int = MAX_CACHED) -> None:
        self._find = find
        self._max_cached = max_cached
        self._files: dict[Path, _File] = {}

    def __call__(self, exchange: Exchange) -> None:
        """Answer one exchange."""
        reply = self.reply(
            exchange.method,
            exchange.path.removeprefix("/static/"),
            exchange.header("if-none-match"),
            exchange.header("accept-encoding"),
        )
        if isinstance(reply.body, Path):
            answer_file(exchange, reply.body, reply.headers)
        else:
            exchange.answer(reply.status, reply.headers, reply.body)

    def reply(self, method: str, name: str, known: str, accepted: str) -> Reply:
        """Return the response to a request for `/static/NAME` with If-None-Match `known` and
        Accept-Encoding `accepted`."""
        if method not in {"GET", "HEAD"}:
            return _refusal(405, "Files can only be read.", ("allow", "GET, HEAD"))
        path = self._find(name)
        if path is None:
            return _refusal(404, "There is no such file.")
        stat = path.stat()
        if stat.st_size > self._max_cached:
            return _large(name, path, stat, known)
        file = self._files.get(path)
        if file is None or file.modified != stat.st_mtime:
            file = self._files[path] = _read(name, path, stat.st_mtime)
        if is_known(file.etag, known):
            return Reply(304, file.headers, b"")
        for coding, body in file.codings.items():
            if takes(coding, accepted):
                return Reply(200, [*file.headers, ("content-encoding", coding)], body)
        return Reply(200, file.headers, file.body)


def _large(name: str, path: Path, stat: os.stat_result, known: str) -> Reply:
    etag = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"'
    headers = [*_headers(name), ("etag", etag), ("last-modified", http_date(stat.st_mtime))]
    return Reply(304, headers, b"") if is_known(etag, known) else Reply(200, headers, path)


def _refusal(status: int, words: str, *headers: tuple[str, str]) -> Reply:
    return Reply(status, [*plain_text(), *headers], f"{words}\n".encode())


def _read(name: str, path: Path, modified: float) -> _File:
    body = path.read_bytes()
    # Weak, as it stands for the plain and the compressed form (RFC 9110, section 8.8.1).
    etag = f'W/"{hashlib.sha256(body).hexdigest()[:16]}"'
    headers = [*_headers(name), ("etag", etag)]
    codings: dict[str, bytes] = {}
    if mimetypes.guess_type(name)[0] in COMPRESSED:
        headers.append(("vary", "accept-encoding"))
        packed = path.with_name(f"{path.name}.br")
        if _HASHED_NAME.fullmatch(name) and packed.exists():
            codings["br"] = packed.read_bytes()
        codings["gzip"] = gzip.compress(body, 9, mtime=0)
    return _File(modified, headers, etag, body, codings)


def _headers(name: str) -> Headers:
    content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if content_type.startswith("text/"):
        content_type += "; charset=utf-8"
    return [
        ("content-type", content_type),
        FOREVER if _HASHED_NAME.fullmatch(name) else ("cache-control", "no-cache"),
        ("x-content-type-options", "nosniff"),
    ]
