"""The API of jobs: administrators see all, owners those about their videos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.apps import make_channel, make_user
from tests.support.jobs import START, after
from tests.support.videos import FIRST, begin

if TYPE_CHECKING:
    from madang.apps.jobs.models import Job

pytestmark = pytest.mark.usefixtures("db")

LIST = "/api/v1/jobs"


@pytest.fixture
def job(db: None) -> Job:
    """A job about a video of minji's."""
    from madang.apps.jobs.services import enqueue

    begin(make_channel())
    enqueue("encode", "another video")
    return enqueue("encode", FIRST, not_before=START)


def ids(client: Any, query: str = "") -> list[str]:
    return [item["id"] for item in client.get(f"{LIST}{query}").json()["items"]]


def test_an_item_has_what_the_public_surface_says(client: Any, job: Job) -> None:
    from madang.apps.jobs.cards import card
    from madang.apps.jobs.models import Job

    Job.objects.update(state="running", progress=0.25, remaining_seconds=60.0, updated_at=START)
    found = Job.objects.get(pk=job.pk)
    assert card(found, after(20)).remaining_seconds == 40.0
    assert card(found, after(90)).remaining_seconds == 0.0
    client.force_login(make_user("ada", admin=True))
    item = client.get(f"{LIST}/{job.pk}").json()
    expected = {
        "id": job.pk,
        "kind": "encode",
        "subject": FIRST,
        "state": "running",
        "progress": 0.25,
        "attempt": 0,
        "error": "",
    }
    assert {key: item[key] for key in expected} == expected


def test_who_sees_which(client: Any, job: Job) -> None:
    from madang.apps.accounts.models import User

    assert client.get(LIST).status_code == 401
    client.force_login(make_user("stranger"))
    assert ids(client) == []
    assert client.get(f"{LIST}/{job.pk}").status_code == 404
    assert client.post(f"{LIST}/{job.pk}/cancel").status_code == 404
    client.force_login(User.objects.get(name="minji"))
    assert ids(client) == [job.pk]
    client.force_login(make_user("ada", admin=True))
    assert len(ids(client)) == 2
    assert ids(client, f"?subject={FIRST}&state=queued") == [job.pk]
    assert ids(client, "?state=done") == []


def test_an_owner_cancels_and_tries_again(client: Any, job: Job) -> None:
    from madang.apps.accounts.models import User

    client.force_login(User.objects.get(name="minji"))
    refused = client.post(f"{LIST}/{job.pk}/retry")
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("/unfit-job-state")
    assert client.post(f"{LIST}/{job.pk}/cancel").json()["state"] == "cancelled"
    assert client.post(f"{LIST}/{job.pk}/retry").json()["state"] == "queued"


def test_the_administration_cancels(client: Any, job: Job) -> None:
    client.force_login(make_user("ada", admin=True))
    page = "/admin/jobs/job/"
    assert "encode" in client.get(page).content.decode()
    client.post(page, {"action": "cancel", "_selected_action": [job.pk]})
    job.refresh_from_db()
    assert job.state == "cancelled"
