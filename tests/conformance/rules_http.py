"""Rules on single HTTP resources: types, caching, conditional and range requests, compression."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import httpx

from tests.conformance.report import Rule, Violation

PLAYLIST_TYPE = "application/vnd.apple.mpegurl"
FRAGMENT_TYPES = ("video/mp4", "audio/mp4")


async def fragment(client: httpx.AsyncClient, url: str) -> AsyncIterator[Violation]:
    """Every breach that requests for one immutable file show; nothing where it is not there."""
    full = await client.get(url)
    if full.status_code != 200:
        return
    for rule, detail in fragment_headers(full):
        yield Violation(rule, url, detail)
    size = len(full.content)
    middle = (size // 3, size // 2)
    head, part, tail, beyond = await asyncio.gather(
        client.head(url),
        client.get(url, headers={"Range": f"bytes={middle[0]}-{middle[1]}"}),
        client.get(url, headers={"Range": "bytes=-10"}),
        client.get(url, headers={"Range": f"bytes={size}-"}),
    )
    if detail := _head_differs(full, head):
        yield Violation(Rule.HEAD, url, detail)
    where = f"bytes {middle[0]}-{middle[1]}/{size}"
    if (part.status_code, part.content, part.headers.get("content-range")) != (
        206,
        full.content[middle[0] : middle[1] + 1],
        where,
    ):
        yield Violation(Rule.RANGE, url, f"{part.status_code} for {where}")
    if (tail.status_code, tail.content) != (206, full.content[-10:]):
        yield Violation(Rule.RANGE, url, f"{tail.status_code} for the last 10 bytes")
    if beyond.status_code != 416:
        yield Violation(Rule.RANGE, url, f"{beyond.status_code} for a range past the end")
    tag = full.headers.get("etag")
    if tag is None:
        yield Violation(Rule.ETAG, url, "no ETag")
        return
    same, other = await asyncio.gather(
        client.get(url, headers={"If-None-Match": tag}),
        client.get(url, headers={"If-None-Match": '"something-else"'}),
    )
    if same.status_code != 304 or same.content:
        yield Violation(Rule.ETAG, url, f"{same.status_code} for its own ETag")
    if other.status_code != 200 or other.content != full.content:
        yield Violation(Rule.ETAG, url, f"{other.status_code} for another ETag")


async def playlist(client: httpx.AsyncClient, url: str) -> AsyncIterator[Violation]:
    """Every breach that plain requests for one playlist show."""
    full = await client.get(url)
    for rule, detail in playlist_headers(full):
        yield Violation(rule, url, detail)
    head = await client.head(url)
    # A live playlist may have moved on between the requests, so its length is not compared.
    if head.status_code != full.status_code or head.content or _type(head) != _type(full):
        yield Violation(Rule.HEAD, url, f"{head.status_code}, {len(head.content)} bytes")
    for _ in range(5):
        before = await client.get(url)
        packed = await client.get(url, headers={"Accept-Encoding": "gzip"})
        after = await client.get(url)
        if before.content == after.content:
            break
    if packed.headers.get("content-encoding") != "gzip":
        yield Violation(Rule.GZIP, url, "not compressed though gzip is accepted")
    elif "accept-encoding" not in packed.headers.get("vary", "").lower():
        yield Violation(Rule.GZIP, url, "no Vary: Accept-Encoding")
    elif before.content == after.content != packed.content:
        yield Violation(Rule.GZIP, url, "other content than without compression")
    if "content-encoding" in full.headers:
        yield Violation(Rule.GZIP, url, "compressed though identity was asked for")


def fragment_headers(reply: httpx.Response) -> list[tuple[Rule, str]]:
    """The breaches in the headers of a fragment or an initialisation section."""
    found = _cors(reply)
    if _type(reply) not in FRAGMENT_TYPES:
        found.append((Rule.CONTENT_TYPE, f"{_type(reply)}"))
    control = reply.headers.get("cache-control", "")
    if "immutable" not in control or _max_age(control) < 60 or "no-store" in control:
        found.append((Rule.CACHING, f"a fragment has Cache-Control {control!r}"))
    return found


def playlist_headers(reply: httpx.Response) -> list[tuple[Rule, str]]:
    """The breaches in the headers of a playlist."""
    found = _cors(reply)
    if _type(reply) != PLAYLIST_TYPE:
        found.append((Rule.CONTENT_TYPE, f"{_type(reply)}"))
    control = reply.headers.get("cache-control", "")
    checked = "no-cache" in control or "no-store" in control
    if not checked and not 0 <= _max_age(control) <= 1:
        found.append((Rule.CACHING, f"a playlist has Cache-Control {control!r}"))
    return found


def _cors(reply: httpx.Response) -> list[tuple[Rule, str]]:
    origin = reply.headers.get("access-control-allow-origin")
    return [] if origin == "*" else [(Rule.CORS, f"Access-Control-Allow-Origin is {origin}")]


def _type(reply: httpx.Response) -> str:
    kind: str = reply.headers.get("content-type", "")
    return kind.partition(";")[0].strip().lower()


def _max_age(control: str) -> int:
    """Seconds, -1 where none are said."""
    match = re.search(r"max-age=(\d+)", control)
    return int(match[1]) if match else -1


def _head_differs(full: httpx.Response, head: httpx.Response) -> str:
    if head.status_code != full.status_code or head.content:
        return f"{head.status_code} with {len(head.content)} bytes"
    for name in ("content-type", "content-length", "cache-control", "etag"):
        if head.headers.get(name) != full.headers.get(name):
            return f"{name} is {head.headers.get(name)}, with GET {full.headers.get(name)}"
    return ""
