"""Addresses of recordings, and what downloads are called."""

from __future__ import annotations

from email.message import Message

import pytest

from madang.servers.vod.addresses import Kind, VodAddress, attachment, parse
from tests.support.vod import ID

MEANT = {
    "index.m3u8": VodAddress(ID, Kind.MULTIVARIANT),
    "poster.jpg": VodAddress(ID, Kind.POSTER),
    "storyboard.vtt": VodAddress(ID, Kind.STORYBOARD),
    "storyboard/12.jpg": VodAddress(ID, Kind.SHEET, number=12),
    f"subtitles/{ID}.vtt": VodAddress(ID, Kind.SUBTITLES, part=ID),
    "source/media.m3u8": VodAddress(ID, Kind.PLAYLIST, "source"),
    "720p/3.mp4": VodAddress(ID, Kind.FILE, "720p", 3),
    "720p.mp4": VodAddress(ID, Kind.DOWNLOAD, "720p", 1),
}


def test_addresses_are_understood() -> None:
    for path, meant in MEANT.items():
        assert parse(f"/vod/{ID}/{path}") == meant


@pytest.mark.parametrize(
    "path",
    [
        "/vod/",
        f"/vod/{ID}",
        f"/vod/{ID}/",
        f"/vod/{ID[1:]}/index.m3u8",
        f"/vod/{ID[1:]}0/index.m3u8",
        f"/vod/{ID}/../{ID}/index.m3u8",
        f"/vod/{ID}/source/../recording.json",
        f"/vod/{ID}/recording.json",
        f"/vod/{ID}/source/1.index",
        f"/vod/{ID}/source/0.mp4",
        f"/vod/{ID}/source/01.mp4",
        f"/vod/{ID}/source/１.mp4",
        f"/vod/{ID}/source/{'1' * 100}.mp4",
        f"/vod/{ID}/source/1.mp4\n",
        f"/vod/{ID}//1.mp4",
        f"/vod/{ID}/storyboard/0.jpg",
        f"/vod/{ID}/storyboard/storyboard.vtt",
        f"/vod/{ID}/source\0/1.mp4",
    ],
)
def test_other_paths_mean_nothing(path: str) -> None:
    assert parse(path) is None


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Evening show", "Evening show.mp4"),
        ("저녁 방송", "저녁 방송.mp4"),
        ("../../etc/passwd", "etc passwd.mp4"),
        ('a"b\r\nSet-Cookie: x=1', "a b Set-Cookie x=1.mp4"),
        ("100% é", "100% é.mp4"),
        ("x" * 500, "x" * 80 + ".mp4"),
        ("\u202egpj", "gpj.mp4"),
        ("\ud800...", f"{ID}.mp4"),
        ("", f"{ID}.mp4"),
    ],
)
def test_downloads_are_called_like_the_video(title: str, name: str) -> None:
    written = attachment(title, ID)
    assert written.isascii()
    assert "\r" not in written
    assert "\n" not in written
    plain, _, extended = written.removeprefix("attachment; filename=").partition("; filename*=")
    assert plain.startswith('"')
    assert plain.endswith('.mp4"')
    assert "%" not in plain
    message = Message()
    message["Content-Disposition"] = f"attachment; filename*={extended}"
    assert message.get_filename() == name
