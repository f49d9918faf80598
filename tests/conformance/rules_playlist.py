"""Rules on playlists and how they change: judged over all snapshots of a rendition, no I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from madang.wire.hls import MediaPlaylist, Segment
from tests.conformance.observed import Rendition, Snapshot
from tests.conformance.report import Rule, Violation

ROUNDING = 0.0001
"""Seconds that writing with five decimals, or a tick of 90 kHz, can move a duration."""

DATE_STEP = 0.05
"""Seconds that EXT-X-PROGRAM-DATE-TIME may stray from the sum of EXTINF, at any distance."""

Found = Iterator[tuple[Rule, str]]


def judge(rendition: Rendition) -> Iterator[Violation]:
    """Every breach in what was seen of `rendition`, each said once."""
    said = set()
    for rule, detail in _all(rendition):
        if (rule, detail) not in said:
            said.add((rule, detail))
            yield Violation(rule, rendition.url, detail)


def judge_event(rendition: Rendition) -> Iterator[Violation]:
    """Every breach in what was seen of an EVENT playlist without parts, such as that of a rewind.

    Whether segments only come behind the others is for the caller to say.
    """
    for snapshot in rendition.snapshots:
        for rule in (_durations, _dates, _maps):
            for each, detail in rule(snapshot):
                yield Violation(each, rendition.url, detail)
    for earlier, later in pairwise(rendition.snapshots):
        for change in (_parameters, _forward, _history, _discontinuities):
            for each, detail in change(earlier, later):
                yield Violation(each, rendition.url, detail)


def _all(rendition: Rendition) -> Found:
    each: tuple[Callable[[Snapshot], Found], ...] = (
        _server_control, _durations, _parts_near_edge, _dates, _maps
    )  # fmt: skip
    between: tuple[Callable[[Snapshot, Snapshot], Found], ...] = (
        _parameters, _forward, _history, _discontinuities, _window
    )  # fmt: skip
    for snapshot in rendition.snapshots:
        for rule in each:
            yield from rule(snapshot)
    for earlier, later in pairwise(rendition.snapshots):
        for change in between:
            yield from change(earlier, later)
    yield from _hints(rendition)


def _server_control(snapshot: Snapshot) -> Found:
    playlist = snapshot.playlist
    target = playlist.part_target
    if target is None or "CAN-BLOCK-RELOAD=YES" not in snapshot.text:
        yield Rule.BLOCK_RELOAD, "no EXT-X-PART-INF, or no CAN-BLOCK-RELOAD=YES"
        return
    if playlist.part_hold_back is None or playlist.part_hold_back < 3 * target - ROUNDING:
        yield Rule.PART_HOLD_BACK, f"{playlist.part_hold_back} with PART-TARGET {target}"
    if playlist.can_skip_until is None or playlist.can_skip_until < 6 * playlist.target_duration:
        yield (
            Rule.SKIP_UNTIL,
            f"{playlist.can_skip_until} with target duration {playlist.target_duration}",
        )


def parameters(snapshot: Snapshot) -> dict[str, object]:
    """Check values that a stream may not change."""
    playlist = snapshot.playlist
    version = re.search(r"^#EXT-X-VERSION:(.*)$", snapshot.text, re.MULTILINE)
    return {
        "EXT-X-VERSION": version[1] if version else None,
        "EXT-X-TARGETDURATION": playlist.target_duration,
        "PART-TARGET": playlist.part_target,
        "PART-HOLD-BACK": playlist.part_hold_back,
        "CAN-SKIP-UNTIL": playlist.can_skip_until,
    }


def _parameters(earlier: Snapshot, later: Snapshot) -> Found:
    now = parameters(later)
    for name, value in parameters(earlier).items():
        if now[name] != value:
            yield Rule.PARAMETERS_FIXED, f"{name} went from {value} to {now[name]}"


def _forward(earlier: Snapshot, later: Snapshot) -> Found:
    if later.playlist.media_sequence < earlier.playlist.media_sequence:
        yield (
            Rule.SEQUENCE_FORWARD,
            f"{earlier.playlist.media_sequence} to {later.playlist.media_sequence}",
        )
    if later.end < earlier.end:
        yield Rule.SEQUENCE_FORWARD, f"the live edge went from {earlier.end} to {later.end}"


def _history(earlier: Snapshot, later: Snapshot) -> Found:
    now = dict(later.numbered())
    for msn, before in earlier.numbered():
        after = now.get(msn)
        if after is None:
            continue
        if _tags(before) != _tags(after):
            yield Rule.HISTORY, f"the tags of segment {msn} changed"
        if before.complete and (before.uri, before.duration) != (after.uri, after.duration):
            yield Rule.HISTORY, f"segment {msn} changed"
        gone = before.complete and not after.parts
        if not gone and before.parts != after.parts[: len(before.parts)]:
            yield Rule.HISTORY, f"the parts of segment {msn} changed"
        if before.complete and len(after.parts) > len(before.parts):
            yield Rule.HISTORY, f"segment {msn} grew after it was complete"


def _tags(segment: Segment) -> tuple[object, ...]:
    return (segment.program_date_time, segment.discontinuity, segment.map_uri)


def _discontinuities(earlier: Snapshot, later: Snapshot) -> Found:
    now = discontinuity_numbers(later.playlist)
    for msn, number in discontinuity_numbers(earlier.playlist).items():
        if now.get(msn, number) != number:
            yield Rule.DISCONTINUITY_SEQUENCE, f"segment {msn} went from {number} to {now[msn]}"


def discontinuity_numbers(playlist: MediaPlaylist) -> dict[int, int]:
    """The discontinuity sequence number of each segment (section 4.4.3.3)."""
    number = playlist.discontinuity_sequence
    numbers = {}
    for msn, segment in enumerate(playlist.segments, playlist.media_sequence):
        number += segment.discontinuity
        numbers[msn] = number
    return numbers


def _window(earlier: Snapshot, later: Snapshot) -> Found:
    removed = later.playlist.media_sequence > earlier.playlist.media_sequence
    least = 3 * later.playlist.target_duration
    if removed and not later.playlist.ended and later.duration < least:
        yield Rule.WINDOW, f"{later.duration:.3f} s left, {least} s are the least"


def _durations(snapshot: Snapshot) -> Found:
    playlist = snapshot.playlist
    target = playlist.part_target or 0.0
    for msn, segment in snapshot.numbered():
        for index, part in enumerate(segment.parts):
            if part.duration > target + ROUNDING:
                yield Rule.PART_MAXIMUM, f"part {msn}.{index} has {part.duration} s"
        for index, part in enumerate(segment.parts[:-1]):
            if part.duration < 0.85 * target - ROUNDING:
                yield Rule.PART_MINIMUM, f"part {msn}.{index} has {part.duration} s"
        # Half a second rounds up, as section 4.4.3.1 means "nearest".
        if segment.complete and int(segment.duration + 0.5) > playlist.target_duration:
            yield Rule.EXTINF_MAXIMUM, f"segment {msn} has {segment.duration} s"
        together = sum(part.duration for part in segment.parts)
        if segment.complete and segment.parts and abs(together - segment.duration) > 0.001:
            yield Rule.EXTINF_SUM, f"segment {msn}: {segment.duration} s, parts {together:.5f} s"


def _parts_near_edge(snapshot: Snapshot) -> Found:
    """One segment of slack: a server may drop a segment's parts a segment later or earlier."""
    near = 3 * snapshot.playlist.target_duration
    distance = 0.0
    for msn, segment in reversed(snapshot.numbered()):
        if segment.parts and distance > near + segment.duration:
            yield Rule.PARTS_NEAR_EDGE, f"segment {msn} still has parts {distance:.2f} s back"
        begins = distance + segment.duration
        if not segment.parts and begins <= near and not snapshot.playlist.ended:
            yield Rule.PARTS_NEAR_EDGE, f"segment {msn} has no parts, only {begins:.2f} s back"
        distance = begins


