"""Trimmed videos: what rows, the API, the command and the chat say of them."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from madang.base.errors import MadangError
from madang.live.rendition import SOURCE
from madang.recording.index import Kind
from madang.recording.trim import Trim
from madang.station.config.settings import Settings
from tests.apps.videos.test_api import ONE, patch, token_of
from tests.servers.vod.test_playlists import recording
from tests.support.apps import make_channel, make_user
from tests.support.commands import Run, parsed, runner
from tests.support.videos import FIRST, begin, recorded
from tests.support.vod import folder_of

if TYPE_CHECKING:
    from madang.apps.videos.models import Video

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def media(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the media."""
    from django.conf import settings

    monkeypatch.setattr(settings, "MADANG_MEDIA_FOLDER", tmp_path)
    return tmp_path


@pytest.fixture
def video(media: Path) -> Video:
    """A recorded show of thirty seconds, a key frame every two, with its files."""
    from madang.apps.videos.models import Video

    (made,) = recording()
    folder = folder_of(media, {SOURCE: [made]}, name=FIRST)
    parts = [each for each in made.records if each.kind is Kind.PART]
    recorded(make_channel(owner=make_user("olive")))
    Video.objects.update(
        duration=sum(each.duration for each in parts),
        bytes=folder.path.joinpath("source/1.mp4").stat().st_size,
        created_at=datetime.fromtimestamp(parts[0].date, UTC),
        ended_at=datetime.fromtimestamp(parts[-1].date + parts[-1].duration, UTC),
    )
    return Video.objects.get()


def row() -> dict[str, Any]:
    from madang.apps.videos.models import Video

    return Video.objects.values().get()


def test_a_trim_is_said_truly_and_undone(video: Video, client: Any) -> None:
    from madang.apps.videos import library, services, trims

    before, shown = row(), client.get(ONE).json()
    assert shown["trim"] is None
    trims.trim(video, 3.0, 20.5)
    after = client.get(ONE).json()
    trim = after["trim"]
    assert (trim["wanted_start"], trim["wanted_end"]) == (3.0, 20.5)
    assert trim["start"] == pytest.approx(4.0, abs=0.1)  # the key frame behind it
    assert 20.5 - 0.6 <= trim["end"] <= 20.55
    assert trim["whole_duration"] == before["duration"]
    assert after["duration"] == pytest.approx(trim["end"] - trim["start"], abs=0.01)
    assert 0.3 < after["bytes"] / before["bytes"] < 0.7
    assert row()["bytes"] == before["bytes"]  # what counts for quotas is on the disk
    assert after["renditions"][0]["bytes"] == after["bytes"]
    assert after["poster_url"] is None
    access = services.access(FIRST)
    assert access is not None
    assert access.trim == Trim(3.0, 20.5)
    trims.undo(library.get(FIRST))
    assert row() == before
    assert client.get(ONE).json() == shown


def test_a_trim_takes_the_poster_that_was_chosen_before_alone(video: Video, client: Any) -> None:
    from django.utils import timezone

    from madang.apps.videos import library, trims
    from madang.apps.videos.models import Video

    Video.objects.update(poster_at=timezone.now())
    trims.trim(library.get(FIRST), 3.0, 20.5)
    assert client.get(ONE).json()["poster_url"] is None
    Video.objects.update(poster_at=timezone.now())
    assert "poster.jpg?v=" in client.get(ONE).json()["poster_url"]


def test_a_trim_replaces_the_one_before(video: Video) -> None:
    from madang.apps.videos import library, trims

    before = row()
    trims.trim(video, 20.0, None)
    trims.trim(library.get(FIRST), 5.0, 10.0)
    assert row()["untrimmed"]["duration"] == before["duration"]
    assert row()["duration"] < 5.0
    # Times at the very beginning and end cut nothing away.
    trims.trim(library.get(FIRST), 0.0, 99.0)
    assert row() == before


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (10.0, 10.0, "The end has to come after the start."),
        (12.0, 10.0, "The end has to come after the start."),
        (50.0, None, "The start lies behind the end of the video, which is 0:00:30"),
        (10.1, 11.0, "Nothing would be left"),
    ],
)
def test_what_leaves_nothing_is_refused_in_words(
    video: Video, start: float, end: float | None, words: str
) -> None:
    from madang.apps.videos import library, trims
    from madang.apps.videos.errors import InvalidVideo

    before = row()
    with pytest.raises(InvalidVideo, match=words):
        trims.trim(library.get(FIRST), start, end)
    assert row() == before


