"""The table of breaches: each rule has at least one, and the oracle must notice each."""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from datetime import timedelta

from tests.conformance.faults import (
    END,
    Case,
    after_the_end,
    at_times,
    delta_text,
    different_at_first,
    each_part,
    each_segment,
    fragments,
    headers,
    is_fragment,
    is_playlist,
    last_two,
    late,
    parts_everywhere,
    refuse_after_the_end,
    reports,
    said,
    segments,
    shift_decode_time,
    status,
    too_high,
    unmet,
    well_formed,
    without,
)
from tests.conformance.report import Rule
from tests.conformance.server import Answer, Fault, Request
from tests.conformance.synthetic import HISTORY, PARTS


def _other_gzip(request: Request, right: Answer) -> Answer:
    packed = right.headers.get("content-encoding") == "gzip"
    return replace(right, body=gzip.compress(b"#EXTM3U\n")) if packed else right


def _wrong_range(request: Request, right: Answer) -> Answer:
    return replace(right, body=b"x" * len(right.body)) if right.status == 206 else right


PLAYLIST_CASES = (
    Case(
        Rule.BLOCK_RELOAD,
        "no CAN-BLOCK-RELOAD",
        Fault(text=lambda text: text.replace("CAN-BLOCK-RELOAD=YES,", "")),
    ),
    Case(Rule.PART_HOLD_BACK, "two part targets", said(part_hold_back=0.4)),
    Case(Rule.PART_HOLD_BACK, "none", said(part_hold_back=None)),
    Case(Rule.SKIP_UNTIL, "five target durations", said(can_skip_until=5.0)),
    Case(Rule.SKIP_UNTIL, "none", said(can_skip_until=None)),
    Case(
        Rule.PARAMETERS_FIXED,
        "PART-TARGET follows the parts",
        at_times(lambda right: replace(right, part_target=0.21)),
    ),
    Case(
        Rule.PARAMETERS_FIXED,
        "target duration grows",
        at_times(lambda right: replace(right, target_duration=2)),
    ),
    Case(
        Rule.PARAMETERS_EQUAL,
        "one rendition has its own target duration",
        Fault(
            playlist=lambda name, right: replace(right, target_duration=1 + (name == "audio")),
        ),
        both=True,
    ),
    Case(
        Rule.SEQUENCE_FORWARD,
        "media sequence falls",
        at_times(lambda right: replace(right, media_sequence=right.media_sequence - 2)),
    ),
    Case(
        Rule.SEQUENCE_FORWARD,
        "live edge falls back",
        at_times(lambda right: replace(right, segments=right.segments[:-1])),
    ),
    Case(
        Rule.HISTORY,
        "a segment is renamed",
        at_times(segments(lambda msn, s: replace(s, uri=s.uri and f"renamed-{s.uri}"))),
    ),
    Case(
        Rule.HISTORY,
        "a duration is corrected",
        at_times(segments(lambda msn, s: replace(s, duration=0.961 if s.complete else s.duration))),
    ),
    Case(
        Rule.HISTORY,
        "a part is corrected",
        at_times(
            segments(
                lambda msn, s: replace(
                    s, parts=tuple(replace(part, duration=0.193) for part in s.parts)
                )
            )
        ),
    ),
    Case(
        Rule.HISTORY,
        "a date is corrected",
        at_times(
            segments(
                lambda msn, s: replace(
                    s,
                    program_date_time=s.program_date_time
                    and s.program_date_time + timedelta(milliseconds=2),
                )
            )
        ),
    ),
    Case(Rule.DISCONTINUITY_SEQUENCE, "stays 0", said(discontinuity_sequence=0)),
    Case(Rule.PART_MAXIMUM, "10 ms more", each_part(lambda i, part: replace(part, duration=0.21))),
    Case(
        Rule.PART_MINIMUM,
        "a short one in the middle",
        each_part(lambda i, part: replace(part, duration=0.15 if i == 2 else part.duration)),
    ),
    Case(
        Rule.EXTINF_MAXIMUM,
        "rounds to two seconds",
        each_segment(lambda msn, s: replace(s, duration=1.6)),
    ),
    Case(
        Rule.EXTINF_SUM,
        "2 ms less than the parts",
        each_segment(lambda msn, s: replace(s, duration=s.duration - 0.002)),
    ),
    Case(Rule.WINDOW, "two segments", Fault(playlist=lambda name, right: last_two(right))),
    Case(Rule.PARTS_NEAR_EDGE, "parts for ever", each_segment(parts_everywhere)),
    Case(
        Rule.PARTS_NEAR_EDGE,
        "parts of the last segment only",
        each_segment(lambda msn, s: replace(s, parts=() if s.complete else s.parts)),
    ),
    Case(Rule.PRELOAD_HINT, "none", said(preload_hint=None)),
    Case(Rule.PRELOAD_HINT, "not what comes", said(preload_hint="p1.mp4")),
    Case(Rule.RENDITION_REPORT, "none", said(rendition_reports=()), both=True),
    Case(Rule.RENDITION_REPORT, "a segment behind", reports(-1), both=True),
    Case(Rule.RENDITION_REPORT, "three segments ahead", reports(3), both=True),
    Case(Rule.DATE, "none", each_segment(lambda msn, s: replace(s, program_date_time=None))),
    Case(Rule.DATE, "jumps", each_segment(late(0.2))),
    Case(
        Rule.DATE,
        "drifts",
        each_segment(
            lambda msn, s: replace(
                s,
                program_date_time=s.program_date_time
                and s.program_date_time + timedelta(milliseconds=15 * msn),
            )
        ),
    ),
    Case(
        Rule.MAP,
        "changes without a discontinuity",
        each_segment(lambda msn, s: replace(s, map_uri=f"init{msn % 2}.mp4")),
    ),
    Case(Rule.MAP, "none", each_segment(lambda msn, s: replace(s, map_uri=None))),
    Case(Rule.PACE, "the publisher hangs", last=HISTORY * PARTS + 2),
)

