"""Trimmed recordings: where they are cut, and the ordinary MP4 of what is left."""

from __future__ import annotations

import functools
from itertools import accumulate, pairwise
from pathlib import Path

import av
import pytest

from madang.live.rendition import SOURCE
from madang.recording.index import MAGIC, Kind, Record, decode, encode
from madang.recording.trim import Cut, FileSpan, NothingLeft, Trim, cut
from madang.wire.fmp4 import TrackRun, fragment, init_segment
from madang.wire.fmp4.excerpt import head_of_excerpt
from madang.wire.fmp4.hybrid import HEAD, moov_offset
from madang.wire.fmp4.reader import box_header
from tests.support.broadcast import Broadcast, Encoder, broadcast, new_show
from tests.support.fmp4 import end_of
from tests.support.hybrid import finishing, unfinished, written
from tests.support.recordings import MemoryRecording, recorded
from tests.support.samples import sample

BEGAN = 1_800_000_000.0


def index(*parts: tuple[float, str], offset: int = 100, date: float = BEGAN) -> bytes:
    """Return an index: length in seconds and kind of each part. k: begins with a key frame, p: does
    not, g: is missing. Each part has 10 bytes, each key frame begins a segment."""
    records = [Record(Kind.INIT, 44, offset - 44)]
    msn = 0
    for duration, kind in parts:
        gap = kind == "g"
        msn += kind == "k"
        records.append(
            Record(
                Kind.GAP if gap else Kind.PART,
                offset,
                0 if gap else 10,
                msn=msn,
                duration=duration,
                date=date,
                independent=kind == "k",
            )
        )
        offset += 0 if gap else 10
        date += duration
    records.append(Record(Kind.SYNCED, offset))
    return MAGIC + b"".join(map(encode, records))


EVEN = [(1.0, "k"), (1.0, "p")] * 5


def edges(made: Cut, name: str = SOURCE) -> list[tuple[int, int, int]]:
    return [(span.number, span.begin, span.end) for span in made.renditions[name].files]


@pytest.mark.parametrize(
    ("trim", "start", "end"),
    [
        (Trim(2.0, 6.0), 2.0, 6.0),
        (Trim(1.2, 6.9), 2.0, 6.0),  # never outside of what is wanted
        (Trim(2.04, 5.96), 2.0, 6.0),  # but for rounding
        (Trim(2.1, 3.1), None, None),
        (Trim(None, 1.0), 0.0, 1.0),
        (Trim(9.0, None), None, None),  # no key frame follows
        (Trim(8.0, None), 8.0, 10.0),
        (Trim(0.0, 99.0), 0.0, 10.0),
        (Trim(4.0, 4.0), None, None),
        (Trim(50.0, None), None, None),
    ],
)
def test_a_cut_is_where_parts_begin_and_end(
    trim: Trim, start: float | None, end: float | None
) -> None:
    indexes = {SOURCE: [index(*EVEN)]}
    if start is None or end is None:
        with pytest.raises(NothingLeft):
            cut(indexes, trim)
        return
    made = cut(indexes, trim)
    leading = made.leading
    assert (leading.start, leading.end) == (start, end)
    assert (leading.began_at, leading.ended_at) == (BEGAN + start, BEGAN + end)
    assert edges(made) == [(1, 100 + 10 * int(start), 100 + 10 * int(end))]
    assert leading.bytes == 10 * (end - start)


def test_renditions_are_cut_at_the_same_dates() -> None:
    indexes = {
        SOURCE: [index(*EVEN)],
        "360p": [index(*EVEN[2:], date=BEGAN + 2)],  # a transcoder starts late
        "sound": [index(*[(0.5, "k")] * 20)],
        "late": [index((1.0, "k"), date=BEGAN + 9)],
    }
    made = cut(indexes, Trim(3.5, 8.0))
    assert {
        name: (each.began_at, each.ended_at) for name, each in made.renditions.items()
    } == dict.fromkeys((SOURCE, "360p", "sound"), (BEGAN + 4, BEGAN + 8))
    assert made.renditions["360p"].start == 2.0
    assert edges(made, "sound") == [(1, 180, 260)]


