"""Rules that need the clock, or more than one rendition: pace, reports, agreement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

from tests.conformance.lateness import Lateness
from tests.conformance.observed import WHOLE, Position, Rendition, Snapshot
from tests.conformance.report import Rule, Violation
from tests.conformance.rules_playlist import parameters

RECENT = 5.0
"""Seconds within which a server makes up for a pause of the machine."""


def judge(renditions: Sequence[Rendition], slack: float, lateness: Lateness) -> Iterator[Violation]:
    """Every breach, where `slack` seconds and the `lateness` of the observer are the machine's
    fault, not the server's."""
    for rendition in renditions:
        yield from _pace(rendition, slack, lateness)
        yield from _reports(rendition, {other.url: other for other in renditions}, slack)
    for first, other in pairwise(renditions):
        before, after = parameters(first.latest), parameters(other.latest)
        # Section 7 lets each playlist have the version that its own tags need.
        before.pop("EXT-X-VERSION")
        after.pop("EXT-X-VERSION")
        if before != after:
            detail = f"{before} in {first.url}, but {after}"
            yield Violation(Rule.PARAMETERS_EQUAL, other.url, detail)


def arrivals(rendition: Rendition) -> list[float]:
    """Return the time at which each part was first listed, save those there from the beginning."""
    first = rendition.snapshots[0]
    seen = rendition.first_seen()
    return [seen[place][0].at for place in sorted(seen) if seen[place][0] is not first]


def latency(rendition: Rendition) -> float | None:
    """Seconds from the end of the newest part to the clock at its arrival, at the median."""
    found = []
    for snapshot in rendition.snapshots:
        dated = None
        for segment in snapshot.playlist.segments:
            if segment.program_date_time is not None:
                dated = segment.program_date_time.timestamp()
            if dated is not None:
                dated += segment.duration
        if dated is not None:
            found.append(snapshot.wall - dated)
    return median(found) if found else None


def _pace(rendition: Rendition, slack: float, lateness: Lateness) -> Iterator[Violation]:
    snapshots = [s for s in rendition.snapshots if not s.playlist.ended]
    if not snapshots:
        return
    target = snapshots[0].playlist.part_target or 0.0
    over = snapshots[-1].at if rendition.latest.playlist.ended else rendition.until
    times = [snapshots[0].at, *arrivals(rendition), over]
    for before, after in pairwise(times):
        if after - before > target + slack + lateness.between(before, after):
            detail = f"no new part for {after - before:.3f} s"
            yield Violation(Rule.PACE, rendition.url, detail)
    grown = _reach(rendition, snapshots[-1]) - _reach(rendition, snapshots[0])
    begin, end = snapshots[0].at, snapshots[-1].at
    wall = end - begin
    # Media that a pause kept back come at once when it is over: only the last pause counts.
    late = lateness.between(end - RECENT, end)
    if abs(grown - wall) > target + slack + 0.02 * wall + late:
        yield Violation(Rule.PACE, rendition.url, f"{grown:.3f} s of media in {wall:.3f} s")


def _reach(rendition: Rendition, snapshot: Snapshot) -> float:
    """Seconds of media from the first segment ever seen to the end of `snapshot`."""
    first = snapshot.playlist.media_sequence
    known = rendition.segments()
    return snapshot.duration + sum(s.duration for msn, s in known.items() if msn < first)


def _reports(
    rendition: Rendition, renditions: dict[str, Rendition], slack: float
) -> Iterator[Violation]:
    for snapshot in rendition.snapshots:
        if snapshot.playlist.ended:
            continue
        reports = {
            rendition.resolve(report.uri): (report.last_msn, report.last_part)
            for report in snapshot.playlist.rendition_reports
        }
        for url in rendition.others - reports.keys():
            yield Violation(Rule.RENDITION_REPORT, rendition.url, f"none for {url}")
        for url, position in reports.items():
            if url in renditions:
                for detail in _untruth(snapshot, position, renditions[url], slack):
                    yield Violation(Rule.RENDITION_REPORT, rendition.url, f"{url}: {detail}")


def _untruth(
    snapshot: Snapshot, position: Position, other: Rendition, slack: float
) -> Iterator[str]:
    """A report may lag one part behind what the other playlist had already listed, and lead none.

    The other playlist is watched by polling, so a lead shows only where the part is still
    missing from a playlist asked for `slack` after the report arrived.
    """
    seen = other.first_seen()
    behind = [
        place
        for place, (listing, _) in seen.items()
        if place > position and listing.at < snapshot.asked
    ]
    if len(behind) > 1:
        yield f"{position} is {len(behind)} parts behind"
    later = [s for s in other.snapshots if s.asked > snapshot.at + slack]
    if later and not _has(later[0], position):
        yield f"{position} is ahead of its playlist"


def _has(snapshot: Snapshot, position: Position) -> bool:
    msn, part = snapshot.end
    return (msn, part) >= position or (part == WHOLE and msn >= position[0])
