"""Files of recordings: ranges, conditions, downloads, caching, and who sends them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from madang.live.rendition import SOURCE
from madang.recording.manifest import POSTER
from madang.recording.trim import Trim
from tests.servers.vod.test_playlists import recording, two_files
from tests.support.clocks import ManualClock
from tests.support.data_plane import until
from tests.support.vod import ID, Control, Folder, Video, Vod, folder_of, serving

pytestmark = pytest.mark.usefixtures("station")

SHARED = "public, max-age=55, must-revalidate"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = folder_of(tmp_path, {SOURCE: recording()})
    (made.path / POSTER).write_bytes(b"\xff\xd8picture")
    return made


@pytest.fixture
def vod(tmp_path: Path, clock: ManualClock) -> Iterator[Vod]:
    with serving(tmp_path, clock=clock.clock) as made:
        yield made


def test_a_finished_file_is_served_with_ranges_and_conditions(folder: Folder, vod: Vod) -> None:
    data = folder.read(SOURCE)
    for path in ("source/1.mp4", "source.mp4"):
        whole = vod.ask(path)
        assert (whole.status, whole.body) == (200, data)
        assert whole.headers["content-type"] == "video/mp4"
        assert whole.headers["cache-control"] == SHARED
        assert whole.headers["accept-ranges"] == "bytes"
        assert whole.headers["access-control-allow-origin"] == "*"
        etag, modified = whole.headers["etag"], whole.headers["last-modified"]
        for wanted, first, last in (
            ("bytes=0-0", 0, 0),
            ("bytes=100-", 100, len(data) - 1),
            ("bytes=-7", len(data) - 7, len(data) - 1),
            (f"bytes=5-{10**17}", 5, len(data) - 1),
        ):
            part = vod.ask(path, range=wanted)
            assert part.status == 206
            assert part.headers["content-range"] == f"bytes {first}-{last}/{len(data)}"
            assert part.body == data[first : last + 1]
        assert vod.ask(path, range=f"bytes={len(data)}-").status == 416
        assert vod.ask(path, range="bytes=0-1,5-6").body == data
        assert vod.ask(path, range="bytes=9-2").body == data
        assert vod.ask(path, range="bytes=0-1", if_range=etag).status == 206
        assert vod.ask(path, range="bytes=0-1", if_range=modified).status == 206
        assert vod.ask(path, range="bytes=0-1", if_range='"other"').status == 200
        assert vod.ask(path, if_none_match=etag).status == 304
        assert vod.ask(path, if_modified_since=modified).status == 304
        head = vod.ask(path, "HEAD", range="bytes=0-1")
        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-length"] == str(len(data))
    assert vod.sent["recording"] >= 2 * len(data)
    assert vod.ask("source/2.mp4").status == 404
    assert vod.ask("poster.jpg").body == b"\xff\xd8picture"
    assert vod.ask("poster.jpg").headers["content-type"] == "image/jpeg"
    assert vod.ask("storyboard.vtt").status == 404


def test_a_storyboard_is_a_list_and_its_sheets(folder: Folder, vod: Vod) -> None:
    (folder.path / "storyboard").mkdir()
    (folder.path / "storyboard" / "storyboard.vtt").write_bytes(b"WEBVTT\n")
    (folder.path / "storyboard" / "1.jpg").write_bytes(b"\xff\xd8sheet")
    found = vod.ask("storyboard.vtt")
    assert (found.body, found.headers["content-type"]) == (b"WEBVTT\n", "text/vtt; charset=utf-8")
    sheet = vod.ask("storyboard/1.jpg")
    assert (sheet.body, sheet.headers["content-type"]) == (b"\xff\xd8sheet", "image/jpeg")
    assert sheet.headers["cache-control"] == SHARED
    assert vod.ask("storyboard/2.jpg").status == 404


def test_what_the_database_has_is_served_like_a_file(folder: Folder, vod: Vod) -> None:
    found = vod.ask(f"subtitles/{ID}.vtt")
    assert (found.body, found.headers["content-type"]) == (b"WEBVTT\n", "text/vtt; charset=utf-8")
    assert found.headers["cache-control"] == SHARED
    tag = found.headers["etag"]
    assert vod.ask(f"subtitles/{ID}.vtt", if_none_match=tag).status == 304
    assert vod.ask(f"subtitles/{ID[::-1]}.vtt").status == 404


@pytest.mark.parametrize("trim", [None, Trim(1.0, None)])
def test_a_poster_that_was_chosen_goes_before_the_automatic_one(
    folder: Folder, vod: Vod, trim: Trim | None
) -> None:
    vod.control.videos[ID] = Video(poster=True, trim=trim)
    answer = vod.ask("poster.jpg?v=1")
    assert (answer.body, answer.headers["content-type"]) == (b"\xff\xd8chosen", "image/jpeg")


def test_a_download_has_the_name_of_the_video(folder: Folder, vod: Vod) -> None:
    answer = vod.ask("source.mp4?download=1", range="bytes=0-9")
    assert answer.status == 206
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    assert "filename*=UTF-8''%EC%A0%80%EB%85%81%20" in answer.headers["content-disposition"]
    assert "content-disposition" not in vod.ask("source.mp4", "HEAD").headers
    assert "content-disposition" not in vod.ask("source/1.mp4?download=1", "HEAD").headers


def test_what_is_not_one_finished_file_is_no_download(tmp_path: Path, vod: Vod) -> None:
    folder = folder_of(tmp_path, {SOURCE: recording()}, ended=False)
    answer = vod.ask("source.mp4?download=1")
    assert (answer.status, "still on" in answer.text) == (409, True)
    assert vod.ask("other.mp4").status == 404
    other = ID[:-1] + "z"
    folder_of(tmp_path, {SOURCE: recording(two_files())}, name=other)
    vod.control.videos[other] = Video()
    refused = vod.port.ask(f"/vod/{other}/source.mp4")
    assert refused.status == 409
    assert "source/1.mp4, source/2.mp4" in refused.text
    assert vod.port.ask(f"/vod/{other}/source/2.mp4").status == 200
    assert folder.manifest.ended_at is None


def test_a_range_that_was_begun_before_the_end_goes_on_behind_it(
    tmp_path: Path, vod: Vod, clock: ManualClock
) -> None:
    (made,) = recording()
    folder = folder_of(tmp_path, {SOURCE: [made]}, ended=False)
    growing = vod.ask("source/1.mp4")
    folder.finish(made, SOURCE, 1)
    folder.change(ended_at=1.0)
    clock.advance(0.31)
    # The first bytes are other ones now, so that what was sent is not to be joined with the rest.
    answer = vod.ask("source/1.mp4", range="bytes=100-", if_range=growing.headers["etag"])
    assert (answer.status, answer.body) == (200, folder.read(SOURCE))


def test_behind_a_proxy_finished_files_are_sent_by_it(tmp_path: Path, clock: ManualClock) -> None:
    (made,) = recording()
    folder = folder_of(tmp_path, {SOURCE: [made]}, ended=False)
    with serving(tmp_path, clock=clock.clock, internal_prefix="/internal-media/") as vod:
        through = {"x_forwarded_for": "192.0.2.1"}
        growing = vod.ask("source/1.mp4", **through)
        assert growing.body == made.data
        folder.finish(made, SOURCE, 1)
        folder.change(ended_at=1.0)
        clock.advance(0.31)
        for path in ("source/1.mp4", "source.mp4?download=1"):
            answer = vod.ask(path, range="bytes=5-9", **through)
            assert (answer.status, answer.body) == (200, b"")
            internal = f"/internal-media/recordings/{ID}/source/1.mp4"
            assert answer.headers["x-accel-redirect"] == internal
            # Together with what nginx remembers it is as much as without.
            assert answer.headers["x-accel-expires"] == "20"
            assert answer.headers["cache-control"] == "public, max-age=35, must-revalidate"
            assert ("content-disposition" in answer.headers) == ("download" in path)
        direct = vod.ask("source/1.mp4", range="bytes=5-9")
        assert (direct.status, len(direct.body)) == (206, 5)
        assert "x-accel-redirect" not in direct.headers
        vod.control.videos[ID] = Video(visibility="private")
        clock.advance(5.1)
        assert vod.ask("source/1.mp4", **through).status == 404


def test_a_proxy_that_asks_for_permission_gets_no_file(tmp_path: Path, clock: ManualClock) -> None:
    (made,) = recording()
    folder = folder_of(tmp_path, {SOURCE: [made]}, ended=False)
    asks = {"x_forwarded_for": "192.0.2.1", "x_madang_permission": "1"}
    with serving(tmp_path, clock=clock.clock, internal_prefix="/internal-media/") as vod:
        growing = vod.ask("source/1.mp4", **asks)
        assert (growing.status, growing.headers["x-accel-expires"]) == (403, "20")
        folder.finish(made, SOURCE, 1)
        folder.change(ended_at=1.0)
        clock.advance(0.31)
        finished = vod.ask("source/1.mp4", **asks)
        assert (finished.status, finished.body) == (200, b"")
        vod.control.videos[ID] = Video(visibility="private")
        clock.advance(5.1)
        mine = vod.ask("source/1.mp4", cookie="sessionid=owner", **asks)
        assert (mine.status, mine.headers["cache-control"]) == (200, "private, no-store")
        assert "x-accel-expires" not in mine.headers
        assert vod.ask("source/1.mp4", **asks).status == 404
    with serving(tmp_path, clock=clock.clock) as vod:
        assert vod.ask("source/1.mp4", **asks).status == 403


def test_files_beyond_four_gigabytes(tmp_path: Path, vod: Vod, clock: ManualClock) -> None:
    (made,) = recording()
    folder = folder_of(tmp_path, {SOURCE: [made]}, ended=False, whole=False)
    folder.append(made, SOURCE, 1, 2)
    path = folder.path / "source/1.mp4"
    with path.open("r+b") as file:
        # As a `free` box of 4.3 GB would: everything behind it lies beyond 32 bits.
        file.truncate((1 << 32) + 300_000_000)
    made.file.end = path.stat().st_size
    record = made.records[2]
    data = bytes(made.data[record.offset : record.end])
    append = made.file.append(data, record)
    with path.open("ab") as file:
        file.write(append.data)
    with (folder.path / "source/1.index").open("ab") as file:
        file.write(append.index)
    folder.change(ended_at=1.0)
    segment = vod.playlist().segments[-1]
    assert segment.byte_range is not None
    assert segment.byte_range.offset == append.record.offset > 1 << 32
    assert vod.bytes_of(SOURCE, segment) == data
    head = vod.ask("source/1.mp4", "HEAD")
    assert head.headers["content-length"] == str(append.record.end)


def test_only_reading_is_allowed(folder: Folder, vod: Vod) -> None:
    assert vod.ask("source/1.mp4", "POST").status == 405
    preflight = vod.ask("source/1.mp4", "OPTIONS", origin="https://other.example")
    assert preflight.status == 204
    assert "range" in preflight.headers["access-control-allow-headers"]


def test_a_slow_disk_holds_up_nobody_else(folder: Folder, tmp_path: Path, vod: Vod) -> None:
    slow = ID[:-1] + "s"
    stuck = folder_of(tmp_path, {SOURCE: recording()}, name=slow)
    vod.control.videos[slow] = Video()
    (stuck.path / "source/1.index").unlink()
    os.mkfifo(stuck.path / "source/1.index")  # opening it waits
    asked = [vod.port.connect() for _ in range(20)]
    try:
        for each in asked:
            each.sendall(f"GET /vod/{slow}/source/media.m3u8 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert len(vod.playlist().segments) > 5
        assert vod.ask("source/1.mp4").status == 200
    finally:
        released = os.open(stuck.path / "source/1.index", os.O_RDWR)
        for each in asked:
            assert each.recv(12) == b"HTTP/1.1 503"
            each.close()
        os.close(released)


@pytest.mark.parametrize(("max_open", "max_bytes"), [(2, 1 << 30), (256, 600_000)])
def test_the_longest_unused_recording_is_forgotten(
    tmp_path: Path, max_open: int, max_bytes: int
) -> None:
    names = [ID[:-1] + last for last in "abcd"]
    control = Control({name: Video() for name in names})
    for name in names:
        folder_of(tmp_path, {SOURCE: recording()}, name=name)
    with serving(tmp_path, control, max_open=max_open, max_bytes=max_bytes) as vod:
        for name in [*names, names[2]]:
            assert vod.port.ask(f"/vod/{name}/source/media.m3u8").status == 200
        kept = list(vod.store._entries)
    assert kept == [names[3], names[2]]


def test_a_damaged_folder_is_said_in_words(folder: Folder, vod: Vod, clock: ManualClock) -> None:
    (folder.path / "source/1.index").write_bytes(b"no index of ours")
    answer = vod.ask("source/media.m3u8")
    assert (answer.status, answer.text) == (503, "The recording cannot be read now.\n")
    assert vod.ask("source/1.mp4").status == 200
    (folder.path / "recording.json").write_bytes(b"{")
    clock.advance(5.1)
    assert vod.ask("source/1.mp4").status == 503
    (folder.path / "recording.json").unlink()
    assert vod.ask("source/1.mp4").status == 404


def test_descriptors_are_closed(folder: Folder, vod: Vod) -> None:
    def opened() -> int:
        links = [f"/proc/self/fd/{each}" for each in os.listdir("/proc/self/fd")]
        return sum(str(folder.path) in os.readlink(x) for x in links if os.path.islink(x))

    for headers in ({}, {"range": "bytes=0-1"}, {"range": "bytes=999999999-"}):
        vod.ask("source/1.mp4", **headers)
        vod.ask("source/1.mp4", "HEAD", **headers)
    until(lambda: opened() == 0)
