"""Ordinary MP4 made of fragments where they lie: every packet as it was sent."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import av
import pytest
from hypothesis import given

from madang.base.errors import ParseError
from madang.media.track import AccessUnit
from madang.wire.fmp4 import (
    SampleRun,
    TrackRun,
    TrackTables,
    fragment,
    init_segment,
    movie,
    read_moof,
)
from madang.wire.fmp4.hybrid import HEAD, is_finished
from tests.support.hybrid import finished, finishing, fragments_of, moof_of, unfinished, written
from tests.support.samples import SAMPLES, demux, sample
from tests.wire.fmp4.test_fragments import runs

PAIRS = [("avc-b-frames", "aac"), ("hevc", "opus"), ("vp9", "flac"), ("av1", "ac3")]


def from_zero(units: Sequence[AccessUnit]) -> tuple[AccessUnit, ...]:
    """Return the units with the first decoded at 0."""
    first = units[0].dts
    return tuple(replace(each, dts=each.dts - first, pts=each.pts - first) for each in units)


def with_times(units: Sequence[AccessUnit], rate: int) -> list[tuple[float, bytes]]:
    """Return seconds at which units are shown, and their data, in order of decoding."""
    return [(each.pts / rate, each.data) for each in units]


@given(runs(1), runs(2))
def test_the_reader_finds_what_the_writer_wrote(first: TrackRun, second: TrackRun) -> None:
    data = fragment(1, [first, second])
    for run, seen in zip((first, second), read_moof(moof_of(data)), strict=True):
        assert seen.track_id == run.track_id
        at, time = seen.data_offset, seen.start
        units = []
        columns = zip(seen.durations, seen.sizes, seen.composition_offsets, strict=True)
        for index, (duration, size, offset) in enumerate(columns):
            key = index in seen.sync
            units.append(AccessUnit(time, time + offset, key, data[at : at + size], duration))
            at, time = at + size, time + duration
        assert units == list(run.units)


@pytest.mark.parametrize(("program", "name"), SAMPLES)
def test_every_packet_and_codec_parameter_survives(program: str, name: str, tmp_path: Path) -> None:
    made = sample(program, name)
    path = tmp_path / "made.mp4"
    path.write_bytes(finished([(made.track, made.units)]))
    (seen,) = demux(path)
    assert seen.units == from_zero(made.units)
    assert seen.stream == made.stream


@pytest.mark.parametrize("units_per_run", [1, 10, 1000])
@pytest.mark.parametrize(("video", "audio"), PAIRS)
def test_tracks_stay_in_step_and_begin_at_zero(
    video: str, audio: str, units_per_run: int, tmp_path: Path
) -> None:
    made = [sample("bundled", video), sample("bundled", audio)]
    path = tmp_path / "made.mp4"
    path.write_bytes(finished([(each.track, each.units) for each in made], units_per_run))
    begin = min(min(u.pts for u in each.units) / each.track.timescale for each in made)
    with av.open(str(path)) as container:
        seen: list[list[tuple[float, bytes]]] = [[], []]
        for packet in container.demux():
            if packet.size and packet.pts is not None:
                assert packet.time_base is not None
                at = float(packet.pts * packet.time_base)
                seen[packet.stream.index].append((at, bytes(packet)))
        assert container.start_time == 0
    for each, packets in zip(made, seen, strict=True):
        sent = with_times(each.units, each.track.timescale)
        assert [data for _, data in packets] == [data for _, data in sent]
        for (at, _), (wanted, _) in zip(packets, sent, strict=True):
            assert at == pytest.approx(wanted - begin, abs=1 / 90_000 + 1e-9)


def test_every_picture_decodes_without_a_complaint(tmp_path: Path) -> None:
    made = [sample("bundled", "avc-b-frames"), sample("bundled", "aac")]
    path = tmp_path / "made.mp4"
    path.write_bytes(finished([(each.track, each.units) for each in made]))
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == len(made[0].units)


def test_times_beyond_32_bits_need_no_more_than_the_tables_have(tmp_path: Path) -> None:
    made = sample("bundled", "aac")
    late = [replace(u, dts=u.dts + 2**40, pts=u.pts + 2**40) for u in made.units]
    path = tmp_path / "made.mp4"
    path.write_bytes(finished([(made.track, late)]))
    (seen,) = demux(path)
    assert seen.units == from_zero(made.units)


def test_a_hole_between_two_runs_stays_in_the_stream(tmp_path: Path) -> None:
    made = sample("bundled", "avc")
    rate = made.track.timescale
    hole = 20 * rate
    units = [
        replace(u, dts=u.dts + hole, pts=u.pts + hole) if n >= 14 else u
        for n, u in enumerate(made.units)
    ]
    path = tmp_path / "made.mp4"
    path.write_bytes(finished([(made.track, units)]))
    (seen,) = demux(path)
    times = [u.dts for u in from_zero(units)]
    assert [u.dts for u in seen.units] == times
    assert seen.units[13].duration == made.units[13].duration + hole


@pytest.mark.parametrize("name", ["avc", "avc-b-frames"])
@pytest.mark.parametrize("hours", [7, 20, 40])
def test_a_hole_beyond_32_bits_stays_in_the_stream(tmp_path: Path, hours: int, name: str) -> None:
    made, sound = sample("bundled", name), sample("bundled", "aac")
    content = []
    for each in (made, sound):
        hole = hours * 3600 * each.track.timescale
        units = [
            replace(u, dts=u.dts + hole, pts=u.pts + hole) if n >= 14 else u
            for n, u in enumerate(each.units)
        ]
        content.append((each.track, units))
    path = tmp_path / "made.mp4"
    path.write_bytes(finished(content))
    with av.open(str(path)) as container:
        packets = [
            (packet.stream.index, bytes(packet), float(packet.pts * packet.time_base))
            for packet in container.demux()
            if packet.size and packet.pts is not None and packet.time_base is not None
        ]
    for number, (track, units) in enumerate(content):
        found = [(data, time) for index, data, time in packets if index == number]
        assert [data for data, _ in found] == [unit.data for unit in units]
        times = [unit.pts / track.timescale for unit in units]  # both begin at 0
        assert [time for _, time in found] == pytest.approx(times, abs=1e-4)


def test_runs_that_overlap_keep_the_time_that_follows() -> None:
    table = TrackTables()
    for start in (0, 100, 150, 300):
        table.add(SampleRun(1, start, 8, (50, 50), (1, 1), (0, 0), (0, 1)), 0)
    # The second run was 50 long too much: its last sample takes a tick, the next gives it back.
    (stts,) = (each for each in table.boxes() if each[4:8] == b"stts")
    pairs = struct.iter_unpack(">II", stts[16:])
    durations = [value for count, value in pairs for _ in range(count)]
    starts = [sum(durations[:index]) for index in (0, 2, 4, 6)]
    assert starts == [0, 100, 151, 300]


def test_data_beyond_4_gib_is_found(tmp_path: Path) -> None:
    made = [sample("bundled", "avc-b-frames"), sample("bundled", "aac")]
    hole = (4 << 30) + 300_000_000
    init = init_segment([each.track for each in made])
    pieces = fragments_of([(each.track, each.units) for each in made])
    free = struct.pack(">I4sQ", 1, b"free", hole)
    path = tmp_path / "made.mp4"
    with path.open("wb") as file:
        file.write(unfinished(init, pieces[:-1]) + free)
        file.seek(hole - len(free), os.SEEK_CUR)
        file.write(pieces[-1])
        for each in finishing(init, pieces, hole):
            file.seek(each.offset)
            file.write(each.data)
    assert path.stat().st_size > hole
    seen = demux(path)
    assert [each.units for each in seen] == [from_zero(each.units) for each in made]


def test_the_file_reads_the_same_before_and_after(tmp_path: Path) -> None:
    made = sample("bundled", "avc-b-frames")
    init = init_segment([made.track])
    pieces = fragments_of([(made.track, made.units)])
    before = unfinished(init, pieces)
    path = tmp_path / "made.mp4"
    path.write_bytes(before)
    assert not is_finished(before[: len(HEAD)])
    (seen,) = demux(path)
    assert seen.units == made.units
    after = written(before, finishing(init, pieces))
    assert is_finished(after[: len(HEAD)])
    begin = len(HEAD)
    assert after[begin : len(before)] == before[begin:]


def test_every_mixture_of_old_and_new_bytes_of_the_last_write_reads(tmp_path: Path) -> None:
    made = sample("bundled", "avc")
    init = init_segment([made.track])
    pieces = fragments_of([(made.track, made.units)])
    *first, last = finishing(init, pieces)
    old = written(unfinished(init, pieces), first)
    new = written(old, [last])
    changed = [index for index in range(len(old)) if old[index] != new[index]]
    path = tmp_path / "made.mp4"
    for mixture in product((False, True), repeat=len(changed)):
        data = bytearray(old)
        for index, taken in zip(changed, mixture, strict=True):
            if taken:
                data[index] = new[index]
        path.write_bytes(data)
        (seen,) = demux(path)
        assert [u.data for u in seen.units] == [u.data for u in made.units]


@pytest.mark.parametrize("kind", [b"moov", b"mvhd", b"tkhd", b"mdhd", b"stsd"])
def test_an_init_segment_without_a_box_is_refused(kind: bytes) -> None:
    made = sample("bundled", "avc")
    init = init_segment([made.track])
    table = TrackTables()
    table.add(read_moof(moof_of(fragments_of([(made.track, made.units)])[0]))[0], 0)
    with pytest.raises(ParseError, match="missing"):
        movie(init.replace(kind, b"none"), {1: table})


def test_a_file_without_samples_is_refused() -> None:
    with pytest.raises(ParseError, match="no samples"):
        movie(init_segment([sample("bundled", "avc").track]), {})
