"""Rendering and parsing of HLS playlists (draft-pantos-hls-rfc8216bis, here RFC 8216bis)."""

from madang.wire.hls.delta import apply_delta
from madang.wire.hls.media import parse_media, render_media, segment_lines
from madang.wire.hls.model import (
    ByteRange,
    MediaPlaylist,
    MultivariantPlaylist,
    Part,
    PlaylistError,
    RenditionReport,
    Segment,
    Variant,
)
from madang.wire.hls.multivariant import parse_multivariant, render_multivariant

__all__ = [
    "ByteRange",
    "MediaPlaylist",
    "MultivariantPlaylist",
    "Part",
    "PlaylistError",
    "RenditionReport",
    "Segment",
    "Variant",
    "apply_delta",
    "parse_media",
    "parse_multivariant",
    "render_media",
    "render_multivariant",
    "segment_lines",
]
