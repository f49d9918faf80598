"""Recordings of whole shows: the parts that viewers got, their playlist, the finished file."""

from __future__ import annotations

import functools
import gzip
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest

from madang.base.errors import ParseError
from madang.live.rendition import SOURCE
from madang.media.track import AccessUnit
from madang.recording.file import RecordingFile
from madang.recording.index import MAGIC, RECORD_SIZE, Kind, Record, Row, decode, encode, rows
from madang.recording.playlist import RecordingPlaylist, SegmentReader
from madang.recording.repair import repair
from madang.wire.fmp4.hybrid import HEAD
from madang.wire.hls import MediaPlaylist, apply_delta, parse_media
from tests.support.broadcast import Broadcast, Encoder, broadcast, new_show
from tests.support.fmp4 import read_fragment
from tests.support.recordings import MemoryRecording, begun, recorded
from tests.support.samples import demux

ENCODER = Encoder()
SECONDS = 9.0


@functools.cache
def show() -> Broadcast:
    return broadcast(ENCODER, SECONDS)


def recording() -> MemoryRecording:
    (made,) = recorded(show().events, SOURCE)
    return made


def rows_of(*records: Record) -> Iterator[Row]:
    return rows(b"".join(map(encode, records)))


def playlist_of(records: Sequence[Record], *, ended: bool = True) -> RecordingPlaylist:
    made = RecordingPlaylist(4)
    reader = SegmentReader("source.mp4")
    made.add(reader.read(rows_of(*records)))
    made.add(reader.finish())
    made.ended = ended
    return made


def units_by_ranges(data: bytes, playlist: MediaPlaylist) -> dict[int, list[AccessUnit]]:
    """Return the units of each track, read as an HLS player does."""
    found: dict[int, list[AccessUnit]] = {}
    for segment in playlist.segments:
        assert segment.byte_range is not None
        at = segment.byte_range.offset
        end = at + segment.byte_range.length
        while at < end:
            size = sum(int.from_bytes(data[n : n + 4], "big") for n in _boxes(data, at))
            for track, units in read_fragment(data[at : at + size]).items():
                found.setdefault(track, []).extend(units)
            at += size
        assert at == end
    return found


def _boxes(data: bytes, at: int) -> tuple[int, int]:
    return at, at + int.from_bytes(data[at : at + 4], "big")


def test_the_file_has_what_viewers_got_before_and_after_it_is_finished(tmp_path: Path) -> None:
    made = recording()
    playlist = parse_media(playlist_of(made.records).body().decode())
    sent = show().viewer.all_units()
    assert units_by_ranges(bytes(made.data), playlist) == sent
    path = tmp_path / "recording.mp4"
    path.write_bytes(made.data)
    growing = demux(path)
    made.finish()
    assert units_by_ranges(bytes(made.data), playlist) == sent
    path.write_bytes(made.data)
    for before, after, units in zip(growing, demux(path), sent.values(), strict=True):
        assert [u.data for u in before.units] == [u.data for u in units]
        assert after.units == tuple(
            replace(u, dts=u.dts - units[0].dts, pts=u.pts - units[0].dts) for u in units
        )


def test_the_playlist_says_of_segments_what_the_live_one_said() -> None:
    playlist = parse_media(playlist_of(recording().records).body().decode())
    live = [show().viewer.segments[msn] for msn in sorted(show().viewer.segments)]
    assert playlist.playlist_type == "EVENT"
    assert playlist.ended
    assert len(playlist.segments) == len(live)
    for kept, listed in zip(playlist.segments, live, strict=True):
        assert kept.duration == pytest.approx(listed.duration, abs=1e-4)
        assert kept.program_date_time == listed.program_date_time
        assert kept.discontinuity == listed.discontinuity
        assert kept.duration < playlist.target_duration + 0.5
    spans = [segment.byte_range for segment in playlist.segments]
    for before, after in pairwise(spans):
        assert before is not None
        assert after is not None
        assert before.offset + before.length == after.offset


def test_delta_updates_and_compressed_text_say_the_same_while_it_grows() -> None:
    growing = RecordingPlaylist(1)
    reader = SegmentReader("source.mp4")
    record = Record(Kind.PART, size=10, duration=1.0, date=1_800_000_000.0)
    growing.add(reader.read(rows_of(Record(Kind.INIT, 44, 700))))
    previous = parse_media(growing.body().decode())
    for number in range(40):
        part = replace(record, msn=number, offset=744 + 10 * number, date=record.date + number)
        growing.add(reader.read(rows_of(part)))
        body = growing.body()
        assert gzip.decompress(growing.gzip()) == body
        full = parse_media(body.decode())
        delta = parse_media(growing.delta().decode())
        assert apply_delta(previous, delta) == full
        assert len(delta.segments) <= 8
        previous = full
    growing.ended = True
    assert parse_media(growing.delta().decode()) == replace(previous, ended=True)
    assert gzip.decompress(growing.gzip()).endswith(b"#EXT-X-ENDLIST\n")


