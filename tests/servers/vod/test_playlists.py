"""Playlists of recordings and the bytes they point to, while they grow and after."""

from __future__ import annotations

import functools
import gzip
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from madang.live.rendition import SOURCE
from madang.recording.index import Kind
from madang.recording.manifest import RecordedFile, RecordedRendition
from madang.wire.fmp4.hybrid import HEAD
from madang.wire.hls import apply_delta, parse_media, parse_multivariant
from tests.conformance.observed import Rendition, Snapshot
from tests.conformance.rules_playlist import judge_event
from tests.recording.test_recording import units_by_ranges
from tests.support.broadcast import Broadcast, Encoder, broadcast, new_show
from tests.support.clocks import ManualClock
from tests.support.recordings import MemoryRecording, recorded
from tests.support.vod import Folder, Vod, folder_of, serving

pytestmark = pytest.mark.usefixtures("station")


@functools.cache
def show() -> Broadcast:
    return broadcast(Encoder(), 30.0)


@functools.cache
def two_files() -> Broadcast:
    made = Broadcast(new_show())
    made.connect()
    made.send(Encoder().stream(5.0))
    made.leave()
    made.connect()
    made.send(Encoder(audio=False).stream(5.0))
    made.end()
    return made


def recording(made: Broadcast | None = None) -> list[MemoryRecording]:
    return recorded((made or show()).events, SOURCE)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def vod(tmp_path: Path, clock: ManualClock) -> Iterator[Vod]:
    with serving(tmp_path, clock=clock.clock) as made:
        yield made


def test_a_finished_recording_is_what_viewers_got(tmp_path: Path, vod: Vod) -> None:
    folder_of(tmp_path, {SOURCE: recording()})
    (variant,) = parse_multivariant(vod.ask("index.m3u8").text).variants
    assert variant.uri == "source/media.m3u8"
    assert variant.codecs == "avc1.42c01e,mp4a.40.2"
    assert variant.resolution == (1280, 720)
    assert variant.frame_rate == 30
    playlist = vod.playlist()
    assert playlist.ended
    assert playlist.playlist_type == "EVENT"
    listed = [show().viewer.segments[msn] for msn in sorted(show().viewer.segments)]
    assert playlist.media_sequence == min(show().viewer.segments)
    assert [each.program_date_time for each in playlist.segments] == [
        each.program_date_time for each in listed
    ]
    peak = max(
        8 * each.byte_range.length / each.duration
        for each in playlist.segments
        if each.byte_range and each.duration >= 1
    )
    assert peak <= variant.bandwidth <= 1.2 * peak
    assert variant.average_bandwidth is not None
    assert variant.average_bandwidth <= variant.bandwidth
    data = bytearray(len(vod.ask("source/1.mp4").body))
    for each in playlist.segments:
        assert each.byte_range is not None
        end = each.byte_range.offset + each.byte_range.length
        data[each.byte_range.offset : end] = vod.bytes_of(SOURCE, each)
    assert units_by_ranges(bytes(data), playlist) == show().viewer.all_units()


def test_every_range_of_a_growing_file_is_that_of_the_final_one(tmp_path: Path) -> None:
    (made,) = recording()
    folder = folder_of(tmp_path, {SOURCE: [made]}, ended=False, whole=False)
    fetched: dict[int, bytes] = {}
    lengths: list[int] = []

    def write() -> None:
        for upto in range(2, len(made.records) + 1):
            folder.append(made, SOURCE, 1, upto)
        folder.finish(made, SOURCE, 1)
        folder.change(ended_at=1.0)

    with serving(tmp_path) as vod:
        writer = threading.Thread(target=write)
        writer.start()
        try:
            ended = False
            while not ended:
                answer = vod.ask("source/media.m3u8")
                if answer.status == 404:
                    assert answer.headers["retry-after"] == "1"
                    continue
                playlist = parse_media(answer.text)
                ended = playlist.ended
                for each in playlist.segments:
                    assert each.byte_range is not None
                    if each.byte_range.offset not in fetched:
                        fetched[each.byte_range.offset] = vod.bytes_of(SOURCE, each)
                whole = vod.ask("source/1.mp4")
                lengths.append(len(whole.body))
                begin = len(HEAD)
                assert folder.read(SOURCE)[begin : len(whole.body)] == whole.body[begin:]
        finally:
            writer.join()
    final = folder.read(SOURCE)
    for offset, data in fetched.items():
        assert final[offset : offset + len(data)] == data
    assert sum(map(len, fetched.values())) == made.file.end - made.records[0].end
    assert lengths == sorted(lengths)
    assert lengths[-1] == len(final)


