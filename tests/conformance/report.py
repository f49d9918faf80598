"""Report of the oracle: rules with their sources, violations of them, statistics."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


class Rule(enum.Enum):
    """Every rule that is watched; the value says it and where it comes from.

    Numbers are sections of draft-pantos-hls-rfc8216bis, RFC numbers are said as such, "house"
    marks the station's own promises about low-latency HLS.
    """

    BLOCK_RELOAD = "4.4.3.8, house: a live playlist has parts and offers blocking reloads"
    PART_HOLD_BACK = "4.4.3.8: PART-HOLD-BACK is there, and at least 3 x PART-TARGET"
    SKIP_UNTIL = "4.4.3.8: CAN-SKIP-UNTIL is there, and at least 6 target durations"
    PARAMETERS_FIXED = "6.2.1, house: version, durations and server control never change"
    PARAMETERS_EQUAL = "6.2.4: renditions agree on target duration and server control"
    SEQUENCE_FORWARD = "6.2.2: the media sequence number and the live edge never go back"
    HISTORY = "6.2.1: what was listed stays as it was"
    DISCONTINUITY_SEQUENCE = "6.2.2: removals keep each segment's discontinuity number"
    PART_MAXIMUM = "4.4.3.7: no part is longer than PART-TARGET"
    PART_MINIMUM = "4.4.4.9: parts reach 85% of PART-TARGET, save the last of a segment"
    EXTINF_MAXIMUM = "4.4.3.1: rounded EXTINF is at most EXT-X-TARGETDURATION"
    EXTINF_SUM = "4.4.4.9: a segment lasts as long as its parts together"
    WINDOW = "6.2.2: removals leave at least 3 target durations"
    PARTS_NEAR_EDGE = "6.2.2: parts are listed for the last 3 target durations, no further"
    PRELOAD_HINT = "4.4.5.3, house: while live, the next part is hinted, and it is what comes"
    RENDITION_REPORT = "4.4.5.4: every other rendition is reported, truthfully"
    DATE = "4.4.4.6: EXT-X-PROGRAM-DATE-TIME is there, rises, and keeps step with EXTINF"
    MAP = "4.4.4.5, house: EXT-X-MAP is there, and changes at a discontinuity only"
    PACE = "6.2.1: parts arrive in time, and media grows as fast as the clock"
    AVAILABLE = "6.2.1: everything listed can be fetched"
    KEPT = "6.2.2: segments and parts can be fetched for a while after they left the playlist"
    CONTENT_TYPE = "4, RFC 8216 3.3: playlists and fragments say what they are"
    CACHING = "house: playlists are checked again, fragments are immutable"
    CORS = "house: public channels are open to every origin"
    HEAD = "RFC 9110 9.3.2: HEAD is GET without the body"
    RANGE = "RFC 9110 14.2, house: ranges of fragments are served"
    ETAG = "RFC 9110 13.1.2, house: an unchanged fragment is 304"
    GZIP = "house: playlists are compressed when accepted, with the same content"
    BLOCK_PART = "6.2.5.2: _HLS_msn with _HLS_part waits for that part"
    BLOCK_SEGMENT = "6.2.5.2: _HLS_msn alone waits for the whole segment"
    ROLL_OVER = "6.2.5.2: a part number too high is part 0 of the next segment"
    TOO_FAR = "6.2.5.2: a sequence number too far ahead is 400"
    MALFORMED = "6.2.5.2, house: directives that make no sense are 400"
    HINT_BLOCKS = "6.2.6, house: a hinted part asked for early waits, then is what gets listed"
    DELTA = "6.2.5.1: a delta update, applied, is the full playlist"
    SKIP_BOUNDARY = "6.2.5.1: what is skipped lies beyond the skip boundary, all of it"
    WAIT_LIMIT = "6.2.5.2: a wait ends after 3 target durations with 503"
    ENDED = "6.2.5.2, house: after EXT-X-ENDLIST nothing is hinted, skipped or waited for"
    SEGMENT_IS_PARTS = "4.4.4.9: a segment is the concatenation of its parts"
    DEMUX = "house: every fragment demuxes with its EXT-X-MAP"
    INDEPENDENT = "4.4.4.9: INDEPENDENT=YES on parts that begin with a sync sample, no others"
    CONTINUITY = "house: decode times rise, and each fragment begins where the last one ended"
    EVENT = "4.4.3.5: a rewind playlist is of type EVENT, and only grows behind its end"
    BYTE_RANGE = "4.4.4.2, house: every byte range can be read, and stays as it is"
    DURATION = "4.4.4.1, 4.4.4.9: fragments last as long as the playlist says"


@dataclass(frozen=True, slots=True)
class Violation:
    """One breach of a rule: `where` is a URL or a rendition, `detail` what was seen."""

    rule: Rule
    where: str
    detail: str

    def __str__(self) -> str:
        return f"{self.rule.name} at {self.where}: {self.detail} ({self.rule.value})"


@dataclass(frozen=True, slots=True)
class Statistics:
    """Amounts looked at, per watch; times in seconds.

    `gaps` are the times between arrivals of consecutive parts, over all renditions; `latency` is
    how far the newest part's end lay behind the clock when its playlist arrived, at the median
    (None without dates); `deltas` and `hints` are comparisons made, not attempts.
    """

    playlists: int = 0
    parts: int = 0
    segments: int = 0
    bytes: int = 0
    deltas: int = 0
    hints: int = 0
    gaps: tuple[float, ...] = ()
    latency: float | None = None

    @property
    def longest_gap(self) -> float:
        """The longest time between two parts."""
        return max(self.gaps, default=0.0)

    @property
    def jitter(self) -> float:
        """The mean distance of the gaps from their mean."""
        if not self.gaps:
            return 0.0
        mean = sum(self.gaps) / len(self.gaps)
        return sum(abs(gap - mean) for gap in self.gaps) / len(self.gaps)


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict on one stream."""

    violations: tuple[Violation, ...]
    statistics: Statistics = field(default_factory=Statistics)

    @property
    def broken(self) -> frozenset[Rule]:
        """The rules that were broken."""
        return frozenset(violation.rule for violation in self.violations)

    def check(self) -> None:
        """Raise AssertionError with every violation, where there is one."""
        if self.violations:
            listed = "\n".join(map(str, self.violations[:40]))
            raise AssertionError(f"{len(self.violations)} violations:\n{listed}")
