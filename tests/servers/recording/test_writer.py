"""The writer of recordings: what is in the files, what a full or slow disk costs."""

from __future__ import annotations

import asyncio
import errno
import functools
import logging
import os
import random
import threading
from dataclasses import replace
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from madang.live.events import InitChanged, PartAdded, ShowEvent
from madang.live.rendition import SOURCE
from madang.recording.index import Kind, Record
from madang.recording.manifest import MANIFEST
from madang.wire.fmp4.hybrid import is_finished
from madang.wire.hls import parse_media
from tests.support.broadcast import WALL, Broadcast, Encoder, broadcast, new_show
from tests.support.recorder import Recorded, faulty_disk, manifest_of, records_of, repair
from tests.support.samples import demux
from tests.support.small_disks import filled, small_disk

if TYPE_CHECKING:
    from madang.servers.recording.writer import WriterLimits

pytestmark = pytest.mark.usefixtures("station")


@functools.cache
def show() -> Broadcast:
    return broadcast(Encoder(), 9.0)


def parts(events: list[ShowEvent]) -> list[PartAdded]:
    return [event for event in events if isinstance(event, PartAdded)]


def kinds(records: list[Record]) -> list[Kind]:
    """Return the kinds of records, without repetitions and syncs."""
    found = [record.kind for record in records if record.kind is not Kind.SYNCED]
    return [kind for kind, _ in groupby(found)]


def check_media(folder: Path, number: int = 1) -> None:
    """Every part in the index is in the file, where the index says so."""
    data = (folder / SOURCE / f"{number}.mp4").read_bytes()
    sent = {(e.msn, e.index): e.file.body for e in parts(show().events)}
    for record in records_of(folder, number=number):
        if record.kind is Kind.PART:
            assert data[record.offset : record.end] == sent[record.msn, record.index]


def limits(**values: float) -> WriterLimits:
    from madang.servers.recording.writer import WriterLimits

    return replace(WriterLimits(reserve=0), **values)  # type: ignore[arg-type]


def test_a_show_becomes_a_finished_mp4_and_a_row(tmp_path: Path) -> None:
    made = Recorded(tmp_path)
    made.take(show().events)
    made.turn()
    check_media(made.folder)
    assert (made.folder / "lock").exists()
    assert manifest_of(made.folder).ended_at is None
    made.turn(2.0)
    assert records_of(made.folder)[-1].kind is Kind.SYNCED
    made.end()
    manifest = manifest_of(made.folder)
    assert manifest.ended_at == WALL + 100
    (rendition,) = manifest.renditions
    assert rendition.bitrate >= rendition.average_bitrate > 0
    path = made.folder / SOURCE / "1.mp4"
    for track, units in zip(demux(path), show().viewer.all_units().values(), strict=True):
        assert [unit.data for unit in track.units] == [unit.data for unit in units]
    (result,) = made.rows.finished.values()
    assert result.bytes == path.stat().st_size
    assert result.duration == pytest.approx(sum(e.duration for e in parts(show().events)))
    assert result.gaps == 0
    assert not (made.folder / "lock").exists()
    assert made.writer.counters.in_progress == 0


def test_a_changed_init_begins_another_file(tmp_path: Path) -> None:
    made = Broadcast(new_show())
    made.connect()
    made.send(Encoder().stream(4.0))
    made.leave()
    made.connect()
    made.send(Encoder(rate=Fraction(30), audio=False).stream(4.0))
    made.end()
    recorded = Recorded(tmp_path)
    recorded.take(made.events)
    recorded.turn()
    recorded.end()
    (rendition,) = manifest_of(recorded.folder).renditions
    assert len(rendition.files) == 2
    seen = [
        [unit.data for unit in demux(recorded.folder / SOURCE / f"{number}.mp4")[0].units]
        for number in (1, 2)
    ]
    assert seen[0] + seen[1] == [unit.data for unit in made.viewer.all_units()[1]]