def test_only_what_the_index_has_is_served(tmp_path: Path, vod: Vod, clock: ManualClock) -> None:
    (made,) = recording()
    folder = folder_of(tmp_path, {SOURCE: [made]}, ended=False, whole=False)
    folder.append(made, SOURCE, 1, 9)
    end = made.records[8].end
    with (folder.path / "source/1.mp4").open("ab") as file:
        file.write(b"not in the index yet")
    with (folder.path / "source/1.index").open("ab") as file:
        file.write(b"half a record")
    whole = vod.ask("source/1.mp4")
    assert (whole.status, len(whole.body)) == (200, end)
    assert whole.headers["cache-control"] == "no-store"
    over = vod.ask("source/1.mp4", range=f"bytes={end - 10}-{end + 10}")
    assert over.headers["content-range"] == f"bytes {end - 10}-{end - 1}/{end}"
    assert over.body == made.data[end - 10 : end]
    beyond = vod.ask("source/1.mp4", range=f"bytes={end}-{end + 10}")
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{end}")
    with (folder.path / "source/1.mp4").open("r+b") as file:
        file.truncate(end - 5)  # the disk lost something
    clock.advance(1)
    assert len(vod.ask("source/1.mp4").body) == end - 5


def test_playlists_in_every_form_follow_the_index_and_the_rules(
    tmp_path: Path, vod: Vod, clock: ManualClock
) -> None:
    (made,) = recording()
    folder = folder_of(tmp_path, {SOURCE: [made]}, ended=False, whole=False)
    seen = Rendition("source")
    previous = None
    tags = []
    for upto in range(2, len(made.records) + 1):
        folder.append(made, SOURCE, 1, upto)
        clock.advance(0.31)
        answer = vod.ask("source/media.m3u8")
        if answer.status == 404:
            continue
        full = parse_media(answer.text)
        delta = parse_media(vod.ask("source/media.m3u8?_HLS_skip=YES").text)
        packed = vod.ask("source/media.m3u8", accept_encoding="gzip")
        assert gzip.decompress(packed.body).decode() == answer.text
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.headers["vary"] == "accept-encoding"
        packed = vod.ask("source/media.m3u8?_HLS_skip=v2", accept_encoding="gzip")
        assert parse_media(gzip.decompress(packed.body).decode()) == delta
        assert apply_delta(previous or full, delta) == full
        assert len(delta.segments) <= 8
        assert answer.headers["cache-control"] == "no-cache"
        unchanged = vod.ask("source/media.m3u8", if_none_match=answer.headers["etag"])
        assert (unchanged.status, unchanged.body) == (304, b"")
        tags.append((answer.headers["etag"], answer.text))
        seen.snapshots.append(Snapshot(full, answer.text, 0, 0, 0))
        previous = full
    assert len({tag for tag, _ in tags}) == len({text for _, text in tags})
    assert len({tag for tag, _ in tags}) > 10
    folder.change(ended_at=1.0)
    clock.advance(0.31)
    answer = vod.ask("source/media.m3u8?_HLS_skip=YES")
    seen.snapshots.append(Snapshot(parse_media(answer.text), answer.text, 0, 0, 0))
    assert seen.latest.playlist.ended
    assert answer.headers["etag"] not in {tag for tag, _ in tags}
    assert list(judge_event(seen)) == []
    assert {each.playlist.media_sequence for each in seen.snapshots} == {previous.media_sequence}
    assert vod.ask("source/media.m3u8?_HLS_skip=no").status == 400


def test_the_disk_is_not_read_more_often_for_more_viewers(
    tmp_path: Path, vod: Vod, clock: ManualClock
) -> None:
    (made,) = recording()
    folder = folder_of(tmp_path, {SOURCE: [made]}, ended=False)
    before = vod.playlist()
    folder.change(ended_at=1.0)
    assert vod.playlist() == before
    clock.advance(0.31)
    assert vod.playlist().ended


def test_renditions_end_together(tmp_path: Path, vod: Vod, clock: ManualClock) -> None:
    (made,) = recording()
    folder = folder_of(tmp_path, {SOURCE: [made], "360p": [made]}, ended=False, whole=False)
    upto = len(made.records) - 12
    folder.append(made, SOURCE, 1, len(made.records))
    folder.append(made, "360p", 1, upto)  # it is a segment or two behind
    full, behind = vod.playlist(), vod.playlist("360p")
    assert len(behind.segments) < len(full.segments)
    folder.append(made, "360p", 1, len(made.records))
    folder.change(ended_at=1.0)
    clock.advance(0.2)
    assert not vod.playlist().ended
    assert not vod.playlist("360p").ended
    clock.advance(0.11)
    ended = [vod.playlist(name) for name in (SOURCE, "360p")]
    assert [each.ended for each in ended] == [True, True]
    assert ended[0].segments == ended[1].segments
    assert ended[0].segments[: len(full.segments)] == full.segments
    assert ended[0].media_sequence == full.media_sequence


