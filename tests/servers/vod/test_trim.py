"""Trimmed videos: what viewers get, what they get no more, and that nothing is lost."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from madang.live.rendition import SOURCE
from madang.recording.index import Kind
from madang.recording.manifest import POSTER
from madang.recording.trim import Trim
from madang.wire.hls import MediaPlaylist, Segment, parse_media, parse_multivariant
from tests.recording.test_trim import packets
from tests.servers.vod.test_players import decoded, show
from tests.servers.vod.test_playlists import recording, two_files
from tests.support.clocks import ManualClock
from tests.support.data_plane import until
from tests.support.recordings import MemoryRecording, recorded
from tests.support.samples import PROGRAMS
from tests.support.vod import ID, Folder, Video, Vod, folder_of, serving

pytestmark = [
    pytest.mark.usefixtures("station"),
    pytest.mark.skipif("bundled" not in PROGRAMS, reason="needs ffmpeg"),
]
OWNER = {"cookie": "sessionid=owner"}
OTHER = {"cookie": "sessionid=other"}
TRIM = Trim(1.8, 4.2)
OWN = "storyboard-1.8-4.2"


def watchable() -> MemoryRecording:
    """Return a recording of six seconds that can be decoded, a key frame every half of one."""
    (made,) = recorded(show().events, SOURCE)
    return made


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def vod(tmp_path: Path, clock: ManualClock) -> Iterator[Vod]:
    with serving(tmp_path, clock=clock.clock) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = folder_of(tmp_path, {SOURCE: [watchable()]})
    (made.path / POSTER).write_bytes(b"\xff\xd8picture")
    return made


def trim(vod: Vod, clock: ManualClock, wanted: Trim | None, **fields: str) -> None:
    """Let the database say how the video is trimmed, and the server know."""
    vod.control.videos[ID] = Video(trim=wanted, **fields)  # type: ignore[arg-type]
    clock.advance(5.1)


def seconds(playlist: MediaPlaylist) -> tuple[float, float]:
    """Return dates of beginning and end."""
    first, last = playlist.segments[0], playlist.segments[-1]
    assert first.program_date_time is not None
    assert last.program_date_time is not None
    return first.program_date_time.timestamp(), last.program_date_time.timestamp() + last.duration


def range_of(segment: Segment) -> str:
    span = segment.byte_range
    assert span is not None
    return f"bytes={span.offset}-{span.offset + span.length - 1}"


def test_playlists_have_what_is_left(folder: Folder, vod: Vod, clock: ManualClock) -> None:
    before = vod.playlist()
    began = seconds(before)[0]
    trim(vod, clock, TRIM)
    playlist = vod.playlist()
    assert playlist.ended
    start, end = (at - began for at in seconds(playlist))
    assert 1.75 <= start <= 1.8 + 1.0
    assert 4.2 - 1.0 <= end <= 4.25
    dates = [each.program_date_time for each in before.segments]
    assert len(playlist.segments) < len(before.segments)
    assert all(each.program_date_time in dates for each in playlist.segments)
    for each in playlist.segments:
        vod.bytes_of(SOURCE, each)
        assert each.map_range is not None
    (variant,) = parse_multivariant(vod.ask("index.m3u8").text).variants
    assert variant.uri == "source/media.m3u8"
    assert (variant.average_bandwidth or 0) <= variant.bandwidth
    assert decoded(vod.url("index.m3u8")) == ""


def test_what_was_cut_away_is_refused(folder: Folder, vod: Vod, clock: ManualClock) -> None:
    whole = vod.playlist()
    etag = vod.ask("source/1.mp4").headers["etag"]
    trim(vod, clock, TRIM)
    left = {range_of(each) for each in vod.playlist().segments}
    away = [each for each in whole.segments if range_of(each) not in left]
    assert len(away) >= 3
    size = len(folder.read(SOURCE))
    for asked in (
        *map(range_of, away),
        *("bytes=0-", "bytes=-100", "bytes=0-9", f"bytes={size - 9}-{size - 1}", "bytes=1-2,5-6"),
        *("", "bytes=junk", f"bytes={size}-"),
    ):
        for who in ({}, OTHER):
            answer = vod.ask("source/1.mp4?1", **({"range": asked} if asked else {}), **who)
            assert answer.status == 403, asked
            assert "cut away" in answer.text
    good = min(left)
    assert vod.ask("source/1.mp4", range=good, if_range=etag).status == 206
    assert vod.ask("source/1.mp4", range=good, if_range='"other"').status == 403
    assert vod.ask("source/1.mp4", "HEAD", range=good).status == 403
    (init,) = {each.map_range for each in whole.segments}
    assert init is not None
    wanted = f"bytes={init.offset}-{init.offset + init.length - 1}"
    assert vod.ask("source/1.mp4", range=wanted).status == 206
    pictures = {"poster.jpg": "poster.jpg", "storyboard.vtt": "storyboard.vtt"}
    pictures["storyboard/1.jpg"] = "1.jpg"
    for name, status in (("storyboard", 404), ("storyboard-1.8-9.0", 404), (OWN, 200)):
        # Pictures of the whole, and of another trim, are not those of this one.
        (folder.path / name).mkdir()
        for path, file in pictures.items():
            (folder.path / name / file).write_bytes(name.encode())
            assert vod.ask(path).status == status
    assert vod.ask("poster.jpg").body == OWN.encode()
    for path in ("index.m3u8", "source/media.m3u8", "source/1.mp4", "source.mp4"):
        assert vod.ask(f"{path}?whole=1", **OTHER).status == 404
        assert vod.ask(f"{path}?whole=1").status == 404


def test_the_owner_can_still_see_all(folder: Folder, vod: Vod, clock: ManualClock) -> None:
    whole = vod.playlist()
    trim(vod, clock, TRIM)
    multivariant = vod.ask("index.m3u8?whole=1", **OWNER)
    assert multivariant.headers["cache-control"] == "private, no-store"
    (variant,) = parse_multivariant(multivariant.text).variants
    playlist = vod.ask(variant.uri, **OWNER)
    assert parse_media(playlist.text) == whole
    for each in whole.segments:
        answer = vod.ask(f"source/{each.uri}", range=range_of(each), **OWNER)
        assert answer.status == 206
    assert vod.ask("source/1.mp4", **OWNER).body == folder.read(SOURCE)
    assert vod.ask("source/1.mp4", **OWNER).headers["cache-control"] == "private, no-store"
    assert vod.ask("source.mp4?whole=1", **OWNER).body == folder.read(SOURCE)
    # What everybody gets is what the owner gets elsewhere.
    assert vod.ask("source/media.m3u8", **OWNER).body == vod.ask("source/media.m3u8").body


def test_the_download_is_one_seekable_file(
    tmp_path: Path, folder: Folder, vod: Vod, clock: ManualClock
) -> None:
    whole = packets(tmp_path / "whole.mp4", folder.read(SOURCE))
    before = vod.ask("source.mp4")
    trim(vod, clock, TRIM)
    answer = vod.ask("source.mp4?download=1")
    data, headers = answer.body, answer.headers
    assert answer.status == 200
    assert headers["content-type"] == "video/mp4"
    assert headers["content-disposition"].startswith("attachment; filename=")
    assert headers["content-length"] == str(len(data))
    assert headers["etag"] != before.headers["etag"]
    assert "last-modified" not in headers
    tracks = packets(tmp_path / "part.mp4", data)
    for track, every in zip(tracks, whole, strict=True):
        contents = [each[-1] for each in every]
        place = contents.index(track[0][-1])
        assert [each[-1] for each in track] == contents[place : place + len(track)]
        assert track[0][3]
    assert data.index(b"moov") < data.index(b"moof")
    head = data.index(b"mdat") + 12
    for first, last in (
        (0, 0),
        (10, head - 1),
        (head - 3, head + 2),
        (head, head + 99),
        (5, len(data) - 1),
        (len(data) - 7, len(data) - 1),
    ):
        part = vod.ask("source.mp4", range=f"bytes={first}-{last}")
        assert part.status == 206
        assert part.headers["content-range"] == f"bytes {first}-{last}/{len(data)}"
        assert part.body == data[first : last + 1]
    assert vod.ask("source.mp4", range=f"bytes={len(data)}-").status == 416
    assert vod.ask("source.mp4", range="bytes=0-9", if_range=headers["etag"]).status == 206
    for stale in (before.headers["etag"], before.headers["last-modified"]):
        assert vod.ask("source.mp4", range="bytes=0-9", if_range=stale).status == 200
    assert vod.ask("source.mp4", if_none_match=headers["etag"]).status == 304
    asked = vod.ask("source.mp4", if_modified_since=before.headers["last-modified"])
    assert asked.body == data
    assert vod.ask("source.mp4", "HEAD").headers["content-length"] == str(len(data))
    assert decoded(vod.url("source.mp4")) == ""
    for begin in ("0.7", "1.9"):
        quiet = [PROGRAMS["bundled"], "-nostdin", "-v", "warning", "-ss", begin]
        command = [*quiet, "-i", vod.url("source.mp4"), "-f", "null", "-"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        assert done.stderr == ""
    if probe := shutil.which("ffprobe"):
        command = [probe, "-v", "warning", "-show_packets", "-of", "csv", vod.url("source.mp4")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        assert done.stderr == ""
        assert len(done.stdout.splitlines()) == sum(map(len, tracks))


def test_nothing_is_sent_by_the_proxy(tmp_path: Path, folder: Folder, clock: ManualClock) -> None:
    with serving(tmp_path, clock=clock.clock, internal_prefix="/internal-media/") as vod:
        trim(vod, clock, TRIM)
        through = {"x_forwarded_for": "192.0.2.1"}
        asked = range_of(vod.playlist().segments[0])
        for path, wanted in (("source.mp4", "bytes=0-9"), ("source/1.mp4", asked)):
            answer = vod.ask(path, range=wanted, **through)
            assert answer.status == 206
            assert "x-accel-redirect" not in answer.headers
        assert vod.ask("source/1.mp4", range="bytes=0-", **through).status == 403
        # Asked whether it may send the file by itself, it hears no, and what is good for.
        answer = vod.ask("source/1.mp4", x_madang_permission="1", **through)
        assert (answer.status, answer.headers["x-accel-expires"]) == (403, "20")


def test_undone_everything_is_as_before(folder: Folder, vod: Vod, clock: ManualClock) -> None:
    paths = ("index.m3u8", "source/media.m3u8", "source/1.mp4", "source.mp4", "poster.jpg")
    files = {each: each.read_bytes() for each in folder.path.rglob("*") if each.is_file()}
    before = [vod.ask(path) for path in paths]
    trim(vod, clock, TRIM)
    assert vod.ask("source/media.m3u8").body != before[1].body
    vod.ask("source.mp4")
    trim(vod, clock, None)
    for path, was in zip(paths, before, strict=True):
        now = vod.ask(path)
        assert (now.status, now.body) == (was.status, was.body)
        assert {**now.headers, "date": ""} == {**was.headers, "date": ""}
    assert files == {each: each.read_bytes() for each in folder.path.rglob("*") if each.is_file()}


def test_another_trim_is_in_force_at_once_after_the_permission(
    folder: Folder, vod: Vod, clock: ManualClock
) -> None:
    trim(vod, clock, Trim(1.0, None))
    first = vod.ask("source/media.m3u8")
    trim(vod, clock, Trim(3.0, None))
    second = vod.ask("source/media.m3u8")
    assert first.headers["etag"] != second.headers["etag"]
    assert len(parse_media(second.text).segments) < len(parse_media(first.text).segments)
    trim(vod, clock, Trim(3.0, 3.01))
    for path in ("index.m3u8", "source/media.m3u8", "source.mp4", "source/1.mp4"):
        answer = vod.ask(path)
        assert (answer.status, "Nothing is left" in answer.text) == (404, True), path


def test_a_private_video_is_trimmed_for_its_owner_too(
    folder: Folder, vod: Vod, clock: ManualClock
) -> None:
    whole = len(vod.playlist().segments)
    trim(vod, clock, TRIM, visibility="private")
    assert vod.ask("source/media.m3u8").status == 404
    answer = vod.ask("source/media.m3u8", **OWNER)
    assert len(parse_media(answer.text).segments) < whole
    assert vod.ask("source.mp4", **OWNER).headers["cache-control"] == "private, no-store"


def test_renditions_are_cut_at_the_same_time(tmp_path: Path, vod: Vod, clock: ManualClock) -> None:
    folder_of(tmp_path, {SOURCE: recording(), "360p": recording(), "sound": recording()})
    trim(vod, clock, Trim(7.0, 21.0))
    variants = parse_multivariant(vod.ask("index.m3u8").text).variants
    assert len(variants) == 3
    playlists = {name: vod.playlist(name) for name in (SOURCE, "360p", "sound")}
    assert len({seconds(each) for each in playlists.values()}) == 1
    assert len({each.media_sequence for each in playlists.values()}) == 1
    assert vod.ask("720p/media.m3u8").status == 404
    assert vod.ask("720p.mp4").status == 404


def test_several_files_are_trimmed_within_before_and_across_the_change(
    tmp_path: Path, vod: Vod, clock: ManualClock
) -> None:
    folder = folder_of(tmp_path, {SOURCE: recording(two_files())})
    one, two = recording(two_files())
    length = sum(each.duration for each in one.records if each.kind is Kind.PART)

    def names() -> set[str]:
        return {each.uri.partition("?")[0] for each in vod.playlist().segments}

    trim(vod, clock, Trim(1.0, length - 0.5))
    assert names() == {"1.mp4"}
    assert vod.ask("source.mp4").status == 200
    assert vod.ask("source/2.mp4", range="bytes=44-99").status == 403
    (variant,) = parse_multivariant(vod.ask("index.m3u8").text).variants
    assert variant.resolution == (1280, 720)
    trim(vod, clock, Trim(length + 0.1, None))
    assert names() == {"2.mp4"}
    part = packets(tmp_path / "part.mp4", vod.ask("source.mp4").body)
    whole = packets(tmp_path / "whole.mp4", folder.read(SOURCE, 2))
    assert len(part) == len(whole) == 1
    contents = [each[-1] for each in whole[0]]
    assert [each[-1] for each in part[0]] == contents[-len(part[0]) :]
    trim(vod, clock, Trim(1.0, length + 2.5))
    assert names() == {"1.mp4", "2.mp4"}
    changes = [each.discontinuity for each in vod.playlist().segments]
    assert sum(changes) == 1
    refused = vod.ask("source.mp4")
    assert (refused.status, "2 files" in refused.text) == (409, True)
    assert two.records[0].kind is Kind.INIT


def test_descriptors_are_closed(folder: Folder, vod: Vod, clock: ManualClock) -> None:
    trim(vod, clock, TRIM)

    def opened() -> int:
        links = list(Path("/proc/self/fd").iterdir())
        return sum(str(folder.path) in str(each.readlink()) for each in links if each.is_symlink())

    size = len(vod.ask("source.mp4").body)
    for path in ("source.mp4", "source/1.mp4"):
        for headers in (
            {},
            {"range": "bytes=0-1"},
            {"range": f"bytes={size - 9}-"},
            {"range": "bytes=999999999-"},
            {"if_none_match": "*"},
        ):
            vod.ask(path, **headers)
            vod.ask(path, "HEAD", **headers)
    until(lambda: opened() == 0)