def test_a_missing_part_is_a_gap_of_its_own() -> None:
    reader = SegmentReader("a.mp4")
    part = Record(Kind.PART, size=10, duration=0.5)
    records = [
        Record(Kind.INIT, 44, 56),
        replace(part, offset=100, msn=7),
        replace(part, offset=110, msn=7, index=1),
        replace(part, kind=Kind.GAP, offset=120, size=0, msn=7, index=2),
        replace(part, kind=Kind.GAP, offset=120, size=0, msn=7, index=3),
        replace(part, offset=120, msn=8),
    ]
    segments = [*reader.read(rows_of(*records)), *reader.finish()]
    assert reader.end == 130
    assert [(each.gap, each.duration) for each in segments] == [
        (False, 1.0),
        (True, 1.0),
        (False, 0.5),
    ]
    assert segments[1].byte_range is None
    assert segments[0].map_range == segments[2].map_range


def test_a_changed_configuration_begins_another_file() -> None:
    made = Broadcast(new_show())
    made.connect()
    made.send(ENCODER.stream(5.0))
    made.leave()
    made.connect()
    made.send(Encoder(rate=Fraction(30), audio=False).stream(5.0))
    made.end()
    files = recorded(made.events, SOURCE)
    assert len(files) == 2
    sent: list[bytes] = []
    for each in files:
        units = units_by_ranges(
            bytes(each.data), parse_media(playlist_of(each.records).body().decode())
        )
        sent += [unit.data for unit in units[1]]
    assert sent == [unit.data for unit in made.viewer.all_units()[1]]


@pytest.mark.parametrize("seed", range(20))
def test_a_file_cut_anywhere_loses_no_part_that_was_written(seed: int, tmp_path: Path) -> None:
    made = recording()
    ends = [record.end for record in made.records]
    cut = random.Random(seed).randrange(ends[0], len(made.data))
    whole = sum(end <= cut for end in ends)
    listed = decode(bytes(made.index[: len(MAGIC) + RECORD_SIZE * (whole + seed % 2)]))
    data = bytearray(made.data[:cut])

    def read(offset: int, size: int) -> bytes:
        return bytes(data[offset : offset + size])

    repaired = repair(read, len(data), listed)
    assert len(repaired.records) == whole
    assert repaired.end == ends[whole - 1]
    assert not repaired.finished
    assert repair(read, len(data), listed) == repaired
    del data[repaired.end :]
    if whole == 1:
        return
    file = RecordingFile.resume(repaired, read)
    for each in file.finish():
        data[each.offset : each.offset + len(each.data)] = each.data
    assert repair(read, len(data), listed).finished
    path = tmp_path / "repaired.mp4"
    path.write_bytes(data)
    with av.open(str(path)) as container:
        pictures = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    assert pictures == [u.data for u in show().viewer.all_units()[1]][: len(pictures)]
    kept = parse_media(playlist_of(repaired.records).body().decode())
    assert len(pictures) == len(units_by_ranges(bytes(made.data), kept)[1])


def test_the_end_of_the_show_can_be_cut_at_every_write(tmp_path: Path) -> None:
    made = recording()
    sent = [unit.data for unit in show().viewer.all_units()[1]]
    before = bytes(made.data)
    made.finish()
    writes = made.log[-3:]
    listed = decode(bytes(made.index))
    path = tmp_path / "cut.mp4"
    for done in range(len(writes) + 1):
        for share in (0.0, 0.5):
            data = bytearray(before)
            for each in writes[:done]:
                data[each.offset : each.offset + len(each.data)] = each.data
            if done < len(writes):
                half = writes[done].data[: int(len(writes[done].data) * share)]
                data[writes[done].offset : writes[done].offset + len(half)] = half
            path.write_bytes(data)
            with av.open(str(path)) as container:
                seen = [bytes(packet) for packet in container.demux(video=0) if packet.size]
            assert seen == sent

            def read(offset: int, size: int, data: bytearray = data) -> bytes:
                return bytes(data[offset : offset + size])

            repaired = repair(read, len(data), listed)
            assert repaired.finished == (done == len(writes))
            assert len(repaired.records) == len(listed)


def test_zeros_behind_the_last_sync_are_noticed() -> None:
    made = recording()
    ends = [record.end for record in made.records]
    index = bytes(made.index) + made.file.synced(ends[5])
    data = bytearray(made.data)
    data[ends[8] - 20 : ends[8]] = bytes(20)

    def read(offset: int, size: int) -> bytes:
        return bytes(data[offset : offset + size])

    repaired = repair(read, len(data), decode(index))
    assert repaired.end == ends[7]


def test_a_torn_record_ends_the_index() -> None:
    records = [Record(Kind.PART, offset=each, size=1, msn=each) for each in range(5)]
    data = MAGIC + b"".join(map(encode, records))
    assert decode(data) == records
    assert decode(data[:-1]) == records[:-1]
    torn = bytearray(data)
    torn[len(MAGIC) + 3 * RECORD_SIZE + 5] ^= 1
    assert decode(bytes(torn)) == records[:3]


def test_what_is_no_recording_is_refused() -> None:
    made = begun(b"init")
    listed = decode(bytes(made.index))
    for data, records in (
        (b"", listed),
        (bytes(100), listed),
        (bytes(made.data[:-1]), listed),
        (bytes(made.data), []),
    ):
        with pytest.raises(ParseError):
            repair(lambda at, size, data=data: data[at : at + size], len(data), records)
    with pytest.raises(ParseError, match="no index"):
        decode(b"anything")
    assert len(HEAD) < len(made.data)
