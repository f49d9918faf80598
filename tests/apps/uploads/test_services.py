"""Rows of uploads: rights, quotas, the video that a complete one becomes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.apps import make_channel, make_user

if TYPE_CHECKING:
    from madang.apps.channels.models import Channel

pytestmark = pytest.mark.usefixtures("db")

ID = "a" * 32
VIDEO = "4fDbx9oQmWzk"


@pytest.fixture
def channel(db: None) -> Channel:
    """The channel `yard` of its owner."""
    return make_channel("yard")


def wanted(channel: Channel, upload_id: str = ID, **fields: Any) -> Any:
    from madang.apps.uploads.new_upload import NewUpload

    names = {"channel": channel.slug, "filename": "a.mp4"}
    values = {"metadata": names, "length": 1000, "expires_at": 2e9, "video_id": VIDEO} | fields
    return NewUpload(upload_id, values.pop("account_id", channel.owner_id), **values)


def test_a_complete_upload_becomes_one_video_and_one_job(channel: Channel) -> None:
    from madang.apps.jobs.models import Job
    from madang.apps.uploads import services
    from madang.apps.uploads.models import Upload
    from madang.apps.videos.models import Video

    services.begin(wanted(channel))
    services.progress(ID, 400, 2e9)
    services.progress(ID, 300, 2e9)  # late news
    assert Upload.objects.get(pk=ID).offset == 400
    for _ in range(2):
        services.finish(ID, 1000, storage="here")
    video = Video.objects.get()
    assert (video.pk, video.channel, video.kind, video.state) == (
        VIDEO,
        channel,
        "upload",
        "queued",
    )
    assert (video.title, video.bytes) == ("a", 1000)
    job = Job.objects.get()
    assert (job.kind, job.subject, job.arguments) == ("prepare-video", VIDEO, {"upload": ID})
    assert job.storage == "here"
    upload = Upload.objects.get()
    assert (upload.state, upload.offset, upload.expires_at) == ("complete", 1000, None)


def test_a_channel_takes_files_of_its_owner_and_of_administrators(channel: Channel) -> None:
    from madang.apps.uploads import services
    from madang.apps.uploads.errors import NotAllowed, UnknownChannel

    other, admin = make_user("other"), make_user("ada", admin=True)
    with pytest.raises(NotAllowed, match="Only the owner"):
        services.begin(wanted(channel, account_id=other.pk))
    services.begin(wanted(channel, account_id=admin.pk))
    for slug in ("nowhere", "\0"):
        with pytest.raises(UnknownChannel, match="There is no channel"):
            services.begin(wanted(channel, "b" * 32, metadata={"channel": slug}))
    other.is_active = False
    other.save()
    with pytest.raises(NotAllowed, match="closed"):
        services.begin(wanted(channel, account_id=other.pk))


def test_without_a_channel_it_goes_to_the_only_one_of_the_account(channel: Channel) -> None:
    from madang.apps.uploads import services
    from madang.apps.uploads.errors import UnknownChannel
    from madang.apps.uploads.models import Upload

    services.begin(wanted(channel, metadata={}))
    assert Upload.objects.get().channel == channel
    make_channel("garden", owner=channel.owner)
    with pytest.raises(UnknownChannel, match="Upload-Metadata"):
        services.begin(wanted(channel, "b" * 32, metadata={}))
    services.begin(wanted(channel, "c" * 32, metadata={}, partial=True))
    assert Upload.objects.get(pk="c" * 32).channel is None


def test_quotas_count_videos_and_what_is_being_sent(channel: Channel) -> None:
    from madang.apps.uploads import services
    from madang.apps.uploads.errors import QuotaExceeded
    from madang.apps.uploads.services import Quotas
    from madang.apps.videos.models import Video

    quotas = Quotas(person=2500)
    services.begin(wanted(channel), quotas)
    services.begin(wanted(channel), quotas)  # asked twice, counted once
    services.begin(wanted(channel, "b" * 32), quotas)
    with pytest.raises(QuotaExceeded, match="may take"):
        services.begin(wanted(channel, "c" * 32), quotas)
    services.begin(wanted(channel, "c" * 32, length=None), quotas)
    with pytest.raises(QuotaExceeded):
        services.declare("c" * 32, 501, quotas)
    services.declare("c" * 32, 500, quotas)
    services.finish(ID, 1000)
    with pytest.raises(QuotaExceeded):
        services.begin(wanted(channel, "d" * 32, length=1), quotas)
    services.end("c" * 32, "terminated")
    services.begin(wanted(channel, "d" * 32, length=500), quotas)
    Video.objects.update(state="deleted")
    services.begin(wanted(channel, "e" * 32, length=1000), quotas)
    with pytest.raises(QuotaExceeded, match="no room for more"):
        services.begin(wanted(channel, "f" * 32, length=1), Quotas(station=2500))


def test_what_was_deleted_meanwhile_becomes_no_video(channel: Channel) -> None:
    from madang.apps.uploads import services
    from madang.apps.uploads.errors import UnknownChannel, UploadRefused
    from madang.apps.videos.models import Video

    services.begin(wanted(channel))
    services.end(ID, "terminated")
    with pytest.raises(UploadRefused, match="deleted"):
        services.finish(ID, 1000)
    services.begin(wanted(channel, "b" * 32))
    channel.delete()
    with pytest.raises(UnknownChannel):
        services.finish("b" * 32, 1000)
    assert not Video.objects.exists()


def ready(channel: Channel) -> Any:
    from madang.apps.videos import services
    from tests.support.videos import recorded

    video = recorded(channel)
    assert services.has_files(video.pk)
    return video


def replacing(channel: Channel, video_id: str, upload_id: str = ID, **fields: Any) -> Any:
    names = {"filename": "b.mp4", "replaces": video_id}
    return wanted(channel, upload_id, metadata=names, **fields)


def test_a_file_can_replace_those_of_a_video(channel: Channel) -> None:
    from madang.apps.jobs.models import Job
    from madang.apps.uploads import services
    from madang.apps.videos.models import Video

    make_channel("other", owner=channel.owner)
    video = ready(channel)
    before = Video.objects.values().get()
    for number, upload_id in enumerate((ID, "b" * 32)):
        assert services.begin(replacing(channel, video.pk, upload_id)) == video.pk
        services.finish(upload_id, 1000, storage="here")
        job = Job.objects.get(kind="prepare-video", state="queued")
        assert job.arguments == {"upload": upload_id, "replaces": True}
        assert (job.kind, job.subject) == ("prepare-video", video.pk)
        assert Job.objects.filter(state="cancelled").count() == number
    assert Video.objects.values().get() == before


def test_the_files_of_others_and_of_what_is_not_ready_are_not_replaced(channel: Channel) -> None:
    from madang.apps.uploads import services
    from madang.apps.uploads.errors import UnknownVideo, UploadRefused

    video = ready(channel)
    stranger = make_user("stranger")
    for wrong in (
        replacing(channel, video.pk, account_id=stranger.pk),
        replacing(channel, "4fDbx9oQmWz1"),
        replacing(channel, "\0"),
    ):
        with pytest.raises(UnknownVideo):
            services.begin(wrong)
    video.state = "recording"
    video.save()
    with pytest.raises(UploadRefused, match="not finished"):
        services.begin(replacing(channel, video.pk))


def test_a_video_that_was_deleted_meanwhile_is_not_replaced(channel: Channel) -> None:
    from madang.apps.jobs.models import Job
    from madang.apps.uploads import services
    from madang.apps.uploads.errors import UploadRefused
    from madang.apps.videos import library

    video = ready(channel)
    services.begin(replacing(channel, video.pk))
    library.delete(video)
    with pytest.raises(UploadRefused, match="is deleted"):
        services.finish(ID, 1000)
    assert not Job.objects.filter(kind="prepare-video").exists()


def test_rows_and_data_of_what_ended_go_after_a_week(channel: Channel) -> None:
    from django.utils import timezone

    from madang.apps.jobs.models import Job
    from madang.apps.uploads import services
    from madang.apps.uploads.models import Upload

    services.begin(wanted(channel))
    services.begin(wanted(channel, "b" * 32))
    services.end("b" * 32, "expired")
    services.begin(wanted(channel, "c" * 32, video_id="5gEcyApRnXAm"))
    services.finish("c" * 32, 1000)
    released: list[str] = []
    services.delete_ended(timezone.now() + timedelta(days=6), released.append)
    assert Upload.objects.count() == 3
    services.delete_ended(timezone.now() + timedelta(days=8), released.append)
    assert {each.pk for each in Upload.objects.all()} == {ID, "c" * 32}  # its job is still queued
    assert released == ["b" * 32]
    Job.objects.update(state="failed")
    services.delete_ended(timezone.now() + timedelta(days=8), released.append)
    assert [each.pk for each in Upload.objects.all()] == [ID]
    assert sorted(released) == ["b" * 32, "c" * 32]


def test_a_row_whose_end_nobody_told_takes_none_of_a_quota_for_ever(channel: Channel) -> None:
    from django.utils import timezone

    from madang.apps.uploads import services
    from madang.apps.uploads.models import Upload

    services.begin(wanted(channel))
    begun = timezone.now()
    Upload.objects.update(expires_at=begun + timedelta(days=1), updated_at=begun)
    services.delete_ended(begun + timedelta(days=7), [].append)
    assert Upload.objects.get().state == "active"
    services.delete_ended(begun + timedelta(days=9), [].append)
    assert not Upload.objects.exists()


def test_the_api_lists_ones_own(client: Any, channel: Channel) -> None:
    from madang.apps.uploads import services

    assert client.get("/api/v1/uploads").status_code == 401
    names = {"channel": "yard", "filename": "e\u0301te\u0301.mp4", "title": "Summer"}
    services.begin(wanted(channel, metadata=names))
    services.begin(wanted(channel, "b" * 32, partial=True))
    client.force_login(channel.owner)
    (item,) = client.get("/api/v1/uploads").json()["items"]
    expected = {
        "id": ID,
        "url": f"/files/{ID}",
        "channel": "yard",
        "filename": "\xe9t\xe9.mp4",
        "title": "Summer",
        "state": "active",
        "length": 1000,
        "offset": 0,
        "video": None,
    }
    assert {key: item[key] for key in expected} == expected
    services.finish(ID, 1000)
    (item,) = client.get("/api/v1/uploads?state=complete").json()["items"]
    assert item["video"] == VIDEO
    assert client.get("/api/v1/uploads?state=active").json()["items"] == []
    client.force_login(make_user("other"))
    assert client.get("/api/v1/uploads").json()["items"] == []
