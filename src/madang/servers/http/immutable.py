"""Conditional and range requests (RFC 9110, sections 13 and 14) for bytes in memory and files."""

from __future__ import annotations

import functools
import os
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from madang.infra.file_region import FileRegion
from madang.servers.http.exchange import OPEN_TO_ALL, Exchange, Headers, head_of
from madang.wire.http1 import is_known

FOREVER: Final = ("cache-control", "public, max-age=31536000, immutable")

CACHED_HEADS: Final = 512
"""Response heads in the cache: all clients that fetch a part get the same one."""

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)
"""Longer numbers are positions in no file, and Python refuses to parse very long ones."""


def answer_immutable(exchange: Exchange, content_type: str, etag: str, body: bytes) -> int:
    """Answer with `body`, which never changes, a range of it, or 304.

    `etag` is quoted. Returns the number of bytes sent of the body.
    """
    if not exchange.headers.conditional:
        return exchange.send(whole(content_type, etag, len(body)), body, shared=True)
    part = select(exchange, _headers(content_type, etag), len(body))
    if part is None:
        return 0
    start, first, size = part
    return exchange.send(start, body[first : first + size])


def answer_file(
    exchange: Exchange, file: Path | int, headers: Headers, length: int | None = None
) -> int:
    """Answer with a regular file, its first `length` bytes, a range of them, or 304.

    `file` is a path or a descriptor, which this function closes in any case. `headers` have a
    quoted `etag`, and `last-modified` where ranges and conditions by date are to be answered.
    Returns the number of bytes to be sent. Raises OSError where the file cannot be opened.

    The file is sent by the event loop in chunks (`FileRegion`); a chunk that is not in the page
    cache is read on a thread first. Opening a path may wait for the disk: pass a descriptor where
    that matters. If the file becomes shorter meanwhile, the connection is closed.
    """
    with ExitStack() as cleanup:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC) if isinstance(file, Path) else file
        cleanup.callback(os.close, descriptor)
        if length is None:
            length = os.fstat(descriptor).st_size
        part = select(exchange, [*headers, ("accept-ranges", "bytes")], length)
        if part is None:
            return 0
        start, first, size = part
        if not size:
            return exchange.send(start, b"")
        cleanup.pop_all()
    return exchange.send_file(start, FileRegion(descriptor, first, size))


@functools.lru_cache(CACHED_HEADS)
def whole(content_type: str, etag: str, length: int) -> bytes:
    """Return the head of a response with all of an immutable body of `length` bytes."""
    return head_of(200, _headers(content_type, etag), length)


def _headers(content_type: str, etag: str) -> Headers:
    return [
        ("content-type", content_type),
        ("etag", etag),
        ("accept-ranges", "bytes"),
        FOREVER,
        OPEN_TO_ALL,
    ]


def select(exchange: Exchange, headers: Headers, length: int) -> tuple[bytes, int, int] | None:
    """Return the head, offset and size of the response; None where 304 or 416 has been sent.

    Several ranges get the whole body, as RFC 9110, section 14.2 allows.
    """
    validators = dict(headers)
    etag, modified = validators["etag"], validators.get("last-modified")
    asked = exchange.headers
    known = asked.get("if-none-match")
    if known:
        unchanged = is_known(etag, known)
    else:
        unchanged = modified is not None and asked.get("if-modified-since") == modified
    if unchanged:
        exchange.answer(304, headers)
        return None
    span = requested(exchange, etag, modified, length)
    if span is None:
        return head_of(200, headers, length), 0, length
    first, last = span
    if first > last:
        exchange.refuse(
            416, "The range lies outside the file.", [("content-range", f"bytes */{length}")]
        )
        return None
    headers = [*headers, ("content-range", f"bytes {first}-{last}/{length}")]
    return head_of(206, headers, last - first + 1), first, last - first + 1


def requested(
    exchange: Exchange, etag: str, modified: str | None, length: int
) -> tuple[int, int] | None:
    """Return the first and last byte of a response of `length` bytes; None for the whole body.

    The first is behind the last where the range lies outside the body.
    """
    asked = exchange.headers
    # Only GET has ranges (RFC 9110, section 14.2); If-Range needs a strong validator (13.1.5).
    wanted = asked.get("range") if exchange.method == "GET" else ""
    condition = asked.get("if-range")
    current = (
        not condition or condition == modified or (condition == etag and not etag.startswith("W/"))
    )
    return _span(wanted, length) if wanted and current else None


def _span(wanted: str, length: int) -> tuple[int, int] | None:
    """Return the first and last byte of a Range field; None where the whole body is the answer.

    The first is behind the last where the range lies outside the body.
    """
    match = _RANGE.fullmatch(wanted.strip())
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:  # the last N bytes
        count = min(int(match[2]), length)
        return length - count, length - 1
    first = int(match[1])
    last = min(int(match[2]), length - 1) if match[2] else length - 1
    if match[2] and int(match[2]) < first:
        return None  # not a valid range: to be ignored (RFC 9110, section 14.1.1)
    return first, last
