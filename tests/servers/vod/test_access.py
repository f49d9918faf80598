"""Who may see a video: every address of it refuses alike, in time, and asks the database seldom."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from madang.live.rendition import SOURCE
from madang.recording.manifest import POSTER
from madang.recording.storyboard import LIST, STORYBOARD
from tests.servers.vod.test_playlists import recording
from tests.support.clocks import ManualClock
from tests.support.data_plane import Answer
from tests.support.vod import BEGAN, ID, Control, Video, Vod, folder_of, serving

pytestmark = pytest.mark.usefixtures("station")

ADDRESSES = (
    *("index.m3u8", "source/media.m3u8", "source/1.mp4", "source.mp4", "poster.jpg"),
    *("storyboard.vtt", "storyboard/1.jpg", f"subtitles/{ID}.vtt"),
)
UNKNOWN = (*ADDRESSES, "source/9.mp4", "other/media.m3u8", "nothing")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def vod(tmp_path: Path, clock: ManualClock) -> Iterator[Vod]:
    folder = folder_of(tmp_path, {SOURCE: recording()})
    (folder.path / POSTER).write_bytes(b"picture")
    (folder.path / STORYBOARD).mkdir()
    for name in (LIST, "1.jpg"):
        (folder.path / STORYBOARD / name).write_bytes(b"picture")
    with serving(tmp_path, Control(), clock=clock.clock) as made:
        yield made


def outcome(answer: Answer) -> tuple[object, ...]:
    """Return all of an answer but its time."""
    headers = {name: value for name, value in answer.headers.items() if name != "date"}
    return answer.status, answer.body, sorted(headers.items())


@pytest.mark.parametrize("visibility", ["public", "unlisted"])
def test_who_knows_the_address_sees_what_is_shared(vod: Vod, visibility: str) -> None:
    vod.control.videos[ID] = Video(visibility=visibility)
    for path in ADDRESSES:
        answer = vod.ask(path, cookie="sessionid=other")
        assert answer.status == 200
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["cache-control"] == "public, max-age=55, must-revalidate"


@pytest.mark.parametrize("visibility", ["private", "members", "something new"])
def test_owner_and_administrators_see_what_is_private(vod: Vod, visibility: str) -> None:
    vod.control.videos[ID] = Video(visibility=visibility)
    for path in ADDRESSES:
        for credential in (
            {"cookie": "a=b; sessionid=owner"},
            {"authorization": "Bearer owner"},
            {"authorization": "bearer admin"},
            {"cookie": "sessionid=admin"},
        ):
            answer = vod.ask(path, **credential)
            assert answer.status == 200
            assert answer.headers["cache-control"] == "private, no-store"
            assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "video",
    [None, Video(visibility="private"), Video(visibility="members"), Video(state="deleted")],
    ids=["unknown", "private", "members", "deleted"],
)
def test_every_address_refuses_alike(vod: Vod, video: Video | None) -> None:
    vod.control.videos = {} if video is None else {ID: video}
    absent = outcome(vod.port.ask(f"/vod/{ID[:-1]}z/index.m3u8"))
    assert absent[0] == 404
    for path in UNKNOWN:
        for credential in (
            {},
            {"cookie": "sessionid=other"},
            {"authorization": "Bearer nobody", "cookie": "sessionid=owner"},
            {"authorization": "Bearer " + "x" * 1000},
            {"range": "bytes=0-1", "authorization": "Basic owner"},
        ):
            gone = video is not None and video.state == "deleted"
            more = {"cookie": "sessionid=admin"} if gone else {}
            assert outcome(vod.ask(path, **{**credential, **more})) == absent


def test_a_change_is_in_force_in_seconds(vod: Vod, clock: ManualClock) -> None:
    assert vod.ask("source/1.mp4").status == 200
    vod.control.videos[ID] = Video(visibility="private")
    clock.advance(4.9)
    etag = vod.ask("source/1.mp4").headers["etag"]
    clock.advance(0.2)
    for path in ADDRESSES:
        assert vod.ask(path).status == 404
        assert vod.ask(path, if_none_match=etag).status == 404
    vod.control.videos[ID] = Video()
    clock.advance(5.1)
    assert vod.ask("source/1.mp4").status == 200


@pytest.mark.parametrize("length", [100, 7200])
def test_who_watches_an_asking_show_may_finish(
    tmp_path: Path, clock: ManualClock, length: int
) -> None:
    folder = folder_of(tmp_path, {SOURCE: recording()}, ended=False)
    folder.change(ask=True)
    (folder.path / POSTER).write_bytes(b"picture")
    (folder.path / STORYBOARD).mkdir()
    for name in (LIST, "1.jpg"):
        (folder.path / STORYBOARD / name).write_bytes(b"picture")
    ended_at = BEGAN + length
    with serving(tmp_path, Control(), clock=clock.clock) as vod:
        clock.advance(length)
        assert vod.ask("index.m3u8").status == 200
        vod.control.videos[ID] = Video(visibility="private", state="asking", finishing=True)
        clock.advance(5.1)
        assert vod.ask("index.m3u8").status == 200
        folder.finish(recording()[0], SOURCE, 1)
        folder.change(ended_at=ended_at)
        os.utime(folder.path, (ended_at, ended_at))
        while clock.seconds < ended_at + max(length, 600) - 500:
            clock.advance(500)
            assert [vod.ask(path).status for path in ADDRESSES] == [200] * len(ADDRESSES)
            assert ended_at < folder.path.stat().st_mtime <= clock.seconds
        clock.advance(600)
        assert {vod.ask(path).status for path in ADDRESSES} == {404}
        assert vod.ask("index.m3u8", cookie="sessionid=owner").status == 200


def test_nobody_may_finish_an_asking_show_that_was_private(vod: Vod) -> None:
    vod.control.videos[ID] = Video(visibility="private", state="asking")
    assert vod.ask("index.m3u8").status == 404


def test_a_recording_that_begins_is_there_in_a_second(vod: Vod, clock: ManualClock) -> None:
    vod.control.videos = {}
    assert vod.ask("source/1.mp4").status == 404
    assert vod.ask("source/1.mp4").status == 404
    assert vod.control.asked == 1
    vod.control.videos = {ID: Video()}
    clock.advance(1.1)
    assert vod.ask("source/1.mp4").status == 200


def test_the_database_is_asked_once_in_a_while(vod: Vod, clock: ManualClock) -> None:
    for _ in range(20):
        vod.ask("source/media.m3u8")
    assert vod.control.asked == 1
    clock.advance(5.1)
    vod.ask("source/media.m3u8")
    assert vod.control.asked == 2
    for last in "abcdefgh":
        assert vod.port.ask(f"/vod/{ID[:-1]}{last}/index.m3u8").status == 404
    assert vod.control.asked == 2


def test_who_watches_goes_on_while_the_database_is_away(vod: Vod, clock: ManualClock) -> None:
    assert vod.ask("source/1.mp4").status == 200
    vod.control.away = True
    for _ in range(3):
        clock.advance(100)
        assert vod.ask("source/1.mp4").status == 200
    clock.advance(400)
    answer = vod.ask("source/1.mp4")
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    vod.control.away = False
    assert vod.ask("source/1.mp4").status == 200
