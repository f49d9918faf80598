"""Whether a server has the stream for its viewers yet."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Final
from urllib.parse import urljoin

from bench.processes import BenchFailed, Child
from madang.wire.hls import parse_media, parse_multivariant

ON_AIR: Final = 30.0
"""Seconds within which a publisher's stream must be there for viewers."""

SEGMENTS: Final = 3
"""What a player wants to see before it begins (RFC 8216bis, section 6.3.3)."""


def media_playlist(publisher: Child, url: str) -> str:
    """The address of the first rendition, once a player would begin with it.

    `url` is that of the multivariant playlist. Raises BenchFailed, as all here do, when the
    publisher ends or nothing comes.
    """
    publisher.wait_for(lambda: _get(url) is not None, ON_AIR, "a multivariant playlist")
    variants = parse_multivariant((_get(url) or b"").decode()).variants
    if not variants:
        raise BenchFailed(f"{url} lists no rendition.")
    media = urljoin(url, variants[0].uri)
    wait_for_segments(publisher, media)
    return media


def wait_for_segments(publisher: Child, url: str) -> None:
    """Return when the media playlist at `url` has enough to begin with."""

    def enough() -> bool:
        body = _get(url)
        return body is not None and len(parse_media(body.decode()).segments) >= SEGMENTS

    publisher.wait_for(enough, ON_AIR, "a media playlist")


def wait_for_stream(publisher: Child, url: str) -> None:
    """Return when an endless stream flows from `url`."""
    publisher.wait_for(lambda: _get(url, 4096) is not None, ON_AIR, "a stream")


def _get(url: str, most: int = -1) -> bytes | None:
    """The first `most` bytes (-1: all) of what `url` answers; None while it does not."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            body: bytes = response.read(most)
            return body or None
    except (urllib.error.URLError, OSError):
        return None
