"""The other renditions of a video."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from tests.support.media_files import RATE, SECONDS, media_file
from tests.support.uploads import ID, UploadedVideo, decoded
from tests.support.vod import Control, Video, Vod, serving

pytestmark = pytest.mark.usefixtures("db")

PICTURES = RATE * SECONDS


@pytest.fixture
def made(tmp_path: Path) -> UploadedVideo:
    return UploadedVideo(tmp_path)


@pytest.fixture
def vod(tmp_path: Path) -> Iterator[Vod]:
    with serving(tmp_path, Control({ID: Video()})) as port:
        yield port


def times(vod: Vod, name: str) -> list[float]:
    """Return the times of the pictures of a rendition, as players of segments see them."""
    address = f"http://{vod.port.host}:{vod.port.number}/vod/{ID}/{name}/media.m3u8"
    with av.open(address) as container:
        return [float(frame.time) for frame in container.decode(video=0)]


def test_a_copied_picture_gets_smaller_ones_at_the_same_times(
    made: UploadedVideo, vod: Vod
) -> None:
    made.prepare(made.upload(media_file("large.mp4")))
    made.transcode(made.following())
    assert [each.name for each in made.manifest.renditions] == ["source", "480p", "360p"]
    assert [each["name"] for each in made.video.renditions] == ["source", "480p", "360p"]
    sizes = [(each.files[0].width, each.files[0].height) for each in made.manifest.renditions]
    assert sizes == [(1280, 720), (854, 480), (640, 360)]
    source = times(vod, "source")
    assert len(source) == PICTURES
    for name in ("480p", "360p"):
        assert times(vod, name) == pytest.approx(source, abs=0.001)
        seen = decoded(made.folder / name / "1.mp4")
        assert seen.sharp
        assert seen.sound == pytest.approx(SECONDS, abs=0.1)
