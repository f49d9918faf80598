"""The queue before the disk, and its memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from madang.live.rendition import SOURCE
from madang.recording.index import Kind
from tests.servers.recording.test_writer import limits, parts, show
from tests.support.recorder import Recorded, records_of
from tests.support.recordings import part_record

pytestmark = pytest.mark.usefixtures("station")


def test_a_write_that_hangs_for_long_costs_no_memory(tmp_path: Path) -> None:
    from madang.servers.recording.growing import Part

    made = Recorded(tmp_path, limits(queue_seconds=3.0))
    events = show().events
    made.take(events[:8])
    made.turn()
    part = parts(events)[-1]
    lengths = []
    for number in range(3000):
        record = replace(part_record(part), msn=1000 + number // 6, date=number / 3)
        record = replace(record, duration=1 / 3)
        made.writer.put(made.recording, SOURCE, Part(b"x" * 100, record))
        made.clock.advance(1 / 3)
        made.writer.expire()
        lengths.append(len(made.writer._queue))
    assert max(lengths) < 300
    made.turn()
    gaps = [record for record in records_of(made.folder) if record.kind is Kind.GAP]
    assert max(record.duration for record in gaps) <= made.recording.manifest.target_duration
    assert sum(record.duration for record in gaps) == pytest.approx(1000)
    assert [record.msn for record in gaps] == sorted({record.msn for record in gaps})
    assert max(abs(record.date - 2 * (record.msn - 1000)) for record in gaps) < 0.5
