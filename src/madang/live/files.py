"""Bytes that viewers are sent: playlists and media files."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Final


class CachedPlaylist:
    """The bytes of a playlist, plain and compressed, made once for all requests."""

    def __init__(self, text: str) -> None:
        self.body: Final = text.encode()

    @cached_property
    def gzip(self) -> bytes:
        """The body in gzip format (RFC 1952)."""
        packer = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS | 16)
        return packer.compress(self.body) + packer.flush()

    @cached_property
    def etag(self) -> str:
        """A strong entity tag, with its quotes."""
        return f'"{zlib.crc32(self.body):08x}{len(self.body):x}"'


@dataclass(frozen=True, slots=True)
class MediaFile:
    """Bytes that never change under their name; `kind` is init, segment or part."""

    kind: str
    name: str
    body: bytes

    @property
    def etag(self) -> str:
        """A strong entity tag, with its quotes."""
        return f'"{self.name}"'
