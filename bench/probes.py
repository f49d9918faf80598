"""Probes for a server's stream."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Final
from urllib.parse import urljoin

from bench.processes import BenchFailed, Child
from madang.wire.hls import parse_media, parse_multivariant

ON_AIR: Final = 30.0
"""Seconds until a publisher's stream must be available to viewers."""

SEGMENTS: Final = 3
"""Segments that a player requires before it starts (RFC 8216bis, section 6.3.3)."""


def media_playlist(publisher: Child, url: str) -> str:
    """Return the address of the first rendition, once a player would start.

    `url` is that of the multivariant playlist. Raises BenchFailed, like all functions here, when
    the publisher ends or nothing comes.
    """
    publisher.wait_for(lambda: _get(url) is not None, ON_AIR, "a multivariant playlist")
    variants = parse_multivariant((_get(url) or b"").decode()).variants
    if not variants:
        raise BenchFailed(f"{url} lists no rendition.")
    media = urljoin(url, variants[0].uri)
    wait_for_segments(publisher, media)
    return media


def wait_for_segments(publisher: Child, url: str) -> None:
    """Wait until the media playlist at `url` has enough segments."""

    def enough() -> bool:
        body = _get(url)
        return body is not None and len(parse_media(body.decode()).segments) >= SEGMENTS

    publisher.wait_for(enough, ON_AIR, "a media playlist")


def wait_for_stream(publisher: Child, url: str) -> None:
    """Wait until an endless stream flows from `url`."""
    publisher.wait_for(lambda: _get(url, 4096) is not None, ON_AIR, "a stream")


def _get(url: str, most: int = -1) -> bytes | None:
    """Return the first `most` bytes (-1: all) at `url`; None if unavailable."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            body: bytes = response.read(most)
            return body or None
    except (urllib.error.URLError, OSError):
        return None
