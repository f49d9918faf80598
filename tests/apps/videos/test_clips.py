"""Clips: their packets are the source's, they begin where they say, and only who may makes them."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import pytest
from django.test import Client

from tests.apps.videos.test_trims import media, video
from tests.support.apps import make_user
from tests.support.videos import FIRST

if TYPE_CHECKING:
    from madang.apps.accounts.models import User
    from madang.apps.videos.models import Video

__all__ = ["media", "video"]

pytestmark = pytest.mark.usefixtures("db")

ADDRESS = "192.0.2.1"
CLIPS = f"/api/v1/videos/{FIRST}/clips"


def create(user: User | None = None, start: float = 5.0, end: float = 12.0, **more: Any) -> Video:
    from madang.apps.videos import clips

    return clips.create(FIRST, user, ADDRESS, start=start, end=end, **more)


def allow(choice: str = "everybody") -> None:
    from madang.apps.channels.services import set_recording

    set_recording("yard", clips=choice)


def packets(path: Path) -> list[tuple[str, bytes, bool]]:
    with av.open(str(path)) as container:
        return [
            (packet.stream.type, bytes(packet), packet.is_keyframe)
            for packet in container.demux()
            if packet.size
        ]


def file_of(media: Path, clip: Video) -> Path:
    return media / "recordings" / clip.pk / "source" / "1.mp4"


def test_a_clip_has_the_packets_of_its_source_from_a_key_frame_on(
    video: Video, media: Path
) -> None:
    allow()
    clip = create()
    assert (clip.state, clip.kind, clip.visibility) == ("ready", "clip", "public")
    assert clip.clip_start == pytest.approx(4.0, abs=0.1)  # a key frame every two seconds
    assert clip.duration == pytest.approx(8.0, abs=0.5)
    assert clip.bytes == file_of(media, clip).stat().st_size
    whole, cut = (
        packets(path)
        for path in (media / "recordings" / FIRST / "source" / "1.mp4", file_of(media, clip))
    )
    for kind in {each[0] for each in cut}:
        inside = [each[1] for each in cut if each[0] == kind]
        everything = [each[1] for each in whole if each[0] == kind]
        at = everything.index(inside[0])
        assert everything[at : at + len(inside)] == inside
    assert next(each for each in cut if each[0] == "video")[2]
    with av.open(str(file_of(media, clip))) as container:
        assert container.duration / av.time_base == pytest.approx(clip.duration, abs=0.2)


def test_a_clip_outlives_its_source(video: Video, media: Path, client: Client) -> None:
    allow()
    clip = create()
    shutil.rmtree(media / "recordings" / FIRST)
    video.delete()
    assert packets(file_of(media, clip))
    item = client.get(f"/api/v1/videos/{clip.pk}").json()
    assert (item["kind"], item["clip"]["video"]) == ("clip", FIRST)
    assert client.get(f"/v/{clip.pk}").status_code == 200


@pytest.mark.parametrize(
    ("choice", "who", "made"),
    [
        ("off", "stranger", False),
        ("off", "account", False),
        ("off", "owner", True),
        ("accounts", "stranger", False),
        ("accounts", "account", True),
        ("everybody", "stranger", True),
    ],
)
def test_who_may_make_clips(video: Video, choice: str, who: str, made: bool) -> None:
    from madang.apps.videos.errors import ClipsRefused

    allow(choice)
    user = {"stranger": None, "account": make_user("bora"), "owner": video.channel.owner}[who]
    if made:
        assert create(user).state == "ready"
    else:
        with pytest.raises(ClipsRefused):
            create(user)


@pytest.mark.parametrize(
    ("start", "end"), [(0, 0.5), (0, 60.5), (10, 5), (-1, 5), (25, 45), (28, 31)]
)
def test_times_that_make_no_clip_are_refused_and_leave_nothing(
    video: Video, media: Path, start: float, end: float
) -> None:
    from madang.apps.videos.errors import InvalidClip
    from madang.apps.videos.models import Video as Row

    allow()
    with pytest.raises(InvalidClip):
        create(start=start, end=end)
    assert Row.objects.count() == 1
    assert [each.name for each in (media / "recordings").iterdir()] == [FIRST]


def test_a_clip_of_a_trimmed_video_has_nothing_that_was_cut_away(video: Video) -> None:
    from madang.apps.videos import trims
    from madang.apps.videos.errors import InvalidClip

    allow()
    trimmed = trims.trim(video, 10.0, 20.0)
    begin = trimmed.trim_view["start"]
    clip = create(start=0.0, end=3.0)
    assert clip.clip_start == pytest.approx(begin, abs=0.01)
    with pytest.raises(InvalidClip):
        create(start=5.0, end=trimmed.duration + 1)


def test_a_private_source_makes_its_clips_private(video: Video) -> None:
    from madang.apps.videos.errors import NoSuchVideo
    from madang.apps.videos.library import VideoChange, change

    allow()
    clip = create()
    change(video, VideoChange(visibility="private"))
    clip.refresh_from_db()
    assert clip.visibility == "private"
    with pytest.raises(NoSuchVideo):
        create()
    assert create(video.channel.owner).visibility == "private"


def test_nobody_makes_clips_without_end(video: Video) -> None:
    from madang.apps.videos.clips import PER_HOUR
    from madang.apps.videos.errors import ClipsRefused
    from madang.apps.videos.models import Video as Row

    allow()
    clip = create()
    rows = [
        Row(
            **{
                each.attname: getattr(clip, each.attname)
                for each in Row._meta.concrete_fields
                if each.attname != "id"
            },
            id=f"Drum5atDus{number:02}",
        )
        for number in range(10, 10 + PER_HOUR - 1)
    ]
    Row.objects.bulk_create(rows)
    with pytest.raises(ClipsRefused, match="within an hour"):
        create()
    assert create(make_user("bora")).state == "ready"
    Row.objects.filter(kind="clip").update(created_at=clip.created_at - timedelta(hours=2))
    assert create().state == "ready"


def test_where_the_storage_is_elsewhere_the_worker_makes_it(
    video: Video, media: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from django.conf import settings

    from madang.apps.videos import clips

    allow()
    monkeypatch.setattr(settings, "MADANG_MEDIA_FOLDER", tmp_path / "elsewhere")
    first, second = create(), create(title="Lost")
    assert first.state == second.state == "queued"
    monkeypatch.setattr(settings, "MADANG_MEDIA_FOLDER", media)
    second.clip_of = "Nothing1here"
    second.save()
    clips.settle(second.created_at)
    for each in (first, second):
        each.refresh_from_db()
    assert (first.state, second.state) == ("ready", "queued")
    clips.settle(second.created_at + clips.PATIENCE + timedelta(seconds=1))
    second.refresh_from_db()
    assert second.state == "failed"
    assert second.reason


def test_a_full_disk_is_said_and_nothing_is_left(
    video: Video, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.conf import settings

    from madang.apps.videos.errors import InvalidClip
    from madang.apps.videos.models import Video as Row

    allow()
    monkeypatch.setattr(settings, "MADANG_RESERVE_BYTES", 10**18)
    with pytest.raises(InvalidClip, match="no room"):
        create()
    assert Row.objects.count() == 1


def test_a_clip_of_a_show_that_is_on(video: Video, client: Client) -> None:
    from django.utils import timezone

    from madang.apps.videos.models import Video as Row

    allow()
    began = timezone.now() - timedelta(seconds=26)
    Row.objects.filter(pk=FIRST).update(state="recording", created_at=began, ended_at=None)
    answer = client.post(
        CLIPS, json.dumps({"last": 10, "behind": 2}), content_type="application/json"
    )
    assert answer.status_code == 201
    item = answer.json()
    assert item["clip"]["start"] == pytest.approx(14, abs=2.1)
    assert item["title"].startswith("yard, from 0:")
    Row.objects.filter(pk=FIRST).update(state="ready")
    assert (
        client.post(CLIPS, json.dumps({"last": 10}), content_type="application/json").status_code
        == 422
    )


def test_the_api_says_what_is_wrong(video: Video, client: Client) -> None:
    def post(path: str = CLIPS, **body: Any) -> Any:
        return client.post(path, json.dumps(body), content_type="application/json")

    assert post(start=1, end=9).status_code == 403
    allow()
    assert post(start=1).status_code == 422
    assert post(start=1, end=99).status_code == 422
    assert post(start=1, end=9, title="x" * 500).status_code == 422
    assert post(CLIPS.replace(FIRST, "Drum5atDusk9"), start=1, end=9).status_code == 404
    made = post(start=1, end=9, title=" A dance ").json()
    assert made["title"] == "A dance"
    assert post(f"/api/v1/videos/{made['id']}/clips", start=1, end=3).status_code == 409
    assert [each["id"] for each in client.get("/api/v1/videos?kind=clip").json()["items"]] == [
        made["id"]
    ]
    assert (
        client.get(f"/api/v1/videos/{made['id']}")
        .json()["download_url"]
        .endswith("source.mp4?download=1")
    )
