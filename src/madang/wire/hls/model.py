"""Values of a playlist. All durations are in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from madang.base.errors import ParseError


class PlaylistError(ParseError):
    """Text that violates RFC 8216bis, section 4."""


@dataclass(frozen=True, slots=True)
class Part:
    """A partial segment (RFC 8216bis, section 4.4.4.9).

    `independent` is True if the part begins with a key frame.
    """

    uri: str
    duration: float
    independent: bool = False


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A piece of a resource: its offset and length in bytes (RFC 8216bis, section 4.4.4.2)."""

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A media segment and the tags that apply to it (RFC 8216bis, section 4.4.4).

    `program_date_time` is timezone-aware, and written to the millisecond. `map_uri` is the
    EXT-X-MAP that applies to this segment, `map_range` its range of bytes; they are written only
    where they change. `complete` is False for a growing last segment: only its parts are written,
    so a reader knows neither its `uri` (then "") nor its final `duration` (then that of its parts
    so far). A `gap` has no data (section 4.4.4.7).
    """

    uri: str
    duration: float
    parts: tuple[Part, ...] = ()
    program_date_time: datetime | None = None
    discontinuity: bool = False
    map_uri: str | None = None
    complete: bool = True
    byte_range: ByteRange | None = None
    map_range: ByteRange | None = None
    gap: bool = False


@dataclass(frozen=True, slots=True)
class RenditionReport:
    """Progress of another rendition's playlist (RFC 8216bis, section 4.4.5.4)."""

    uri: str
    last_msn: int
    last_part: int


@dataclass(frozen=True, slots=True)
class MediaPlaylist:
    """A media playlist, or a delta update of one if `skipped` is not 0.

    `part_target` is None for a playlist without low latency; with it, the server offers blocking
    reloads. `can_skip_until` is the skip boundary, None if delta updates are not offered.
    `preload_hint` is the URI of the next part. In a delta update, `segments` begins with the first
    one that was not skipped: its number is `media_sequence + skipped`. `playlist_type` is EVENT,
    VOD or None.
    """

    target_duration: int
    segments: tuple[Segment, ...] = ()
    part_target: float | None = None
    part_hold_back: float | None = None
    can_skip_until: float | None = None
    media_sequence: int = 0
    discontinuity_sequence: int = 0
    preload_hint: str | None = None
    rendition_reports: tuple[RenditionReport, ...] = ()
    ended: bool = False
    skipped: int = 0
    playlist_type: str | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant stream (RFC 8216bis, section 4.4.6.2).

    `bandwidth` and `average_bandwidth` are in bits per second, `codecs` is an RFC 6381 list,
    `resolution` is the displayed width and height in pixels, `frame_rate` is in frames per second
    and written to three decimals. `video_range` is SDR, PQ or HLG.
    """

    uri: str
    bandwidth: int
    codecs: str
    average_bandwidth: int | None = None
    resolution: tuple[int, int] | None = None
    frame_rate: float | None = None
    video_range: str = "SDR"


@dataclass(frozen=True, slots=True)
class MultivariantPlaylist:
    """Variants of one presentation.

    `independent_segments` promises that every segment of every variant begins with a key frame (RFC
    8216bis, section 4.4.2.1).
    """

    variants: tuple[Variant, ...]
    independent_segments: bool = False