def test_another_file_begins_with_a_discontinuity_and_its_map(tmp_path: Path, vod: Vod) -> None:
    files = recording(two_files())
    assert len(files) == 2
    folder_of(tmp_path, {SOURCE: files})
    playlist = vod.playlist()
    seen = Rendition("source", snapshots=[Snapshot(playlist, "", 0, 0, 0)])
    assert list(judge_event(seen)) == []
    assert [each.discontinuity for each in playlist.segments].count(True) == 1
    pictures = []
    for number, made in enumerate(files, 1):
        of_file = [each for each in playlist.segments if each.map_uri == f"{number}.mp4"]
        assert of_file[0].discontinuity == (number == 2)
        assert of_file[0].map_range is not None
        span = of_file[0].map_range
        answer = vod.ask(
            f"source/{number}.mp4", range=f"bytes={span.offset}-{span.offset + span.length - 1}"
        )
        assert answer.body == made.file.init
        data = vod.ask(f"source/{number}.mp4").body
        part = parse_media("#EXTM3U\n#EXT-X-TARGETDURATION:2\n")
        units = units_by_ranges(data, type(part)(2, tuple(of_file)))
        pictures += [unit.data for unit in units[1]]
    assert pictures == [unit.data for unit in two_files().viewer.all_units()[1]]


def test_the_multivariant_playlist_says_what_the_manifest_says(
    tmp_path: Path, vod: Vod, clock: ManualClock
) -> None:
    (made,) = recording()
    folder = folder_of(tmp_path, {SOURCE: [made], "sound": [made]})
    folder.change(
        renditions=(
            RecordedRendition(
                SOURCE,
                (
                    RecordedFile("avc1.640028,mp4a.40.2", 1920, 1080, 60.0, "PQ"),
                    RecordedFile("avc1.42c01e,mp4a.40.2", 640, 360, 30.0),
                ),
                6_000_000,
                5_000_000,
            ),
            RecordedRendition("sound", (RecordedFile("mp4a.40.2"),), 130_000, 128_000),
            RecordedRendition("none"),
        )
    )
    source, sound = parse_multivariant(vod.ask("index.m3u8").text).variants
    assert source.codecs == "avc1.640028,mp4a.40.2,avc1.42c01e"
    assert (source.resolution, source.frame_rate) == ((1920, 1080), 60.0)
    assert (source.video_range, sound.video_range) == ("PQ", "SDR")
    assert (source.bandwidth, source.average_bandwidth) == (6_000_000, 5_000_000)
    assert (sound.resolution, sound.frame_rate, sound.bandwidth) == (None, None, 130_000)
    assert vod.ask("sound/1.mp4", "HEAD").headers["content-type"] == "audio/mp4"
    assert vod.ask("none/media.m3u8").status == 404
    assert vod.ask("other/media.m3u8").status == 404


def test_a_rendition_without_the_beginning_is_not_offered(tmp_path: Path, vod: Vod) -> None:
    (made,) = recording()
    folder = folder_of(tmp_path, {SOURCE: [made], "360p": [made]}, ended=False)
    late = [made.records[0], *(each for each in made.records if each.date > _date(made) + 8)]
    (folder.path / "360p/1.index").unlink()
    cut = MemoryRecording(made.file, made.data, made.index, late)
    folder.append(cut, "360p", 1, len(late))
    variants = parse_multivariant(vod.ask("index.m3u8").text).variants
    assert [each.uri for each in variants] == ["source/media.m3u8"]
    assert vod.playlist("360p").media_sequence > vod.playlist().media_sequence


def _date(made: MemoryRecording) -> float:
    return made.records[1].date


def test_a_recording_that_has_just_begun_says_so(tmp_path: Path, vod: Vod) -> None:
    folder: Folder = folder_of(tmp_path, {SOURCE: recording()}, ended=False, whole=False)
    for path in ("index.m3u8", "source/media.m3u8"):
        answer = vod.ask(path)
        assert (answer.status, answer.headers["retry-after"]) == (404, "1")
    folder.change(renditions=())
    assert vod.ask("index.m3u8").status == 404


def test_a_rendition_with_a_gap_is_not_offered_but_ends_for_its_viewers(
    tmp_path: Path, vod: Vod, clock: ManualClock
) -> None:
    made, cut = recording()[0], recording()[0]
    gap = cut.records[5]
    cut.records[5] = replace(gap, kind=Kind.GAP, size=0)
    folder = folder_of(tmp_path, {SOURCE: [made], "360p": [cut]}, ended=False)
    assert [each.uri for each in parse_multivariant(vod.ask("index.m3u8").text).variants] == [
        "source/media.m3u8"
    ]
    assert not vod.playlist("360p").ended
    source, other = folder.manifest.renditions
    folder.finish(made, SOURCE, 1)
    folder.change(ended_at=1.0, renditions=(source, replace(other, incomplete=True)))
    clock.advance(1)
    assert [each.uri for each in parse_multivariant(vod.ask("index.m3u8").text).variants] == [
        "source/media.m3u8"
    ]
    playlist = vod.playlist("360p")
    assert playlist.ended
    assert sum(each.gap for each in playlist.segments) == 1
    first = next(each for each in playlist.segments if not each.gap)
    assert vod.bytes_of("360p", first)
