"""Videos that become public at a time: who finds them before and after, by which way."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.apps import PASSWORD, make_channel, make_user
from tests.support.videos import EVENING, FIRST, SECOND, recorded

if TYPE_CHECKING:
    from madang.apps.channels.models import Channel
    from madang.apps.videos.models import Video

pytestmark = pytest.mark.usefixtures("db")

NOW = EVENING + timedelta(hours=2)
LATER = NOW + timedelta(days=3)
MOMENT = timedelta(seconds=1)


@pytest.fixture
def channel() -> Channel:
    """A channel with a show and an uploaded file, both public."""
    from madang.apps.videos.models import Video

    made = make_channel()
    recorded(made, SECOND, began_at=EVENING + timedelta(minutes=1))
    recorded(made)
    Video.objects.filter(pk=FIRST).update(kind="upload", title="An evening by the river")
    return made


def row(video_id: str = FIRST) -> Video:
    from madang.apps.videos.models import Video

    return Video.objects.get(pk=video_id)


def schedule(at: datetime | None, video_id: str = FIRST) -> Video:
    from madang.apps.videos.publication import schedule

    return schedule(row(video_id), at, now=NOW)


def publish(at: datetime) -> int:
    from madang.apps.videos.publication import publish_due

    return publish_due(at)


def found(client: Any) -> set[str]:
    """Ways on which a stranger finds the first video."""
    ways = {
        "list": "/api/v1/videos",
        "one": f"/api/v1/videos/{FIRST}",
        "page": f"/v/{FIRST}",
        "embed": f"/embed/v/{FIRST}",
        "channel": "/@yard",
        "channel's list": "/@yard/videos",
        "library": "/library/",
        "search": "/search?q=river",
        "search in the API": "/api/v1/search?q=river",
        "feed": "/feeds/@yard.xml",
        "map": "/sitemap.xml",
    }
    return {
        way
        for way, path in ways.items()
        if (answer := client.get(path)).status_code == 200 and FIRST in answer.content.decode()
    }


def test_nobody_finds_it_before_and_everybody_after(client: Any, channel: Channel) -> None:
    from madang.apps.discovery import index

    index.rebuild()
    everywhere = found(client)
    assert len(everywhere) == 11
    schedule(LATER)
    assert found(client) == set()
    assert publish(LATER - MOMENT) == 0
    assert found(client) == set()
    assert publish(LATER) == 1
    assert publish(LATER) == 0
    assert found(client) == everywhere


def test_a_file_is_as_new_as_its_publication_and_a_show_as_old_as_it_is(channel: Channel) -> None:
    schedule(LATER)
    schedule(LATER, SECOND)
    publish(LATER + timedelta(hours=1))
    assert (row().created_at, row().publish_at) == (LATER, None)
    assert row(SECOND).created_at == EVENING + timedelta(minutes=1)


def test_an_unlisted_one_stays_so_until_then(channel: Channel) -> None:
    from madang.apps.videos.library import VideoChange, change

    change(row(), VideoChange(visibility="unlisted"))
    assert schedule(LATER).visibility == "unlisted"
    publish(LATER)
    assert row().visibility == "public"


def test_a_plan_is_given_up(channel: Channel) -> None:
    from madang.apps.videos.library import VideoChange, change, delete, restore

    schedule(LATER)
    schedule(None)
    publish(LATER)
    assert (row().visibility, row().publish_at) == ("private", None)
    schedule(LATER)
    change(row(), VideoChange(visibility="public"))
    assert row().publish_at is None
    schedule(LATER)
    delete(row(), now=NOW)
    publish(LATER)
    assert row().visibility == "private"
    restore(row(), now=LATER)
    assert publish(LATER) == 1


def test_what_is_not_ready_becomes_public_when_it_is(channel: Channel) -> None:
    from madang.apps.videos.models import Video

    schedule(LATER)
    Video.objects.filter(pk=FIRST).update(state="processing")
    assert publish(LATER) == 0
    Video.objects.filter(pk=FIRST).update(state="ready")
    assert publish(LATER + timedelta(hours=1)) == 1


def test_times_that_are_over_and_states_that_do_not_fit_are_refused(channel: Channel) -> None:
    from madang.apps.videos.errors import UnfitState
    from madang.apps.videos.library import delete

    with pytest.raises(UnfitState, match="over"):
        schedule(NOW)
    delete(row(), now=NOW)
    with pytest.raises(UnfitState, match="in its state"):
        schedule(LATER)


def test_rules_for_private_videos_are_not_for_those_that_wait(
    channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.conf import settings

    from madang.apps.videos.library import expires_at
    from madang.station.config.sections import RetentionSection

    monkeypatch.setattr(settings, "MADANG_RETENTION", RetentionSection(private_days=1))
    assert expires_at(schedule(LATER)) is None
    assert expires_at(schedule(None)) is not None


def test_the_api_plans_and_gives_up(client: Any, channel: Channel) -> None:
    from django.utils import timezone

    from madang.apps.accounts import tokens

    _card, token = tokens.create(channel.owner, "program", ["manage"])
    headers = {"HTTP_AUTHORIZATION": f"Bearer {token}"}

    def patch(**body: Any) -> Any:
        return client.patch(
            f"/api/v1/videos/{FIRST}",
            json.dumps(body),
            content_type="application/json",
            **headers,
        )

    at = (timezone.now() + timedelta(days=1)).replace(microsecond=0)
    item = patch(publish_at=at.isoformat()).json()
    assert (item["visibility"], datetime.fromisoformat(item["publish_at"])) == ("private", at)
    assert patch(title="Another").json()["publish_at"] is not None
    assert patch(publish_at=None).json()["publish_at"] is None
    assert patch(publish_at="2020-01-01T00:00:00Z").status_code == 409
    assert patch(publish_at="2020-01-01T00:00:00").status_code == 422  # without a zone


def test_the_studio_plans_in_the_stations_time_zone(client: Any, channel: Channel) -> None:
    from django.utils import timezone

    from madang.apps.videos.models import Video as Row

    client.login(username=channel.owner.name, password=PASSWORD)
    wanted = timezone.localtime(timezone.now() + timedelta(days=2)).replace(second=0, microsecond=0)
    fields = {"title": "A title", "visibility": "public"}
    page = f"/studio/@yard/videos/{FIRST}"

    def shown_as(at: datetime) -> str:
        return at.strftime("%Y-%m-%dT%H:%M")

    client.post(page, {**fields, "publish_at": shown_as(wanted)})
    assert (row().publish_at, row().visibility) == (wanted, "private")
    shown = client.get(page).content.decode()
    assert f'value="{shown_as(wanted)}"' in shown
    assert "Public at" in client.get("/studio/@yard/videos").content.decode()
    client.post(page, {**fields, "visibility": "private", "publish_at": shown_as(wanted)})
    assert row().publish_at == wanted
    Row.objects.update(publish_at=EVENING + timedelta(seconds=7))  # over, and not ready yet
    over = shown_as(timezone.localtime(EVENING))
    fields["title"] = "Another title"
    client.post(page, {**fields, "visibility": "private", "publish_at": over})
    assert (row().title, row().publish_at) == ("Another title", EVENING + timedelta(seconds=7))
    client.post(page, {**fields, "publish_at": over})
    assert (row().visibility, row().publish_at) == ("public", None)
    client.post(page, {**fields, "publish_at": shown_as(wanted)})
    refused = client.post(page, {**fields, "publish_at": "2020-01-01T10:00"})
    assert refused.status_code == 400
    assert row().publish_at == wanted
    client.post(page, {**fields, "visibility": "private", "publish_at": ""})
    assert row().publish_at is None
    assert make_user("bora").name not in shown