def test_a_full_disk_becomes_a_gap_and_recording_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk = faulty_disk()
    made = Recorded(tmp_path, disk=disk)
    events = show().events
    cut = len(events) // 2
    made.take(events[: cut - 10])
    made.turn()
    disk.limit = 700  # type: ignore[attr-defined]  # in the middle of a part
    with caplog.at_level(logging.INFO):
        made.take(events[cut - 10 : cut])
        made.turn()
        made.turn()
        disk.limit = 1 << 40  # type: ignore[attr-defined]
        made.take(events[cut:])
        made.turn(5.0)
        made.end()
    assert caplog.text.count("parts are missing: No space left on device") == 1
    assert kinds(records_of(made.folder)) == [Kind.INIT, Kind.PART, Kind.GAP, Kind.PART]
    check_media(made.folder)
    (result,) = made.rows.finished.values()
    assert 0 < result.gaps < 4
    assert result.gaps == pytest.approx(made.writer.counters.gaps)
    assert result.duration == pytest.approx(sum(e.duration for e in parts(events)))
    assert demux(made.folder / SOURCE / "1.mp4")


def test_the_reserve_is_left_alone_and_the_log_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    free = [1_000_000]
    made = Recorded(tmp_path, limits(reserve=900_000, resume=1000), faulty_disk(lambda: free[0]))
    events = show().events
    third = len(events) // 3
    with caplog.at_level(logging.INFO):
        made.take(events[:third])
        made.turn()
        free[0] = 900_000
        for at in range(third, 2 * third):
            made.take(events[at : at + 1])
            made.turn(1.0)
        free[0] = 2_000_000
        made.turn(1.0)
        made.take(events[2 * third :])
        made.turn()
        made.end()
    assert caplog.text.count("the disk is full but for the reserve") == 1
    assert caplog.text.count("there is space again") == 1
    assert kinds(records_of(made.folder)) == [Kind.INIT, Kind.PART, Kind.GAP, Kind.PART]
    check_media(made.folder)


def test_a_stopped_thread_costs_gaps_and_never_waits(tmp_path: Path) -> None:
    made = Recorded(tmp_path, limits(queue_seconds=3.0))
    events = show().events
    made.take(events[:8])
    made.turn()
    for event in events[8:]:  # the thread does nothing meanwhile
        if isinstance(event, PartAdded):
            made.clock.advance(event.duration)
        made.take([event])
        made.writer.expire()
    made.turn()
    records = records_of(made.folder)
    assert kinds(records) == [Kind.INIT, Kind.PART, Kind.GAP, Kind.PART]
    kept = [r for r in records if r.kind is Kind.PART]
    assert sum(r.duration for r in kept[-8:]) < 3.5
    assert len(kept) + 3 < len(parts(events))
    made.end()
    check_media(made.folder)


def test_a_write_that_hangs_holds_up_nobody(tmp_path: Path) -> None:
    disk = faulty_disk()
    made = Recorded(tmp_path, limits(queue_seconds=3.0, batch_seconds=0.01), disk)
    events = show().events
    hangs, goes_on = threading.Event(), threading.Event()

    def hang() -> None:
        hangs.set()
        assert goes_on.wait(20)

    made.take(events[:8])
    made.turn()
    disk.before = hang  # type: ignore[attr-defined]
    made.writer.start()
    made.take(events[8:12])
    assert hangs.wait(20)
    for event in events[12:]:  # each is taken at once, whatever the disk does
        made.clock.advance(0.3)
        made.take([event])
        made.writer.expire()
    goes_on.set()
    made.writer.finish(made.recording, WALL + 100)
    asyncio.run(made.writer.close(20))
    assert kinds(records_of(made.folder)) == [Kind.INIT, Kind.PART, Kind.GAP, Kind.PART]
    check_media(made.folder)
    assert made.rows.finished


