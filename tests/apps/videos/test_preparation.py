"""What the studio says of videos that are being prepared: words, buttons, the polled answer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.apps import make_channel, make_user
from tests.support.jobs import START, after
from tests.support.videos import FIRST, SECOND

if TYPE_CHECKING:
    from madang.apps.jobs.models import Job
    from madang.apps.videos.models import Video
    from madang.apps.videos.preparation import Preparation

pytestmark = pytest.mark.usefixtures("db")

STUDIO = "/studio/@yard/videos"
ONE = f"{STUDIO}/{FIRST}"
PROGRESS = f"{STUDIO}/progress"


def upload(video_id: str = FIRST) -> Job:
    """An upload that waits to be prepared."""
    from madang.apps.channels.models import Channel
    from madang.apps.jobs.services import enqueue
    from madang.apps.videos import services

    channel = Channel.objects.filter(slug="yard").first() or make_channel()
    services.begin_upload(video_id, channel.pk, "Drums <3", "drums.mov", 5000, now=START)
    return enqueue("prepare-video", video_id, {"upload": "x"}, not_before=START)


def ready(*names: str, first: str = "source") -> Job:
    """A video that can be watched, whose other renditions wait."""
    from madang.apps.jobs.models import Job
    from madang.apps.jobs.services import enqueue
    from madang.apps.videos import services

    upload()
    Job.objects.update(state="done")
    rendition = services.RenditionResult(first, 640, 360, "avc1.64001f", 9, 7)
    services.publish_upload(FIRST, services.RecordingResult(12.5, 7, START, (rendition,)))
    Job.objects.update(state="done")  # the drawing of its storyboard
    arguments = {"first": first, "renditions": list(names)}
    return enqueue("transcode-video", FIRST, arguments, not_before=START)


def set_job(job: Job, **values: Any) -> None:
    type(job).objects.filter(pk=job.pk).update(**values)


def run(job: Job, progress: float, **values: Any) -> None:
    from madang.apps.jobs import leases

    taken = leases.claim("w", [job.kind], None, START)
    assert taken is not None
    values = {"updated_at": START, "progress": progress} | values
    set_job(taken, **values)


def about(seconds: float = 0.0) -> Preparation:
    from madang.apps.videos import preparation
    from madang.apps.videos.models import Video

    return preparation.of_videos(list(Video.objects.all()), after(seconds))[FIRST]


def video() -> Video:
    from madang.apps.videos.models import Video

    return Video.objects.get(pk=FIRST)


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_it_says_why_a_file_waits() -> None:
    from madang.apps.jobs import leases

    set_job(upload(SECOND), due_at=after(-1))
    job = upload()
    assert about().words == "Waits for its turn: 1 file is before it."
    assert (about().busy, about().progress) == (True, None)
    assert "no worker takes it" in about(61).words
    leases.claim("w", [job.kind], None, after(50))
    assert about(61).words == "Waits for its turn: it is the next."


def test_it_says_what_is_done_how_much_and_for_how_long() -> None:
    job = upload()
    run(job, 0.0)
    assert about().words == "The file is being examined."
    set_job(job, progress=0.25, remaining_seconds=130.0)
    assert about().words == "The file is being packaged: 25%. Left: about 2 minutes."
    assert about(10).progress == 0.25
    set_job(job, checkpoint={"pictures": 5}, remaining_seconds=20.0, attempt=2, error="Cut off.")
    assert about().words == (
        "The first rendition is being encoded: 25%. Left: less than a minute. "
        "Attempt 2 of 5; the last one: Cut off."
    )


def test_it_says_which_renditions_are_made() -> None:
    job = ready("source", "720p", "480p")
    assert about().words == "Other renditions follow. Waits for its turn: it is the next."
    run(job, 0.5, remaining_seconds=7200.0)
    assert about().words == (
        "Other renditions are being made (720p, 480p): 50%. Left: about 2 hours."
    )
    set_job(job, progress=0.96, remaining_seconds=None)
    assert about().words == "The loudness is being measured: 96%."
    set_job(job, state="done")
    from madang.apps.videos import preparation

    assert preparation.of_videos([video()]) == {}


def test_it_says_when_a_failed_attempt_is_repeated() -> None:
    from madang.apps.jobs import leases

    job = upload()
    taken = leases.claim("w", [job.kind], None, START)
    assert taken is not None
    lease = leases.Lease(taken.pk, taken.epoch)
    leases.fail(lease, leases.Report(0.0, {}), "The disk is full.", START)
    assert about().words == (
        "It did not work: The disk is full. Tried again in less than a minute."
    )


@pytest.mark.parametrize("final", [True, False])
def test_a_reason_is_told_and_only_what_may_work_is_tried_again(final: bool, client: Any) -> None:
    from madang.apps.videos import services

    job = upload()
    services.fail_upload(FIRST, "The file is empty.")
    set_job(job, state="failed", attempt=1 if final else 5, error="The file is empty.")
    said = about()
    assert (said.words, said.busy, said.failed) == ("The file is empty.", False, True)
    assert said.retries is not final
    client.force_login(video().channel.owner)
    page = client.get(STUDIO).content.decode()
    assert page.count("The file is empty.") == 1
    assert ('value="retry"' in page) is not final
    answer = text_of(client.post(ONE, {"do": "retry"}, follow=True))
    assert ("There is nothing to try again." in answer) is final
    assert video().state == ("failed" if final else "queued")


def test_the_owner_cancels_and_tries_again_without_a_script(client: Any) -> None:
    upload()
    client.force_login(video().channel.owner)
    assert 'value="cancel"' in client.get(STUDIO).content.decode()
    words = text_of(client.post(ONE, {"do": "cancel"}, follow=True))
    assert "Its preparation was cancelled." in words
    assert (video().state, about().retries) == ("failed", True)
    assert "Nothing is being done" in text_of(client.post(ONE, {"do": "cancel"}, follow=True))
    assert "It is tried again." in text_of(client.post(ONE, {"do": "retry"}, follow=True))
    assert (video().state, video().reason, video().ended_at) == ("queued", "", None)
    from madang.apps.videos import library

    library.delete(video())
    assert "in the bin" in text_of(client.post(ONE, {"do": "retry"}, follow=True))


def test_renditions_that_were_cancelled_may_be_made_after_all(client: Any) -> None:
    job = ready("720p")
    client.force_login(video().channel.owner)
    client.post(ONE, {"do": "cancel"})
    assert (about().words, about().retries) == ("The other renditions were cancelled.", True)
    assert video().state == "ready"
    set_job(job, state="failed", attempt=5, error="The disk is full.")
    assert about().words == "The other renditions came to nothing: The disk is full."
    client.post(ONE, {"do": "retry"})
    assert about().busy


def test_pictures_of_the_seek_bar_are_told_of_last(client: Any) -> None:
    from madang.apps.jobs.models import Job

    transcode = ready("720p")
    storyboard = Job.objects.get(kind="draw-storyboard")
    set_job(storyboard, state="queued", due_at=START)
    assert about().words.startswith("Other renditions follow.")
    set_job(transcode, state="failed", attempt=5, error="The disk is full.")
    assert about().words.startswith("Pictures for the seek bar follow.")
    run(storyboard, 0.4)
    assert about().words == "Pictures for the seek bar are being drawn: 40%."
    set_job(storyboard, state="failed", attempt=1, error="The disk is full.")
    assert about().words == "The other renditions came to nothing: The disk is full."
    set_job(transcode, state="done")
    assert about().words == "There are no pictures for the seek bar: The disk is full."
    assert not about().retries
    set_job(storyboard, state="cancelled")
    assert about().words == "Pictures for the seek bar were cancelled."
    client.force_login(video().channel.owner)
    client.post(ONE, {"do": "retry"})
    assert about().busy


@pytest.mark.parametrize("state", ["ready", "failed"])
def test_a_file_that_does_not_replace_another_leaves_the_video(state: str, client: Any) -> None:
    from madang.apps.jobs.models import Job
    from madang.apps.jobs.services import enqueue
    from madang.apps.videos.models import Video

    ready()
    Job.objects.all().delete()
    Video.objects.update(state=state, reason="Cut off." if state == "failed" else "")
    arguments = {"upload": "y", "replaces": True}
    job = enqueue("prepare-video", FIRST, arguments, not_before=START)
    assert about().words == "Another file replaces it. Waits for its turn: it is the next."
    run(job, 0.25)
    assert about().words == "Another file replaces it. The file is being packaged: 25%."
    set_job(job, state="failed", attempt=5, error="The disk is full.")
    assert about().words == "Its file was not replaced: The disk is full."
    set_job(job, state="cancelled")
    assert about().words == "Replacing its file was cancelled."
    client.force_login(video().channel.owner)
    client.post(ONE, {"do": "retry"})
    assert about().busy
    assert video().state == state  # what there is stays until the new file is there


def test_the_page_asks_for_what_changes(client: Any) -> None:
    job = upload()
    owner = video().channel.owner
    assert client.get(f"{PROGRESS}?id={FIRST}").status_code == 302
    client.force_login(make_user("stranger"))
    assert client.get(f"{PROGRESS}?id={FIRST}").status_code in {403, 404}
    client.force_login(owner)
    run(job, 0.5, lease_until=after(10**9))
    answer = client.get(f"{PROGRESS}?id={FIRST}&id=none&id={SECOND}&id=%00")
    assert answer["Cache-Control"].startswith("max-age=0")
    (item,) = answer.json()["items"]
    assert (item["id"], item["state"], item["progress"]) == (FIRST, "queued", 0.5)
    assert item["busy"]
    assert "row" not in item
    (item,) = client.get(f"{PROGRESS}?rows&id={FIRST}").json()["items"]
    page = client.get(STUDIO).content.decode()
    version = re.findall(rf'data-video="{FIRST}" data-version="([^"]*)" data-busy', page)
    assert version == [item["version"]]
    assert "Drums &lt;3" in item["row"]
    assert 'value="0.5"' in item["row"]
    assert client.get(PROGRESS).json() == {"items": []}


def test_a_list_of_many_costs_as_many_queries_as_one(client: Any) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    ids = [f"Drum5atDusk{number}" for number in range(1, 9)]
    for video_id in ids:
        upload(video_id)
    client.force_login(video().channel.owner)
    costs = []
    for asked in (ids[:1], ids):
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(PROGRESS, {"id": asked, "rows": ""})
        assert len(answer.json()["items"]) == len(asked)
        costs.append(len(queries))
    assert costs[0] == costs[1]


def test_a_page_in_korean_uses_no_comma_for_the_share(client: Any) -> None:
    job = upload()
    run(job, 0.25, lease_until=after(10**9))
    client.force_login(video().channel.owner)
    page = client.get(STUDIO, headers={"Accept-Language": "ko"}).content.decode()
    assert 'value="0.25"' in page
