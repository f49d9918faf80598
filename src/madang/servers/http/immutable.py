"""Bytes that never change under their name: conditional and range requests on them."""

from __future__ import annotations

import functools
import re
from typing import Final

from madang.servers.http.exchange import OPEN_TO_ALL, Exchange, Headers, head_of

FOREVER: Final = ("cache-control", "public, max-age=31536000, immutable")

FILES: Final = 512
"""Heads of answers that are remembered: all who fetch a part get the same one."""

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)
"""Longer numbers are positions in no file, and Python refuses to read very long ones."""


def answer_immutable(exchange: Exchange, content_type: str, etag: str, body: bytes) -> int:
    """Answer with `body`, or with the part of it that was asked for, or with 304.

    `etag` comes with its quotes. Returns how many bytes of the body were sent. Several ranges in
    one request get the whole body, as RFC 9110, section 14.2 allows.
    """
    asked = exchange.headers
    if not asked.conditional:
        return exchange.send(whole(content_type, etag, len(body)), body, shared=True)
    headers = _headers(content_type, etag)
    known = asked.get("if-none-match")
    if known and (etag in known or known.strip() == "*"):
        return exchange.answer(304, headers)
    # Only GET knows ranges (RFC 9110, section 14.2).
    wanted = asked.get("range") if exchange.method == "GET" else ""
    if not wanted or asked.get("if-range", etag) != etag:
        return exchange.answer(200, headers, body)
    span = _span(wanted, len(body))
    if span is None:
        return exchange.answer(200, headers, body)
    first, last = span
    if first > last:
        exchange.refuse(
            416, "The range lies outside the file.", [("content-range", f"bytes */{len(body)}")]
        )
        return 0
    headers.append(("content-range", f"bytes {first}-{last}/{len(body)}"))
    return exchange.answer(206, headers, body[first : last + 1])


@functools.lru_cache(FILES)
def whole(content_type: str, etag: str, length: int) -> bytes:
    return head_of(200, _headers(content_type, etag), length)


def _headers(content_type: str, etag: str) -> Headers:
    return [
        ("content-type", content_type),
        ("etag", etag),
        ("accept-ranges", "bytes"),
        FOREVER,
        OPEN_TO_ALL,
    ]


def _span(wanted: str, length: int) -> tuple[int, int] | None:
    """Return the first and last byte asked for; None where the whole body is the answer.

    The first lies behind the last where nothing of the body is asked for.
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