@pytest.mark.parametrize("state", ["recording", "asking", "queued", "processing", "failed"])
def test_only_what_is_ready_is_trimmed(state: str) -> None:
    from madang.apps.videos import trims
    from madang.apps.videos.errors import UnfitState
    from madang.apps.videos.models import Video

    begin(make_channel())
    Video.objects.update(state=state)
    with pytest.raises(UnfitState, match="finished and ready"):
        trims.trim(Video.objects.get(), 1.0, None)


def test_where_the_storage_is_elsewhere_the_worker_finds_the_cut(
    video: Video, media: Path, client: Any
) -> None:
    from madang.apps.videos import trims

    away = media / "away"
    (media / "recordings").rename(away)
    trims.trim(video, 3.0, 13.0)
    item = client.get(ONE).json()
    assert (item["duration"], item["trim"]["start"]) == (10.0, None)
    trims.settle()
    assert row()["trim_view"] is None
    away.rename(media / "recordings")
    trims.settle()
    assert client.get(ONE).json()["trim"]["start"] == pytest.approx(4.0, abs=0.1)
    shutil.rmtree(media / "recordings")
    trims.settle()
    assert row()["trim_view"] is not None


def test_a_rendition_that_is_added_is_trimmed_as_well(media: Path) -> None:
    from madang.apps.videos import library, services, trims
    from tests.support.vod import Folder

    channel = make_channel()
    services.begin_upload(FIRST, channel.pk, "Drums", "drums.mov", 5000)
    services.process_upload(FIRST)
    (made,) = recording()
    folder: Folder = folder_of(media, {SOURCE: [made]}, name=FIRST)

    def publish(*names: str) -> None:
        renditions = tuple(
            services.RenditionResult(name, 1280, 720, "avc1.64001f", 1000, len(made.data))
            for name in names
        )
        now = datetime.now(UTC)
        size = len(made.data) * len(names)
        services.publish_upload(FIRST, services.RecordingResult(30.0, size, now, renditions))

    publish(SOURCE)
    trims.trim(library.get(FIRST), 4.0, 20.0)
    short = row()["duration"]
    second = folder_of(media / "more", {"360p": [made]}, name=FIRST)
    (second.path / "360p").rename(folder.path / "360p")
    folder.change(renditions=(*folder.manifest.renditions, *second.manifest.renditions))
    publish(SOURCE, "360p")
    assert row()["trim_view"] is None
    trims.settle()
    after = row()
    assert after["duration"] == short
    assert [each["name"] for each in after["renditions"]] == [SOURCE, "360p"]
    assert len({each["bytes"] for each in after["renditions"]}) == 1
    assert trims.shown_bytes(library.get(FIRST)) < after["bytes"] == len(made.data) * 2
    assert trims.whole(library.get(FIRST))["duration"] == 30.0
    trims.undo(library.get(FIRST))
    assert (row()["duration"], row()["bytes"]) == (30.0, len(made.data) * 2)


def test_the_api_trims_for_the_owner_alone(video: Video, client: Any) -> None:
    owner = token_of(video.channel.owner, "manage")
    wanted = {"trim": {"start": 4, "end": 20}, "title": "Short"}
    assert patch(client, ONE, wanted).status_code == 401
    other = token_of(make_user("other"), "manage")
    assert patch(client, ONE, wanted, **other).status_code == 403
    answer = patch(client, ONE, wanted, **owner)
    assert answer.status_code == 200
    assert answer.json()["title"] == "Short"
    assert answer.json()["trim"]["wanted_end"] == 20
    assert patch(client, ONE, {"title": "Other"}, **owner).json()["trim"] is not None
    refused = patch(client, ONE, {"trim": {"start": 9, "end": 3}, "title": "No"}, **owner)
    assert refused.status_code in {400, 422}
    assert "after the start" in refused.json()["detail"]
    assert row()["title"] == "Other"
    for bad in ({"start": -1}, {"start": "x"}, {"begin": 1}, {"start": 1e12}):
        assert patch(client, ONE, {"trim": bad}, **owner).status_code == 422
    assert patch(client, ONE, {"trim": None}, **owner).json()["trim"] is None


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, station: Settings) -> Run:
    """Run `madang video …` on the database of the test; return its output."""
    from madang.cli import video

    return runner(monkeypatch, station, video)


def test_the_command_trims_and_undoes(video: Video, run: Run) -> None:
    words = run("trim", FIRST, "--start", "0:00:04", "--end", "20")
    assert words.startswith(f"{FIRST} goes from 0:00:04 to 0:00:")
    item = parsed(run, "trim", FIRST, "--start", "6.5")
    assert (item["trim"]["wanted_start"], item["trim"]["wanted_end"]) == (6.5, None)
    assert item["trim"]["start"] == pytest.approx(8.0, abs=0.1)
    assert "is whole: 0:00:30" in run("trim", FIRST, "--undo")
    with pytest.raises(MadangError, match="is no time"):
        run("trim", FIRST, "--start", "soon")


