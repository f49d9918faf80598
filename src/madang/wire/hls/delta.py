"""Delta updates: skippable segments, and restoring the full playlist (RFC 8216bis, 6.2.5.1)."""

from __future__ import annotations

from dataclasses import replace

from madang.wire.hls.model import MediaPlaylist, PlaylistError, Segment


def skippable(playlist: MediaPlaylist) -> int:
    """Return the number of segments that a delta update of `playlist` replaces.

    These lie wholly further from the end of the playlist, growing segment included, than the skip
    boundary. 0 if delta updates are not offered or the playlist has ended.
    """
    if playlist.can_skip_until is None or playlist.ended:
        return 0
    beyond = len(playlist.segments)
    distance = 0.0
    while beyond and distance <= playlist.can_skip_until:
        beyond -= 1
        distance += playlist.segments[beyond].duration
    return beyond


def apply_delta(previous: MediaPlaylist, delta: MediaPlaylist) -> MediaPlaylist:
    """Return the full playlist of `delta`, with skipped segments taken from `previous`.

    `previous` is a full playlist of the same stream; a `delta` that skips nothing is returned as
    is. Skipped segments have no parts: a playlist lists those only within three target durations of
    its end (section 6.2.2), and the skip boundary is at least six away. Raises PlaylistError if
    `previous` is too old to contain the skipped segments.
    """
    if not delta.skipped:
        return delta
    begin = delta.media_sequence - previous.media_sequence
    known = previous.segments[begin : begin + delta.skipped] if begin >= 0 else ()
    if len(known) < delta.skipped or not all(segment.complete for segment in known):
        raise PlaylistError("The delta update skips segments that the earlier playlist lacks.")
    skipped = tuple(replace(segment, parts=()) for segment in known)
    return replace(delta, segments=skipped + _with_map(delta.segments, skipped[-1]), skipped=0)


def _with_map(segments: tuple[Segment, ...], before: Segment) -> tuple[Segment, ...]:
    """Return `segments` with the map of the skipped ones, up to the first map of the delta."""
    map_uri, map_range = before.map_uri, before.map_range
    return tuple(
        segment
        if segment.map_uri is not None
        else replace(segment, map_uri=map_uri, map_range=map_range)
        for segment in segments
    )
