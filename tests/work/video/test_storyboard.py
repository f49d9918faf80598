"""Pictures of the storyboard are those of the times that it names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import av
import pytest

from madang.apps.jobs.errors import JobFailed
from madang.live.rendition import SOURCE
from madang.recording.manifest import RECORDINGS
from tests.support.apps import make_channel
from tests.support.broadcast import Broadcast, new_show
from tests.support.media_files import CLOCK, CLOCK_SECONDS, media_file
from tests.support.real_streams import X264, real_stream
from tests.support.recordings import recorded
from tests.support.uploads import ID, UploadedVideo
from tests.support.vod import folder_of

pytestmark = pytest.mark.usefixtures("db")

_CUE = re.compile(r"([\d:.]+) --> ([\d:.]+)\nstoryboard/(\d+)\.jpg#xywh=(\d+),(\d+),(\d+),(\d+)\n")


@dataclass(frozen=True)
class Tile:
    """A tile: when it is shown, its size, and the brightness of its middle, 0 to 255."""

    start: float
    end: float
    size: tuple[int, int]
    brightness: int


def seconds(text: str) -> float:
    hours, minutes, rest = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def tiles(folder: Path, name: str = "storyboard") -> list[Tile]:
    """Return the tiles of a storyboard; each sheet is decoded."""
    text = (folder / name / "storyboard.vtt").read_text()
    sheets: dict[str, tuple[bytes, int]] = {}
    found = []
    for begin, end, sheet, *box in _CUE.findall(text):
        if sheet not in sheets:
            with av.open(str(folder / name / f"{sheet}.jpg")) as picture:
                plane = next(picture.decode(video=0)).planes[0]
                sheets[sheet] = bytes(plane), plane.line_size
        pixels, row = sheets[sheet]
        x, y, width, height = map(int, box)
        middle = pixels[(y + height // 2) * row + x + width // 2]
        found.append(Tile(seconds(begin), seconds(end), (width, height), middle))
    assert text.count("-->") == len(found)
    return found


def brightness(at: float) -> float:
    """Return that of the second of the clock, as JPEG has it: all 256 levels."""
    return (4 + 4 * int(at)) * 255 / 219


@pytest.mark.parametrize(
    ("name", "size"), [("clock.mp4", (192, 108)), ("clock_upright.mp4", (108, 192))]
)
def test_each_tile_is_the_picture_of_its_time(
    tmp_path: Path, name: str, size: tuple[int, int]
) -> None:
    made = UploadedVideo(tmp_path)
    made.prepare(made.upload(media_file(name)))
    made.storyboard()
    found = tiles(made.folder)
    assert made.video.storyboard
    assert len(found) == CLOCK_SECONDS
    assert {each.size for each in found} == {size}
    assert [each.end for each in found[:-1]] == [each.start for each in found[1:]]
    assert found[-1].end == pytest.approx(CLOCK_SECONDS, abs=0.2)
    for each in found:
        assert each.brightness == pytest.approx(brightness(each.start + 0.05), abs=3)
    assert len(list((made.folder / "storyboard").iterdir())) == 3  # the list and two sheets
    made.storyboard()
    assert tiles(made.folder) == found


@pytest.mark.parametrize("name", ["hevc.mp4", "vp9.webm", "av1.mp4", "hdr.mp4", "h264.avi"])
def test_key_frames_of_every_codec_are_drawn(tmp_path: Path, name: str) -> None:
    made = UploadedVideo(tmp_path)
    made.prepare(made.upload(media_file(name)))
    made.storyboard()
    found = tiles(made.folder)
    assert found[0].start == 0.0
    assert {each.size for each in found} == {(160, 90)}


def test_sound_alone_has_none(tmp_path: Path) -> None:
    made = UploadedVideo(tmp_path)
    made.prepare(made.upload(media_file("sound.m4a")))
    made.storyboard()
    assert not made.video.storyboard
    assert not (made.folder / "storyboard").exists()


def test_a_recorded_show_has_one(tmp_path: Path) -> None:
    from tests.support.videos import recorded as row_of

    show = Broadcast(new_show(segment=2.0))
    show.connect()
    source = f"color=black:s=320x180:r=10,{CLOCK}"
    show.send(real_stream((*X264, "-g", "20", "-bf", "0"), seconds=12.0, source=source))
    show.end()
    folder_of(tmp_path, {SOURCE: recorded(show.events, SOURCE)}, name=ID)
    row_of(make_channel(), ID)
    made = UploadedVideo(tmp_path)
    made.storyboard()
    found = tiles(tmp_path / RECORDINGS / ID)
    assert [round(each.start) for each in found] == [0, 2, 4, 6, 8, 10]
    for each in found:
        assert each.brightness == pytest.approx(brightness(each.start + 0.05), abs=3)


def test_a_trimmed_video_has_pictures_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.conf import settings

    from madang.apps.videos.cards import card
    from madang.apps.videos.trims import trim

    monkeypatch.setattr(settings, "MADANG_MEDIA_FOLDER", tmp_path)
    made = UploadedVideo(tmp_path)
    made.prepare(made.upload(media_file("clock.mp4")))
    made.storyboard()
    trim(made.video, 5.0, 15.0)
    assert card(made.video).storyboard_url is card(made.video).poster_url is None
    made.storyboard()
    (own,) = made.folder.glob("storyboard-*")
    found = tiles(made.folder, own.name)
    assert own.name == "storyboard-5.0-15.0"
    assert len(found) == 10
    assert found[0].start == 0.0
    for each in found:
        assert each.brightness == pytest.approx(brightness(5 + each.start + 0.05), abs=3)
    with av.open(str(own / "poster.jpg")) as picture:
        frame = next(picture.decode(video=0))
    plane = bytes(frame.planes[0])
    middle = plane[frame.height // 2 * frame.planes[0].line_size + frame.width // 2]
    assert middle == pytest.approx(brightness(6.05), abs=3)
    assert card(made.video).poster_url is not None
    assert card(made.video).storyboard_url is not None
    trim(made.video, 3.0, None)
    assert card(made.video).poster_url is None
    made.storyboard()
    assert [each.name for each in made.folder.glob("storyboard-*")] == ["storyboard-3.0-None"]
    assert (made.folder / "storyboard").exists()
    trim(made.video, None, None)
    assert card(made.video).storyboard_url is not None


def test_a_picture_that_is_broken_moves_no_other(tmp_path: Path) -> None:
    made = UploadedVideo(tmp_path)
    made.prepare(made.upload(media_file("clock.mp4")))
    made.storyboard()
    whole = tiles(made.folder)
    index = made.folder / "source" / "1.index"
    file = made.folder / "source" / "1.mp4"
    from madang.recording.index import decode

    broken = [each for each in decode(index.read_bytes()) if each.independent][7]
    with file.open("r+b") as target:
        target.seek(broken.end - broken.size // 2)
        target.write(bytes(broken.size // 2))
        target.seek(broken.offset + 8 + broken.size // 4)
        target.write(bytes(64))
    made.storyboard()
    found = tiles(made.folder)
    assert [each.start for each in found if each.start > 8] == [
        each.start for each in whole if each.start > 8
    ]
    for each in found:
        if not 7 <= each.start + 0.05 < 8:
            assert each.brightness == pytest.approx(brightness(each.start + 0.05), abs=3)


def test_a_video_whose_files_are_gone_says_so(tmp_path: Path) -> None:
    from tests.support.videos import recorded as row_of

    row_of(make_channel(), ID)
    with pytest.raises(JobFailed):
        UploadedVideo(tmp_path).storyboard()
