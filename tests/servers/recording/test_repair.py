"""Recordings that a crash cut off, and the next start."""

from __future__ import annotations

import fcntl
import functools
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from madang.live.events import InitChanged, PartAdded
from madang.live.rendition import SOURCE
from madang.recording.index import Kind
from madang.recording.manifest import MANIFEST, encode
from madang.wire.fmp4.hybrid import is_finished
from tests.support.broadcast import Broadcast, Encoder, broadcast
from tests.support.recorder import (
    MemoryRows,
    Recorded,
    faulty_disk,
    manifest_of,
    records_of,
    repair,
)
from tests.support.samples import demux
from tests.support.sizes import sized
from tests.support.station import ROOT

pytestmark = pytest.mark.usefixtures("station")

NAME = "3kYfG8sQ1abZ"
SEEDS = sized(6, 40)
KILLS = sized(5, 60)


@functools.cache
def show() -> Broadcast:
    return broadcast(Encoder(), 9.0)


def parts() -> list[PartAdded]:
    return [event for event in show().events if isinstance(event, PartAdded)]


def unfinished(root: Path) -> Path:
    """Return the folder of a recording whose process is gone."""
    made = Recorded(root)
    for event in show().events:
        made.take([event])
        made.turn(0.3)
    made.recording.close()
    return made.folder


def check(folder: Path, rows: MemoryRows, at_least: int) -> None:
    """The recording is finished and has so many whole parts, and every packet of them."""
    records = [r for r in records_of(folder) if r.kind is Kind.PART]
    assert len(records) >= at_least
    path = folder / SOURCE / "1.mp4"
    data = path.read_bytes()
    assert is_finished(data[:44])
    for record, part in zip(records, parts(), strict=False):
        assert data[record.offset : record.end] == part.file.body
    sent = [unit.data for unit in show().viewer.all_units()[1]]
    seen = [unit.data for unit in demux(path)[0].units]
    assert seen == sent[: len(seen)]
    manifest = manifest_of(folder)
    assert manifest.ended_at == pytest.approx(records[-1].date + records[-1].duration)
    assert manifest.renditions[0].bitrate > 0
    assert rows.finished[NAME].duration == pytest.approx(sum(r.duration for r in records))
    assert not (folder / "lock").exists()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_file_cut_anywhere_is_repaired(seed: int, tmp_path: Path) -> None:
    folder = unfinished(tmp_path)
    chance = random.Random(seed)
    records = records_of(folder)
    data, index = folder / SOURCE / "1.mp4", folder / SOURCE / "1.index"
    if seed % 2:
        cut = chance.randrange(records[1].end, data.stat().st_size)
        whole = sum(r.end <= cut for r in records if r.kind is Kind.PART)
        data.write_bytes(data.read_bytes()[:cut])
    else:
        cut = chance.randrange(200, index.stat().st_size)
        index.write_bytes(index.read_bytes()[:cut])
        whole = sum(r.kind is Kind.PART for r in records_of(folder))
    rows = MemoryRows()
    assert repair(tmp_path, rows) == 0
    check(folder, rows, whole)
    before = data.read_bytes(), index.read_bytes(), (folder / MANIFEST).read_bytes()
    (folder / "lock").touch()
    again = MemoryRows()
    assert repair(tmp_path, again) == 0
    assert (data.read_bytes(), index.read_bytes(), (folder / MANIFEST).read_bytes()) == before
    assert again.finished == rows.finished


def test_a_process_that_is_killed_loses_one_part_at_most(tmp_path: Path) -> None:
    """At any operation on the disk, half done or not, while the show is on and at its end."""
    folders = [tmp_path / str(number) for number in range(KILLS)]
    for root in folders:
        root.mkdir()
    program = [sys.executable, "-m", "tests.support.recorder"]
    subprocess.run([*program, *map(str, folders)], cwd=ROOT, check=True)
    for root in folders:
        rows = MemoryRows()
        assert repair(root, rows) == 0
        sent = int((root / "sent").read_text()) if (root / "sent").exists() else 0
        if rows.finished:
            check(root / NAME, rows, sent - 1)
        elif not (root / NAME / SOURCE).exists() or rows.failed:
            assert sent <= 1
        else:  # it was killed behind the end
            assert manifest_of(root / NAME).ended_at is not None


