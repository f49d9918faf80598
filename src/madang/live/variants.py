"""The multivariant playlist (RFC 8216bis, section 4.4.6.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from madang.live.rendition import Rendition
from madang.wire.hls import MultivariantPlaylist, Variant, render_multivariant

HEAD_ROOM: Final = 1.1
"""Factor for BANDWIDTH, which must not be exceeded: the next segment may be larger than any so
far."""


def multivariant(renditions: Mapping[str, Rendition]) -> str:
    """Return the playlist's text; `renditions` is not empty."""
    variants = tuple(_variant(name, rendition) for name, rendition in renditions.items())
    return render_multivariant(MultivariantPlaylist(variants))


def codecs(rendition: Rendition) -> str:
    """Return the CODECS of a rendition (RFC 6381)."""
    return ",".join(track.codec_string for track in rendition.tracks.all)


def _variant(name: str, rendition: Rendition) -> Variant:
    peak, mean = rendition.window.bit_rates()
    video = rendition.tracks.video
    return Variant(
        uri=f"{name}/media.m3u8",
        bandwidth=max(1, round(peak * HEAD_ROOM)),
        average_bandwidth=max(1, round(mean)),
        codecs=codecs(rendition),
        resolution=None if video is None else video.display_size,
        frame_rate=rendition.frame_rate,
        video_range="SDR" if video is None else video.color.video_range,
    )