def test_gaps_count_as_time_and_none_is_at_an_end() -> None:
    indexes = {SOURCE: [index((2, "k"), (3, "g"), (2, "k"), (3, "g"), (2, "k"), (3, "g"))]}
    leading = cut(indexes, Trim(1.0, 14.5)).leading
    assert (leading.start, leading.end, leading.gaps) == (5.0, 12.0, 3.0)
    assert (leading.began_at, leading.ended_at) == (BEGAN + 5, BEGAN + 12)
    rows = decode(indexes[SOURCE][0])
    (span,) = leading.files
    assert [rows[n].kind.name for n in range(span.first, span.stop)] == ["PART", "GAP", "PART"]


def test_of_several_files_those_that_are_inside_are_left() -> None:
    one, two = index(*EVEN[:4]), index(*EVEN[:4], date=BEGAN + 30)
    indexes = {SOURCE: [one, two]}
    assert edges(cut(indexes, Trim(2.0, 3.0))) == [(1, 120, 130)]
    assert edges(cut(indexes, Trim(2.0, 6.0))) == [(1, 120, 140), (2, 100, 120)]
    across = cut(indexes, Trim(2.0, 6.0)).leading
    assert (across.start, across.end, across.ended_at) == (2.0, 6.0, BEGAN + 32)
    behind = cut(indexes, Trim(4.5, None)).leading
    assert [each.number for each in behind.files] == [2]
    assert (behind.start, behind.began_at) == (6.0, BEGAN + 32)


def test_a_span_holds_its_init_segment_and_what_is_inside() -> None:
    span = FileSpan(1, 44, 100, 200, 300, 5, 9, 290)
    assert span.holds(44, 99)
    assert span.holds(200, 299)
    assert span.holds(250, 250)
    for first, last in ((0, 10), (43, 99), (44, 100), (199, 299), (200, 300), (99, 200), (0, 299)):
        assert not span.holds(first, last)


# --- the ordinary MP4 of what is left ---


@functools.cache
def show() -> MemoryRecording:
    (made,) = recorded(broadcast(Encoder(composition=66), 9.0).events, SOURCE)
    made.finish()
    return made


def excerpt_of(made: MemoryRecording, trim: Trim) -> tuple[Cut, bytes]:
    """Return the cut, and the excerpt as a file."""
    found = cut({SOURCE: [bytes(made.index)]}, trim)
    (span,) = found.leading.files
    data = bytes(made.data)
    return found, excerpt(data, data[span.init_begin : span.init_end], span)


def excerpt(data: bytes, init: bytes, span: FileSpan) -> bytes:
    last = data[span.last : span.last + box_header(data, span.last)[1]]
    moov = data[moov_offset(data[: len(HEAD)]) :]
    head = head_of_excerpt(init, moov, span.begin, span.end, last)
    return head + data[span.begin : span.end]


Packet = tuple[float, float, float, bool, bytes]


def packets(path: Path, data: bytes) -> list[list[Packet]]:
    """Return decode and presentation time, duration, key and content of each track's packets."""
    path.write_bytes(data)
    found: list[list[Packet]] = []
    with av.open(str(path)) as container:
        for stream in container.streams:
            container.seek(0)
            base = float(stream.time_base or 0)
            found.append(
                [
                    (each.dts * base, each.pts * base, each.duration * base, each.is_keyframe, data)
                    for each in container.demux(stream)
                    if (data := bytes(each))
                    and each.dts is not None
                    and each.pts is not None
                    and each.duration is not None
                ]
            )
    return found