def test_what_is_being_written_is_left_alone(tmp_path: Path) -> None:
    folder = unfinished(tmp_path)
    before = (folder / SOURCE / "1.mp4").read_bytes()
    rows = MemoryRows()
    with (folder / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert repair(tmp_path, rows) == 1
    assert (folder / SOURCE / "1.mp4").read_bytes() == before
    assert repair(tmp_path, rows) == 0
    check(folder, rows, len(parts()))


def test_a_row_that_was_not_told_is_told_again(tmp_path: Path) -> None:
    made = Recorded(tmp_path)
    made.take(show().events)
    made.turn()
    made.end()
    rows = MemoryRows()
    repair(tmp_path, rows)
    assert not rows.finished  # it was told
    (made.folder / "lock").touch()
    repair(tmp_path, rows)
    assert rows.finished == made.rows.finished


def test_a_recording_without_a_part_fails_in_words(tmp_path: Path) -> None:
    made = Recorded(tmp_path)
    made.take(event for event in show().events if isinstance(event, InitChanged))
    made.turn()
    made.recording.close()
    empty = tmp_path / "3kYfG8sQ1abc"
    empty.mkdir()
    (empty / "lock").touch()
    rows = MemoryRows()
    assert repair(tmp_path, rows) == 0
    assert set(rows.failed) == {NAME, empty.name}
    assert not empty.exists()
    assert manifest_of(made.folder).ended_at is not None
    assert repair(tmp_path, rows) == 0


def test_a_file_that_the_disk_did_not_take_does_not_hold_up_the_others(tmp_path: Path) -> None:
    folder = unfinished(tmp_path)
    manifest = manifest_of(folder)
    (source,) = manifest.renditions
    for suffix in ("mp4", "index"):
        shutil.copy(folder / SOURCE / f"1.{suffix}", folder / SOURCE / f"3.{suffix}")
    renditions = (replace(source, files=source.files * 3),)
    (folder / MANIFEST).write_bytes(encode(replace(manifest, renditions=renditions)))
    rows = MemoryRows()
    assert repair(tmp_path, rows) == 0
    sizes = [(folder / SOURCE / f"{number}.mp4").stat().st_size for number in (1, 3)]
    assert rows.finished[NAME].bytes == sum(sizes)


def test_a_smaller_rendition_that_lacks_much_is_dropped(tmp_path: Path) -> None:
    folder = unfinished(tmp_path)
    manifest = manifest_of(folder)
    shutil.copytree(folder / SOURCE, folder / "180p")
    shutil.copytree(folder / SOURCE, folder / "90p")
    index = folder / "90p" / "1.index"
    index.write_bytes(index.read_bytes()[: index.stat().st_size // 2])
    (source,) = manifest.renditions
    renditions = (source, replace(source, name="180p"), replace(source, name="90p"))
    (folder / MANIFEST).write_bytes(encode(replace(manifest, renditions=renditions)))
    rows = MemoryRows()
    repair(tmp_path, rows)
    assert [each.name for each in manifest_of(folder).renditions] == [SOURCE, "180p"]
    assert not (folder / "90p").exists()
    check(folder, rows, len(parts()))


def test_what_was_kept_for_its_show_only_goes(tmp_path: Path) -> None:
    folder = unfinished(tmp_path)
    manifest = replace(manifest_of(folder), temporary=True)
    (folder / MANIFEST).write_bytes(encode(manifest))
    other = tmp_path / "not-a-recording"
    other.mkdir()
    rows = MemoryRows()
    repair(tmp_path, rows)
    assert rows.discarded == [NAME]
    assert not folder.exists()
    assert other.exists()


def test_what_was_kept_for_its_show_only_goes_from_a_full_disk(tmp_path: Path) -> None:
    folder = unfinished(tmp_path)
    manifest = replace(manifest_of(folder), temporary=True)
    (folder / MANIFEST).write_bytes(encode(manifest))
    disk = faulty_disk()
    disk.limit = 100  # type: ignore[attr-defined]
    rows = MemoryRows()
    assert repair(tmp_path, rows, disk) == 1
    assert not rows.finished
    assert rows.discarded == [NAME]
    assert not folder.exists()


def test_a_recording_whose_folder_is_gone_fails_in_words(tmp_path: Path) -> None:
    from madang.servers.recording.repair import FILES_GONE
    from madang.servers.recording.summary import start_of

    made = Recorded(tmp_path)
    rows = MemoryRows(begun=[start_of(made.recording.manifest)])
    repair(tmp_path, rows, writes=made.writer.writes)
    assert not rows.failed
    assert repair(tmp_path, rows) == 0
    assert rows.failed == {NAME: FILES_GONE}


def test_a_folder_that_a_recorder_has_just_taken_is_not_removed(tmp_path: Path) -> None:
    folder = tmp_path / NAME
    folder.mkdir()
    told: list[Callable[[], None]] = []
    rows = MemoryRows()
    rows.lose = lambda recording_id, reason, remove: told.append(remove)  # type: ignore[method-assign]
    assert repair(tmp_path, rows) == 0
    (remove,) = told
    with (folder / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        remove()
        assert folder.exists()
    (folder / MANIFEST).touch()
    remove()
    assert folder.exists()
    (folder / MANIFEST).unlink()
    remove()
    assert not folder.exists()


def test_repairs_go_on_while_the_station_runs() -> None:
    from madang.servers.recording.repair import repair_while_running

    left = iter([2, 1, 1, *[1] * 8, 0, 1, 0])
    pauses: list[float] = []

    def run() -> int:
        if len(pauses) == 2:
            pauses.append(0)
            raise OSError
        return next(left)

    def wait(seconds: float) -> bool:
        pauses.append(seconds)
        return len(pauses) == 16

    repair_while_running(run, wait)
    assert pauses[:2] == [60, 120]
    assert pauses[3:8] == [240, 480, 960, 1920, 3600]
    assert pauses[-3:] == [3600, 60, 3600]
