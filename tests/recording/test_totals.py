"""Sums over records."""

from __future__ import annotations

import pytest

from madang.recording.index import Kind, Record
from madang.recording.totals import Totals

PART = Record(Kind.PART, size=1000, duration=1.0, date=100.0)


def totals(*records: Record) -> Totals:
    made = Totals(2)
    made.add_all(records)
    return made


def part(second: int, size: int = 1000, kind: Kind = Kind.PART) -> Record:
    return Record(kind, size=size, duration=1.0, date=100.0 + second, msn=second // 2)


def test_sums_of_parts_and_gaps() -> None:
    made = totals(part(0), part(1, 3000), part(2, 0, Kind.GAP), part(3), Record(Kind.SYNCED, 9))
    assert (made.duration, made.gaps, made.bytes) == (4.0, 1.0, 5000)
    assert (made.began_at, made.ended_at) == (100.0, 104.0)
    assert made.average_bitrate == round(5000 * 8 / 3)
    assert made.peak_bitrate() == 16_000


def test_short_segments_count_only_alone() -> None:
    short = Record(Kind.PART, size=1000, duration=0.5, date=100.0)
    assert totals(short).peak_bitrate() == 16_000
    assert totals(short, part(2), part(3)).peak_bitrate() == pytest.approx(9600)
    assert totals().peak_bitrate() == totals().average_bitrate == 0


def test_a_rendition_covers_another() -> None:
    whole = totals(*map(part, range(10)))
    assert whole.covers(whole, 0.0)
    assert totals(*map(part, range(2, 9))).covers(whole, 2.0)
    assert not totals(*map(part, range(3, 10))).covers(whole, 2.0)
    assert not totals(*map(part, range(7))).covers(whole, 2.0)
    assert not totals(part(0), part(1, 0, Kind.GAP), *map(part, range(2, 10))).covers(whole, 2.0)
    assert not totals().covers(whole, 2.0)