def test_a_disk_that_is_filled_by_others(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 4) as folder:
        made = Recorded(folder, limits(resume=1000))
        events = show().events
        third = len(events) // 3
        made.take(events[:third])
        made.turn()
        with filled(folder):
            for event in events[third : 2 * third]:
                made.take([event])
                made.turn(1.5)
        made.turn(1.5)
        made.take(events[2 * third :])
        made.turn(1.5)
        made.end()
        assert kinds(records_of(made.folder)) == [Kind.INIT, Kind.PART, Kind.GAP, Kind.PART]
        check_media(made.folder)
        assert demux(made.folder / SOURCE / "1.mp4")
        (result,) = made.rows.finished.values()
        assert result.gaps > 0


def test_what_does_not_fit_into_the_queue_is_a_gap(tmp_path: Path) -> None:
    made = Recorded(tmp_path, limits(queue_bytes=3000))
    made.take(show().events)
    made.turn()
    records = records_of(made.folder)
    assert kinds(records) == [Kind.INIT, Kind.PART, Kind.GAP]
    assert sum(record.size for record in records if record.kind is Kind.PART) <= 3000


def test_records_of_gaps_wait_until_the_index_can_be_written(tmp_path: Path) -> None:
    disk = faulty_disk()
    made = Recorded(tmp_path, disk=disk)
    disk.limit = 0  # type: ignore[attr-defined]
    events = show().events
    made.take(events[:30])
    made.turn()
    made.turn(2.0)
    assert not (made.folder / SOURCE / "1.mp4").read_bytes()
    disk.limit = 1 << 40  # type: ignore[attr-defined]
    made.turn(2.0)
    made.take(events[30:])
    made.turn()
    made.end()
    assert kinds(records_of(made.folder)) == [Kind.INIT, Kind.GAP, Kind.PART]
    check_media(made.folder)
    assert made.rows.finished


def test_media_is_not_kept_in_memory_while_the_index_cannot_be_written(tmp_path: Path) -> None:
    disk = faulty_disk()
    made = Recorded(tmp_path, disk=disk)
    events = show().events
    made.take(events[:20])
    made.turn()
    (file,) = made.recording._files[SOURCE]
    index, write = file._index, disk.write

    def fail(descriptor: int, data: bytes | memoryview, offset: int) -> int:
        if descriptor == index:
            raise OSError(errno.EIO, "Input/output error")
        return write(descriptor, data, offset)

    disk.write = fail  # type: ignore[method-assign]
    made.take(events[20:])
    made.turn(2.0)
    assert any(append.record.size for append in file._waiting)
    assert not any(append.data for append in file._waiting)
    disk.write = write  # type: ignore[method-assign]
    made.turn(2.0)
    made.end()
    assert kinds(records_of(made.folder)) == [Kind.INIT, Kind.PART]
    check_media(made.folder)


