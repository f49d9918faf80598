"""Rendering and parsing of media playlists (RFC 8216bis, sections 4.4.3 to 4.4.5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from madang.wire.hls import tags
from madang.wire.hls.delta import skippable
from madang.wire.hls.model import MediaPlaylist, Part, PlaylistError, RenditionReport, Segment


def render_media(playlist: MediaPlaylist, *, skip: bool = False) -> str:
    """Return `playlist` as text; with `skip`, its delta update if one is possible.

    A playlist that offers no delta updates, has ended, or has nothing beyond the skip boundary is
    rendered in full (section 6.2.5.1). A growing segment without parts is omitted. Raises
    ValueError for a playlist that the format cannot express: a URI with characters that end it, a
    growing segment that is not the last, an EXT-X-MAP that ceases to apply, or a playlist that is
    itself a delta update.
    """
    if playlist.skipped:
        raise ValueError("a delta update cannot be rendered again: apply it first")
    count = skippable(playlist) if skip else 0
    lines = [*_header(playlist)]
    if count:
        lines.append(f"#EXT-X-SKIP:SKIPPED-SEGMENTS={count}")
    before: Segment | None = None
    for segment in playlist.segments[count:]:
        if not segment.complete and segment is not playlist.segments[-1]:
            raise ValueError("only the last segment can be growing")
        lines += segment_lines(segment, before)
        before = segment
    lines += _tail(playlist)
    return "\n".join(lines) + "\n"


def _version(playlist: MediaPlaylist) -> int:
    """Return the lowest version that allows the tags of the playlist and its delta updates (section
    8).

    With delta updates it is 9 in the full form too, so that the number is constant for a stream.
    """
    if playlist.can_skip_until is not None:
        return 9
    if any(segment.gap for segment in playlist.segments):
        return 8
    return 6 if any(segment.map_uri for segment in playlist.segments) else 3


def _header(playlist: MediaPlaylist) -> Iterator[str]:
    yield "#EXTM3U"
    yield f"#EXT-X-VERSION:{_version(playlist)}"
    yield f"#EXT-X-TARGETDURATION:{playlist.target_duration}"
    if playlist.playlist_type is not None:
        yield f"#EXT-X-PLAYLIST-TYPE:{playlist.playlist_type}"
    control = []
    if playlist.part_target is not None:
        control.append("CAN-BLOCK-RELOAD=YES")
    if playlist.part_hold_back is not None:
        control.append(f"PART-HOLD-BACK={tags.write_decimal(playlist.part_hold_back)}")
    if playlist.can_skip_until is not None:
        control.append(f"CAN-SKIP-UNTIL={tags.write_decimal(playlist.can_skip_until)}")
    if control:
        yield f"#EXT-X-SERVER-CONTROL:{','.join(control)}"
    if playlist.part_target is not None:
        yield f"#EXT-X-PART-INF:PART-TARGET={tags.write_decimal(playlist.part_target)}"
    yield f"#EXT-X-MEDIA-SEQUENCE:{playlist.media_sequence}"
    if playlist.discontinuity_sequence:
        yield f"#EXT-X-DISCONTINUITY-SEQUENCE:{playlist.discontinuity_sequence}"


def segment_lines(segment: Segment, before: Segment | None) -> Iterator[str]:
    """Yield the lines of a segment; `before` is the one that is listed before it.

    Raises ValueError for what the format cannot express.
    """
    if not segment.complete and not segment.parts:
        return
    if segment.discontinuity:
        yield "#EXT-X-DISCONTINUITY"
    in_force = (before.map_uri, before.map_range) if before is not None else (None, None)
    if (segment.map_uri, segment.map_range) != in_force:
        if segment.map_uri is None:
            raise ValueError("an EXT-X-MAP applies until another replaces it")
        span = segment.map_range
        place = f',BYTERANGE="{span.length}@{span.offset}"' if span is not None else ""
        yield f"#EXT-X-MAP:URI={tags.quoted(segment.map_uri)}{place}"
    if segment.program_date_time is not None:
        yield f"#EXT-X-PROGRAM-DATE-TIME:{tags.write_instant(segment.program_date_time)}"
    for part in segment.parts:
        independent = ",INDEPENDENT=YES" if part.independent else ""
        yield (
            f"#EXT-X-PART:DURATION={tags.write_decimal(part.duration)},"
            f"URI={tags.quoted(part.uri)}{independent}"
        )
    if segment.complete:
        yield f"#EXTINF:{tags.write_decimal(segment.duration)},"
        if segment.byte_range is not None:
            yield f"#EXT-X-BYTERANGE:{segment.byte_range.length}@{segment.byte_range.offset}"
        if segment.gap:
            yield "#EXT-X-GAP"
        yield tags.uri_line(segment.uri)


def _tail(playlist: MediaPlaylist) -> Iterator[str]:
    if playlist.preload_hint is not None:
        yield f"#EXT-X-PRELOAD-HINT:TYPE=PART,URI={tags.quoted(playlist.preload_hint)}"
    for report in playlist.rendition_reports:
        yield (
            f"#EXT-X-RENDITION-REPORT:URI={tags.quoted(report.uri)},"
            f"LAST-MSN={report.last_msn},LAST-PART={report.last_part}"
        )
    if playlist.ended:
        yield "#EXT-X-ENDLIST"


def parse_media(text: str) -> MediaPlaylist:
    """Parse a media playlist or delta update.

    Unknown tags and attributes are ignored, as section 6.3.1 requires. Raises PlaylistError for
    invalid text, and for what Madang does not write and would give a wrong playlist if it were
    ignored: keys, byte ranges of parts, and byte ranges without an offset. Raises LimitExceeded
    past MAX_PLAYLIST_CHARS.
    """
    reader = _LineReader()
    for line in tags.lines(text):
        if line.startswith("#"):
            name, _, value = line.partition(":")
            reader.tag(name, value)
        else:
            reader.uri(line)
    return reader.finish()


@dataclass(slots=True)
class _LineReader:
    """Parser state: the playlist so far, and the segment ended by the next URI line."""

    target_duration: int | None = None
    playlist: MediaPlaylist = field(default_factory=lambda: MediaPlaylist(target_duration=0))
    segments: list[Segment] = field(default_factory=list)
    reports: list[dict[str, str]] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    pending: Segment = field(default_factory=lambda: Segment("", 0))
    duration: float | None = None

    def tag(self, name: str, value: str) -> None:
        match name:
            case "#EXT-X-TARGETDURATION":
                self.target_duration = tags.integer(value)
            case "#EXT-X-MEDIA-SEQUENCE":
                self.playlist = replace(self.playlist, media_sequence=tags.integer(value))
            case "#EXT-X-DISCONTINUITY-SEQUENCE":
                self.playlist = replace(self.playlist, discontinuity_sequence=tags.integer(value))
            case "#EXT-X-SERVER-CONTROL":
                found = tags.attributes(value)
                self.playlist = replace(
                    self.playlist,
                    part_hold_back=_optional_decimal(found, "PART-HOLD-BACK"),
                    can_skip_until=_optional_decimal(found, "CAN-SKIP-UNTIL"),
                )
            case "#EXT-X-PART-INF":
                target = tags.decimal(tags.required(tags.attributes(value), "PART-TARGET"))
                self.playlist = replace(self.playlist, part_target=target)
            case "#EXT-X-SKIP":
                self._skip(tags.attributes(value))
            case "#EXT-X-PRELOAD-HINT":
                found = tags.attributes(value)
                if tags.required(found, "TYPE") == "PART":
                    hint = tags.required(found, "URI")
                    self.playlist = replace(self.playlist, preload_hint=hint)
            case "#EXT-X-RENDITION-REPORT":
                self.reports.append(tags.attributes(value))
            case "#EXT-X-PLAYLIST-TYPE":
                self.playlist = replace(self.playlist, playlist_type=value)
            case "#EXT-X-ENDLIST":
                self.playlist = replace(self.playlist, ended=True)
            case _:
                self._segment_tag(name, value)

    def _segment_tag(self, name: str, value: str) -> None:
        match name:
            case "#EXTINF":
                self.duration = tags.decimal(value.partition(",")[0])
            case "#EXT-X-DISCONTINUITY":
                self.pending = replace(self.pending, discontinuity=True)
            case "#EXT-X-PROGRAM-DATE-TIME":
                self.pending = replace(self.pending, program_date_time=tags.instant(value))
            case "#EXT-X-MAP":
                found = tags.attributes(value)
                span = tags.byte_range(found["BYTERANGE"]) if "BYTERANGE" in found else None
                uri = tags.required(found, "URI")
                self.pending = replace(self.pending, map_uri=uri, map_range=span)
            case "#EXT-X-BYTERANGE":
                self.pending = replace(self.pending, byte_range=tags.byte_range(value))
            case "#EXT-X-GAP":
                self.pending = replace(self.pending, gap=True)
            case "#EXT-X-PART":
                self._part(tags.attributes(value))
            case "#EXT-X-KEY":
                raise PlaylistError(f"{name} is not supported.")
            case _:
                pass

    def _skip(self, found: dict[str, str]) -> None:
        count = tags.integer(tags.required(found, "SKIPPED-SEGMENTS"))
        if not count or self.playlist.skipped or self.segments or self.parts:
            raise PlaylistError("EXT-X-SKIP replaces the first segments, once.")
        self.playlist = replace(self.playlist, skipped=count)

    def _part(self, found: dict[str, str]) -> None:
        _refuse_byte_range(found)
        self.parts.append(
            Part(
                uri=tags.required(found, "URI"),
                duration=tags.decimal(tags.required(found, "DURATION")),
                independent=found.get("INDEPENDENT") == "YES",
            )
        )

    def uri(self, line: str) -> None:
        if self.duration is None:
            raise PlaylistError(f"No EXTINF before {line[:80]!r}.")
        self._end_segment(line, self.duration, complete=True)

    def _end_segment(self, uri: str, duration: float, *, complete: bool) -> None:
        parts = tuple(self.parts)
        self.segments.append(
            replace(self.pending, uri=uri, duration=duration, parts=parts, complete=complete)
        )
        map_uri, map_range = self.pending.map_uri, self.pending.map_range
        self.pending = Segment("", 0, map_uri=map_uri, map_range=map_range)
        self.duration = None
        self.parts.clear()

    def finish(self) -> MediaPlaylist:
        if self.target_duration is None:
            raise PlaylistError("EXT-X-TARGETDURATION is missing.")
        if self.parts:
            so_far = round(sum(part.duration for part in self.parts), 5)
            self._end_segment("", so_far, complete=False)
        if self.playlist.part_target is None and any(segment.parts for segment in self.segments):
            raise PlaylistError("EXT-X-PART needs EXT-X-PART-INF.")
        return replace(
            self.playlist,
            target_duration=self.target_duration,
            segments=tuple(self.segments),
            rendition_reports=tuple(self._report(found) for found in self.reports),
        )

    def _report(self, found: dict[str, str]) -> RenditionReport:
        """Return a report; omitted values are those of the playlist that carries it (section
        4.4.5.4)."""
        last = self.playlist.media_sequence + self.playlist.skipped + len(self.segments) - 1
        last_part = len(self.segments[-1].parts) - 1 if self.segments else 0
        return RenditionReport(
            uri=tags.required(found, "URI"),
            last_msn=tags.integer(found.get("LAST-MSN", str(max(last, 0)))),
            last_part=tags.integer(found.get("LAST-PART", str(max(last_part, 0)))),
        )


def _optional_decimal(found: dict[str, str], name: str) -> float | None:
    return tags.decimal(found[name]) if name in found else None


def _refuse_byte_range(found: dict[str, str]) -> None:
    if not found.keys().isdisjoint({"BYTERANGE", "BYTERANGE-START", "BYTERANGE-LENGTH"}):
        raise PlaylistError("Byte ranges of parts are not supported.")
