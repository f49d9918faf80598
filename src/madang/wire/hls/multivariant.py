"""Rendering and parsing of multivariant playlists (RFC 8216bis, section 4.4.6)."""

from __future__ import annotations

from madang.wire.hls import tags
from madang.wire.hls.model import MultivariantPlaylist, PlaylistError, Variant


def render_multivariant(playlist: MultivariantPlaylist) -> str:
    """Return `playlist` as text. Raises ValueError for a URI or codec list that cannot be written.

    EXT-X-VERSION is omitted: nothing needs more than version 1 (section 8).
    """
    lines = ["#EXTM3U"]
    if playlist.independent_segments:
        lines.append("#EXT-X-INDEPENDENT-SEGMENTS")
    for variant in playlist.variants:
        found = [f"BANDWIDTH={variant.bandwidth}"]
        if variant.average_bandwidth is not None:
            found.append(f"AVERAGE-BANDWIDTH={variant.average_bandwidth}")
        if variant.codecs:
            found.append(f"CODECS={tags.quoted(variant.codecs)}")
        if variant.resolution is not None:
            found.append("RESOLUTION={}x{}".format(*variant.resolution))
        if variant.frame_rate is not None:
            found.append(f"FRAME-RATE={variant.frame_rate:.3f}")
        if variant.video_range != "SDR":
            found.append(f"VIDEO-RANGE={variant.video_range}")
        lines += [f"#EXT-X-STREAM-INF:{','.join(found)}", tags.uri_line(variant.uri)]
    return "\n".join(lines) + "\n"


def parse_multivariant(text: str) -> MultivariantPlaylist:
    """Parse a multivariant playlist; unknown tags are ignored.

    Raises PlaylistError for invalid text, LimitExceeded past MAX_PLAYLIST_CHARS.
    """
    independent = False
    variants = []
    found: dict[str, str] | None = None
    for line in tags.lines(text):
        name, _, value = line.partition(":")
        if name == "#EXT-X-INDEPENDENT-SEGMENTS":
            independent = True
        elif name == "#EXT-X-STREAM-INF":
            found = tags.attributes(value)
        elif name in ("#EXTINF", "#EXT-X-TARGETDURATION"):
            raise PlaylistError("This is a media playlist.")
        elif not line.startswith("#"):
            if found is None:
                raise PlaylistError(f"No EXT-X-STREAM-INF before {line[:80]!r}.")
            variants.append(_variant(line, found))
            found = None
    return MultivariantPlaylist(tuple(variants), independent)


def _variant(uri: str, found: dict[str, str]) -> Variant:
    average = found.get("AVERAGE-BANDWIDTH")
    size = found.get("RESOLUTION")
    rate = found.get("FRAME-RATE")
    return Variant(
        uri=uri,
        bandwidth=tags.integer(tags.required(found, "BANDWIDTH")),
        codecs=found.get("CODECS", ""),
        average_bandwidth=None if average is None else tags.integer(average),
        resolution=None if size is None else tags.resolution(size),
        frame_rate=None if rate is None else tags.decimal(rate),
        video_range=found.get("VIDEO-RANGE", "SDR"),
    )