def test_the_studio_trims_and_undoes(video: Video, client: Any) -> None:
    page = f"/studio/@yard/videos/{FIRST}/trim"
    assert client.get(page).status_code == 302
    client.force_login(make_user("other"))
    assert client.get(page).status_code in {403, 404}
    client.force_login(video.channel.owner)
    assert page in client.get(f"/studio/@yard/videos/{FIRST}").content.decode()
    assert f'data-src="/vod/{FIRST}/index.m3u8?whole=1" data-waits' in (
        client.get(page).content.decode()
    )
    saved = client.post(page, {"start": "0:04", "end": ""}, follow=True).content.decode()
    assert "within a minute" in saved
    assert "Viewers see 0:00:04" in saved
    assert 'value="0:00:04"' in saved
    # The player shows the whole, the pictures are of what is left.
    from madang.apps.videos.models import Video

    view = {**row()["trim_view"], "drawn": True}
    Video.objects.update(trim_view=view, storyboard=True)
    assert "data-storyboard" in client.get(f"/v/{FIRST}").content.decode()
    assert "data-storyboard" not in client.get(page).content.decode()
    for bad, words in (
        ({"start": "soon", "end": ""}, "is no time"),
        ({"start": "9", "end": "3"}, "after the start"),
    ):
        refused = client.post(page, bad)
        assert refused.status_code == 400
        assert words in refused.content.decode()
        assert f'value="{bad["start"]}"' in refused.content.decode()
    assert row()["trim_start"] == 4.0
    assert "shown again" in client.post(page, {"do": "undo"}, follow=True).content.decode()
    assert row()["trim_start"] is None


def test_the_studio_says_what_cannot_be_trimmed(client: Any) -> None:
    from madang.apps.videos.models import Video

    owner = make_user()
    begin(make_channel(owner=owner))
    Video.objects.update(state="processing")
    client.force_login(owner)
    answer = client.get(f"/studio/@yard/videos/{FIRST}/trim", follow=True).content.decode()
    assert "Only a video that is finished and ready can be trimmed." in answer
    assert "/trim" not in answer


def test_the_chat_is_that_of_what_is_left(video: Video, client: Any) -> None:
    from madang.apps.chat import store
    from madang.apps.videos import library, trims
    from madang.chat.model import Message, Role

    for seconds in (1, 5, 12, 19, 28):
        at = round((video.created_at + timedelta(seconds=seconds)).timestamp() * 1000)
        said = Message(f"{at:018x}", at, "u9", "minji", Role.MEMBER, f"at {seconds}")
        store.save_messages([(video.channel_id, said)])

    def texts() -> list[str]:
        return [each["text"] for each in client.get(f"{ONE}/chat").json()["items"]]

    assert len(texts()) == 5
    trims.trim(library.get(FIRST), 4.0, 20.0)
    assert texts() == ["at 5", "at 12", "at 19"]
    part = client.get(f"{ONE}/chat?from=6").json()
    assert [each["text"] for each in part["items"]] == ["at 12", "at 19"]
    assert part["previous_at"] is not None
    assert part["next_at"] is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", None), ("90", 90.0), ("1:30", 90.0), ("90:00", 5400.0), ("1:02:03.5", 3723.5)],
)
def test_times_are_read_as_people_write_them(text: str, seconds: float | None) -> None:
    from madang.apps.videos.times import exact_clock, parse_time

    assert parse_time(f" {text} ") == seconds
    if seconds is not None:
        assert parse_time(exact_clock(seconds)) == seconds


@pytest.mark.parametrize("text", ["x", "1:60", "1:70:00", "-1", "1:2:3:4", "1e3", ":30", "1:", "٣"])
def test_what_is_no_time_is_refused(text: str) -> None:
    from madang.apps.videos.errors import InvalidVideo
    from madang.apps.videos.times import parse_time

    with pytest.raises(InvalidVideo, match="is no time"):
        parse_time(text)


def test_a_trim_that_leaves_nothing_is_found_out_once(video: Video, media: Path) -> None:
    from madang.apps.videos import library, trims

    before = row()
    away = media / "away"
    (media / "recordings").rename(away)
    trims.trim(video, 10.1, 11.0)
    away.rename(media / "recordings")
    trims.settle()
    assert (row()["duration"], row()["trim_view"]) == (0.0, {})
    card = trims.card(library.get(FIRST))
    assert card is not None
    assert (card.start, card.wanted_start) == (None, 10.1)
    trims.undo(library.get(FIRST))
    assert row() == before
