"""Mutated playlists are parsed or refused."""

from __future__ import annotations

from madang.base.errors import ParseError
from madang.wire.hls import (
    MultivariantPlaylist,
    Variant,
    apply_delta,
    parse_media,
    parse_multivariant,
    render_media,
    render_multivariant,
)
from tests.support.fuzzing import SUITE_COUNT, fuzz
from tests.wire.hls.test_delta import live
from tests.wire.hls.test_media import LIVE

FULL = live(9, last_parts=2)


def test_a_media_playlist_is_understood_or_refused() -> None:
    def target(data: bytes) -> None:
        apply_delta(FULL, parse_media(data.decode(errors="replace")))

    seeds = [
        render_media(LIVE).encode(),
        render_media(FULL, skip=True).encode(),
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n0.ts\n#EXT-X-ENDLIST\n",
    ]
    fuzz(target, seeds, (ParseError,), count=SUITE_COUNT * 3 // 4)


def test_a_multivariant_playlist_is_understood_or_refused() -> None:
    def target(data: bytes) -> None:
        parse_multivariant(data.decode(errors="replace"))

    variants = (Variant("a", 1, "avc1.42c01e", 1, (2, 3), 30.0), Variant("b", 2, ""))
    seeds = [
        render_multivariant(MultivariantPlaylist(variants, independent_segments=True)).encode()
    ]
    fuzz(target, seeds, (ParseError,), count=SUITE_COUNT // 4)
