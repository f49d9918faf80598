"""Text tracks of uploaded files become subtitles."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.media_files import media_file
from tests.support.uploads import UploadedVideo

pytestmark = pytest.mark.usefixtures("db")


def kept(made: UploadedVideo) -> list[tuple[str, str, str]]:
    from madang.apps.videos.models import Subtitles

    rows = Subtitles.objects.filter(video=made.video).order_by("stream")
    return [(row.language, row.label, row.text) for row in rows]


@pytest.mark.parametrize("name", ["subtitles.mkv", "subtitles.mp4"])
def test_text_tracks_are_kept_with_their_languages(tmp_path: Path, name: str) -> None:
    made = UploadedVideo(tmp_path)
    made.prepare(made.upload(media_file(name)))
    (korean, _, text), (english, label, lines) = kept(made)
    assert (korean, english) == ("ko", "en")
    assert "00:00:00.500 --> 00:00:01.250\n뷁 <i>하나</i>\n" in text
    assert "00:00:02.000 --> 00:00:02.500\n둘\n" in text
    assert "00:00:01.000 --> 00:00:02.000\nHello\nthere\n" in lines
    if name.endswith(".mkv"):
        assert label == "For <all>"
    assert made.uploads.released == ["up1"]


def test_a_worker_that_dies_before_loses_none_and_doubles_none(tmp_path: Path) -> None:
    made = UploadedVideo(tmp_path)
    attempt = made.upload(media_file("subtitles.mkv"))
    attempt.die_after = 2
    with pytest.raises(KeyboardInterrupt):
        made.prepare(attempt)
    assert made.video.state == "ready"
    assert (kept(made), made.uploads.released) == ([], [])
    made.prepare(attempt.again())
    assert len(kept(made)) == 2
    made.prepare(attempt.again())
    assert len(kept(made)) == 2
    assert made.uploads.released == ["up1", "up1"]