@pytest.mark.parametrize(
    "trim", [Trim(2.0, 6.0), Trim(3.3, None), Trim(None, 4.7), Trim(6.0, 6.7), Trim(0.0, 99.0)]
)
def test_the_excerpt_has_the_packets_of_the_whole(tmp_path: Path, trim: Trim) -> None:
    whole = packets(tmp_path / "whole.mp4", bytes(show().data))
    found, data = excerpt_of(show(), trim)
    tracks = packets(tmp_path / "excerpt.mp4", data)
    assert len(tracks) == len(whole) == 2
    shifts = []
    for track, every in zip(tracks, whole, strict=True):
        contents = [each[-1] for each in every]
        place = contents.index(track[0][-1])
        same = every[place : place + len(track)]
        assert [each[3:] for each in track] == [each[3:] for each in same]
        assert track[0][3]
        shift = same[0][1] - track[0][1]
        shifts.append(shift)
        for mine, theirs in zip(track, same, strict=True):
            assert [mine[n] + shift * (n < 2) for n in range(3)] == pytest.approx(
                theirs[:3], abs=1e-4
            )
    # Sound and picture are in step, and the picture is where the cut says.
    assert shifts[0] == pytest.approx(shifts[1], abs=1e-4)
    assert shifts[0] == pytest.approx(found.leading.start, abs=0.1)
    seconds = found.leading.end - found.leading.start
    assert len(tracks[0]) == pytest.approx(30 * seconds, abs=1)


@pytest.mark.parametrize("name", ["avc-b-frames", "hevc"])
def test_pictures_in_another_order_than_they_are_shown(tmp_path: Path, name: str) -> None:
    pictures, sounds = sample("bundled", name), sample("bundled", "aac")
    init = init_segment([pictures.track, sounds.track])
    keys = [place for place, unit in enumerate(pictures.units) if unit.key]
    bounds = [*keys, len(pictures.units)]
    per_picture = len(sounds.units) / len(pictures.units)
    fragments, places = [], []
    for begin, stop in pairwise(bounds):
        heard = slice(round(begin * per_picture), round(stop * per_picture))
        shown, said = pictures.units[begin:stop], sounds.units[heard]
        runs = [TrackRun(1, shown, end_of(shown)), TrackRun(2, said, end_of(said))]
        places.append((begin, heard.start))
        fragments.append(fragment(len(fragments), runs))
    data = written(unfinished(init, fragments), finishing(init, fragments))
    at = list(accumulate(map(len, fragments), initial=len(HEAD) + len(init)))
    span = FileSpan(1, len(HEAD), at[0], at[1], at[-1], 0, 0, at[-2])
    whole = packets(tmp_path / "whole.mp4", data)
    tracks = packets(tmp_path / "excerpt.mp4", excerpt(data, init, span))
    shift = whole[0][places[1][0]][1] - tracks[0][0][1]
    for track, every, place in zip(tracks, whole, places[1], strict=True):
        assert [each[3:] for each in track] == [each[3:] for each in every[place:]]
        for mine, theirs in zip(track, every[place:], strict=True):
            assert [mine[0] + shift, mine[1] + shift] == pytest.approx(theirs[:2], abs=1e-4)


def test_a_hole_behind_the_excerpt_does_not_lengthen_it(tmp_path: Path) -> None:
    made = Broadcast(new_show())
    made.connect()
    made.send(Encoder().stream(4.0))
    made.leave()
    made.wait_until(made.now + 20)
    made.connect()
    made.send(Encoder().stream(4.0))
    made.end()
    files = recorded(made.events, SOURCE)
    files[0].finish()
    assert len(files) == 1
    lengths = [each.duration for each in files[0].records if each.kind is Kind.PART]
    _, data = excerpt_of(files[0], Trim(None, 3.5))
    path = tmp_path / "excerpt.mp4"
    path.write_bytes(data)
    with av.open(str(path)) as container:
        assert container.duration == pytest.approx(3.5e6, abs=0.6e6)
    assert sum(lengths) > 7
    dates = [each.date for each in files[0].records if each.kind is Kind.PART]
    assert max(after - before for before, after in pairwise(dates)) > 10