def _dates(snapshot: Snapshot) -> Found:
    """Reckons on from the last discontinuity, so that small errors of one sign add up and show."""
    expected: datetime | None = None
    for msn, segment in snapshot.numbered():
        date = segment.program_date_time
        if expected is None:
            expected = date
        elif date is not None:
            off = (date - expected).total_seconds()
            if off < -DATE_STEP or (off > DATE_STEP and not segment.discontinuity):
                yield Rule.DATE, f"segment {msn} is {off:+.3f} s off the segments before it"
            if segment.discontinuity:
                expected = date
        if expected is None:
            yield Rule.DATE, f"segment {msn} has no date, nor one before it to reckon from"
            return
        expected += timedelta(seconds=segment.duration)


def _maps(snapshot: Snapshot) -> Found:
    numbered = snapshot.numbered()
    for msn, segment in numbered:
        if segment.map_uri is None:
            yield Rule.MAP, f"segment {msn} has no EXT-X-MAP"
    for (_, before), (msn, segment) in pairwise(numbered):
        if segment.map_uri != before.map_uri and not segment.discontinuity:
            yield Rule.MAP, f"segment {msn} changes EXT-X-MAP without a discontinuity"


def _hints(rendition: Rendition) -> Found:
    listed = {place: part.uri for place, (_, part) in rendition.first_seen().items()}
    for snapshot in rendition.snapshots:
        hint = snapshot.playlist.preload_hint
        if snapshot.playlist.ended:
            continue
        if hint is None:
            yield Rule.PRELOAD_HINT, f"none at {snapshot.end}"
            continue
        msn, index = snapshot.next_part
        # A growing segment may have ended instead: then the next part is in the one after it.
        came = listed.get((msn, index), listed.get((msn + 1, 0)))
        if came is not None and came != hint:
            yield Rule.PRELOAD_HINT, f"{hint} was hinted, {came} came"