def test_finishing_waits_for_space(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    disk = faulty_disk()
    made = Recorded(tmp_path, disk=disk)
    made.take(show().events)
    made.turn()
    made.turn(2.0)
    disk.limit = 100  # type: ignore[attr-defined]
    made.end(turns=40)
    path = made.folder / SOURCE / "1.mp4"
    assert not made.rows.finished
    assert path.stat().st_size == records_of(made.folder)[-1].offset
    assert caplog.text.count("it is finished later") == 1
    disk.limit = 1 << 40  # type: ignore[attr-defined]
    for _ in range(24):
        made.turn()
    assert made.rows.finished
    assert is_finished(path.read_bytes()[:44])


def test_nothing_to_play_is_a_failure_in_words(tmp_path: Path) -> None:
    made = Recorded(tmp_path)
    made.take(event for event in show().events if isinstance(event, InitChanged))
    made.turn()
    made.end()
    assert made.rows.failed == {"3kYfG8sQ1abZ": "Nothing was recorded that can be played."}
    assert not made.rows.finished


@pytest.mark.parametrize(("late", "kept"), [(0.0, True), (5.0, False)])
def test_a_rendition_that_does_not_cover_the_show_is_dropped(
    tmp_path: Path, late: float, kept: bool
) -> None:
    made = Recorded(tmp_path)
    began = parts(show().events)[0].date
    for event in show().events:
        made.take([event])
        if isinstance(event, InitChanged):
            made.take([replace(event, rendition="180p")])
        if isinstance(event, PartAdded) and (event.date - began).total_seconds() >= late:
            made.take([replace(event, rendition="180p")])
    made.turn()
    made.end()
    names = [SOURCE, "180p"] if kept else [SOURCE]
    (result,) = made.rows.finished.values()
    assert [rendition.name for rendition in result.renditions] == names
    # Viewers who have it see the end first.
    manifest = manifest_of(made.folder)
    assert [each.incomplete for each in manifest.renditions] == [False, not kept]
    for seconds, there in ((WALL + 699, True), (WALL + 701, kept)):
        repair(tmp_path, made.rows, wall=lambda seconds=seconds: seconds)
        assert (made.folder / "180p" / "1.mp4").exists() == there
    assert [each.name for each in manifest_of(made.folder).renditions] == names


def test_a_temporary_recording_goes_after_a_while(tmp_path: Path) -> None:
    made = Recorded(tmp_path)
    made.recording.manifest = replace(made.recording.manifest, temporary=True)
    made.take(show().events)
    made.turn()
    made.end()
    made.turn(500)
    assert made.folder.exists()
    made.turn(100)
    made.turn(100)
    assert not made.folder.exists()
    assert made.rows.discarded == ["3kYfG8sQ1abZ"]


def test_a_temporary_recording_stays_while_somebody_watches_its_end(tmp_path: Path) -> None:
    made = Recorded(tmp_path)
    made.recording.manifest = replace(made.recording.manifest, temporary=True, began_at=WALL - 9000)
    made.take(show().events)
    made.turn()
    made.end()
    for _ in range(20):
        os.utime(made.folder, (made.clock.seconds, made.clock.seconds))
        made.turn(500)
        assert made.folder.exists() == (made.clock.seconds < WALL + 9100)
        if not made.folder.exists():
            break
    assert made.rows.discarded == ["3kYfG8sQ1abZ"]


def test_a_temporary_recording_goes_from_a_disk_that_stays_full(tmp_path: Path) -> None:
    disk = faulty_disk()
    made = Recorded(tmp_path, disk=disk)
    made.recording.manifest = replace(made.recording.manifest, temporary=True)
    made.take(show().events)
    made.turn()
    disk.limit = 100  # type: ignore[attr-defined]
    made.end()
    for _ in range(140):
        made.turn(10.0)
    assert not made.rows.finished
    assert made.rows.discarded == ["3kYfG8sQ1abZ"]
    assert not made.folder.exists()
    assert made.writer.counters.in_progress == 0


def test_a_playlist_names_only_what_is_in_the_file(tmp_path: Path) -> None:
    """Whatever the disk does, also in the middle of a write."""
    from madang.servers.vod.reader import Form
    from madang.servers.vod.recording import Recording

    disk = faulty_disk()
    made = Recorded(tmp_path, disk=disk)
    reader = Recording(made.folder)
    sent = b"".join(e.file.body for e in parts(show().events))
    seen = 0

    def look() -> None:
        nonlocal seen
        if not (made.folder / MANIFEST).exists():
            return
        reader.load(made.clock.seconds)
        reader.read(SOURCE, made.clock.seconds)
        if reader.reader(SOURCE).playlist is None:
            return
        data = (made.folder / SOURCE / "1.mp4").read_bytes()
        for segment in parse_media(reader.reader(SOURCE).text(Form()).body.decode()).segments:
            if segment.byte_range is not None:
                at, length = segment.byte_range.offset, segment.byte_range.length
                assert len(data) >= at + length
                assert data[at : at + length] in sent
                seen += 1

    disk.before = look  # type: ignore[attr-defined]
    chance = random.Random(3)
    for event in show().events:
        disk.limit = chance.choice((1 << 40, 300))  # type: ignore[attr-defined]
        made.take([event])
        made.turn(0.4)
    disk.limit = 1 << 40  # type: ignore[attr-defined]
    made.turn(2.0)
    made.end()
    look()
    assert seen > 20
    assert reader.reader(SOURCE).ended