HTTP_CASES = (
    Case(Rule.AVAILABLE, "no segments", status(lambda r: r.name.startswith("s"), 404)),
    Case(Rule.AVAILABLE, "no init", status(lambda r: r.name.startswith("init"), 500)),
    Case(Rule.AVAILABLE, "no syntax", Fault(text=lambda text: text.replace("#EXTM3U", "#EXTM3"))),
    Case(Rule.KEPT, "removed at once", kept=0),
    Case(Rule.CONTENT_TYPE, "playlist", headers(is_playlist, content_type="text/plain")),
    Case(Rule.CONTENT_TYPE, "fragment", headers(is_fragment, content_type="video/iso.segment")),
    Case(Rule.CACHING, "stale playlists", headers(is_playlist, cache_control="max-age=10")),
    Case(Rule.CACHING, "playlists unsaid", headers(is_playlist, cache_control=None)),
    Case(Rule.CACHING, "fragments each time", headers(is_fragment, cache_control="no-cache")),
    Case(Rule.CORS, "own origin only", headers(is_fragment, access_control_allow_origin=None)),
    Case(
        Rule.CORS,
        "playlists closed",
        headers(is_playlist, access_control_allow_origin="http://localhost"),
    ),
    Case(Rule.HEAD, "not allowed", status(lambda r: r.method == "HEAD", 405)),
    Case(
        Rule.HEAD,
        "other type",
        headers(lambda r: r.method == "HEAD" and is_fragment(r), content_type="text/html"),
    ),
    Case(Rule.RANGE, "ignored", without("range")),
    Case(Rule.RANGE, "other bytes", Fault(answer=_wrong_range)),
    Case(Rule.ETAG, "ignored", without("if-none-match")),
    Case(Rule.ETAG, "none", headers(is_fragment, etag=None)),
    Case(
        Rule.GZIP,
        "never",
        Fault(
            answer=lambda request, right: (
                replace(right, body=b"", headers={})
                if right.headers.get("content-encoding") == "gzip"
                else right
            )
        ),
    ),
    Case(Rule.GZIP, "other content", Fault(answer=_other_gzip)),
    Case(Rule.GZIP, "no Vary", headers(is_playlist, vary=None)),
    Case(Rule.BLOCK_PART, "answers at once", unmet(lambda query: "_HLS_part" in query)),
    Case(Rule.BLOCK_SEGMENT, "answers at once", unmet(lambda query: "_HLS_part" not in query)),
    Case(Rule.ROLL_OVER, "refused", status(too_high, 400)),
    Case(Rule.TOO_FAR, "answered", unmet(lambda query: "_HLS_part" not in query)),
    Case(Rule.MALFORMED, "ignored", unmet(lambda query: not well_formed(query))),
    Case(Rule.HINT_BLOCKS, "404 when early", Fault(hint_waits=False)),
    Case(Rule.HINT_BLOCKS, "other bytes when early", different_at_first()),
    Case(
        Rule.DELTA,
        "another name",
        delta_text(lambda text: re.sub(r"^s(\d+\.mp4)$", r"x\1", text, flags=re.MULTILINE)),
    ),
    Case(Rule.DELTA, "refused", status(lambda r: "_HLS_skip" in r.query, 400)),
    Case(Rule.SKIP_BOUNDARY, "never", unmet(lambda query: "_HLS_skip" in query)),
    Case(
        Rule.SKIP_BOUNDARY,
        "more than lies beyond",
        Fault(
            playlist=lambda name, right: replace(right, can_skip_until=2.0),
            text=lambda text: text.replace("CAN-SKIP-UNTIL=2", "CAN-SKIP-UNTIL=6"),
        ),
    ),
    Case(
        Rule.ENDED,
        "still hinting",
        after_the_end(lambda right: replace(right, preload_hint=f"p{END}.mp4")),
        last=END,
        ends=True,
    ),
    Case(
        Rule.ENDED,
        "directives obeyed",
        Fault(answer=refuse_after_the_end),
        last=END,
        ends=True,
    ),
)

MEDIA_CASES = (
    Case(
        Rule.SEGMENT_IS_PARTS,
        "a box more",
        fragments("s", lambda number, data: data + b"\0\0\0\x08free"),
    ),
    Case(Rule.DEMUX, "no boxes", fragments("p", lambda number, data: b"x" * len(data))),
    Case(Rule.DEMUX, "no samples", fragments("p", lambda number, data: b"\0\0\0\x08free")),
    Case(
        Rule.INDEPENDENT,
        "said of all",
        each_part(lambda i, part: replace(part, independent=True)),
    ),
    Case(
        Rule.INDEPENDENT,
        "said of none",
        each_part(lambda i, part: replace(part, independent=False)),
    ),
    Case(Rule.CONTINUITY, "20 ms early", fragments("p", shift_decode_time)),
    Case(Rule.DURATION, "12 ms less", each_part(lambda i, part: replace(part, duration=0.18))),
)

CASES = PLAYLIST_CASES + HTTP_CASES + MEDIA_CASES
