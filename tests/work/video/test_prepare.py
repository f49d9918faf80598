"""From a file to a video that plays, or to a reason in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.media_files import RATE, SECONDS, media_file
from tests.support.uploads import ID, Desk, decoded
from tests.support.vod import Control, Video, Vod, serving

pytestmark = pytest.mark.usefixtures("db")

PICTURES = RATE * SECONDS


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def vod(tmp_path: Path) -> Iterator[Vod]:
    with serving(tmp_path, Control({ID: Video()})) as made:
        yield made


def address(vod: Vod, path: str = "index.m3u8") -> str:
    return f"http://{vod.port.host}:{vod.port.number}/vod/{ID}/{path}"


COPIED = {
    "h264.mp4": "avc1.",
    "h264.mkv": "avc1.",
    "h264.ts": "avc1.",
    "pcm.mov": "avc1.",
    "hevc.mp4": "hvc1.",
    "vp9.webm": "vp09.00.",
    "av1.mp4": "av01.0.",
    "upright.mp4": "avc1.",
    "wide.mp4": "avc1.",
    "two_tracks.mkv": "avc1.",
    "hdr.mp4": "hvc1.2.",
    "front.mp4": "avc1.",
}


@pytest.mark.parametrize("name", COPIED)
def test_what_browsers_play_is_packaged_as_it_is(desk: Desk, vod: Vod, name: str) -> None:
    desk.prepare(desk.upload(media_file(name)))
    assert (desk.video.state, desk.video.reason, desk.video.gaps) == ("ready", "", 0.0)
    assert desk.video.duration == pytest.approx(SECONDS, abs=0.1)
    (rendition,) = desk.manifest.renditions
    assert rendition.name == "source"
    assert rendition.files[0].codecs.startswith(COPIED[name])
    assert desk.uploads.released == ["up1"]
    for path in ("index.m3u8", "source.mp4"):
        seen = decoded(address(vod, path))
        assert len(seen.times) == PICTURES
        assert seen.sound == pytest.approx(SECONDS, abs=0.15)
    assert (desk.folder / "poster.jpg").read_bytes().startswith(b"\xff\xd8")
    assert "PROGRAM-DATE-TIME" not in vod.port.ask(f"/vod/{ID}/source/media.m3u8").text
