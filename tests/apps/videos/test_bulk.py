"""Changes of several videos at once, by the studio and the API, and taking them back."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.apps import PASSWORD, make_channel, make_user
from tests.support.videos import EVENING, FIRST, SECOND, begin, recorded

if TYPE_CHECKING:
    from madang.apps.videos.models import Video

pytestmark = pytest.mark.usefixtures("db")

NOW = EVENING + timedelta(hours=2)
THIRD = "Drum5atDusk3"
CHANGES = "/api/v1/video-changes"


@pytest.fixture
def owner() -> Any:
    """The owner of a channel with two videos."""
    channel = make_channel()
    recorded(channel)
    recorded(channel, SECOND)
    return channel.owner


def row(video_id: str = FIRST) -> Video:
    from madang.apps.videos.models import Video

    return Video.objects.get(pk=video_id)


def change(user: Any, *ids: str, **wanted: Any) -> Any:
    from madang.apps.videos.bulk import Wanted, change

    return change(user, ids, Wanted(**wanted), now=NOW)


def undo(user: Any, change_id: str, after: timedelta = timedelta(minutes=1)) -> int:
    from madang.apps.videos.bulk import undo

    return undo(user, change_id, now=NOW + after)


def test_several_are_changed_and_are_again_as_they_were(owner: Any) -> None:
    from madang.apps.videos.library import VideoChange
    from madang.apps.videos.library import change as change_one

    change_one(row(SECOND), VideoChange(visibility="unlisted", keep=True))
    done = change(owner, FIRST, SECOND, visibility="private", keep=False)
    assert done.changed == 2
    assert {row(each).visibility for each in (FIRST, SECOND)} == {"private"}
    assert undo(owner, done.change_id) == 2
    assert (row().visibility, row().keep) == ("public", False)
    assert (row(SECOND).visibility, row(SECOND).keep) == ("unlisted", True)


def test_a_plan_to_become_public_comes_back_until_its_time(owner: Any) -> None:
    from madang.apps.videos.publication import schedule

    at = NOW + timedelta(minutes=5)
    for video_id in (FIRST, SECOND):
        schedule(row(video_id), at, now=NOW)
    done = change(owner, FIRST, visibility="public")
    assert (row().visibility, row().publish_at) == ("public", None)
    assert undo(owner, done.change_id) == 1
    assert (row().visibility, row().publish_at) == ("private", at)
    late = change(owner, SECOND, visibility="public")
    assert undo(owner, late.change_id, timedelta(minutes=6)) == 0
    assert (row(SECOND).visibility, row(SECOND).publish_at) == ("public", None)


def test_deleted_ones_come_out_of_the_bin(owner: Any) -> None:
    done = change(owner, FIRST, SECOND, delete=True)
    assert row().deleted_at == row(SECOND).deleted_at == NOW
    assert undo(owner, done.change_id) == 2
    assert row().deleted_at is row(SECOND).deleted_at is None
    assert not row().keep


def test_one_that_cannot_be_changed_does_not_hold_up_the_others(owner: Any) -> None:
    from madang.apps.channels.models import Channel

    begin(Channel.objects.get(), THIRD)
    recorded(make_channel("other", owner=make_user("bora")), "Drum5atDusk4")
    done = change(owner, THIRD, "Drum5atDusk4", "\0", FIRST, FIRST, visibility="private")
    assert [(each.video_id, bool(each.reason)) for each in done.outcomes] == [
        (THIRD, True),
        ("Drum5atDusk4", True),
        ("\0", True),
        (FIRST, False),
    ]
    assert row("Drum5atDusk4").visibility == "public"
    assert undo(owner, done.change_id) == 1


def test_what_was_changed_since_then_stays(owner: Any) -> None:
    from madang.apps.videos.library import VideoChange, delete
    from madang.apps.videos.library import change as change_one

    done = change(owner, FIRST, SECOND, visibility="private")
    change_one(row(), VideoChange(visibility="unlisted"))
    delete(row(SECOND))
    assert undo(owner, done.change_id) == 0
    assert row().visibility == "unlisted"
    assert row(SECOND).deleted_at is not None


def test_a_change_is_taken_back_once_in_time_and_by_who_made_it(owner: Any) -> None:
    from madang.apps.videos.bulk import UNDO_TIME, delete_old
    from madang.apps.videos.errors import UnfitState

    done = change(owner, FIRST, visibility="private")
    for user, change_id, after in (
        (make_user("bora"), done.change_id, timedelta()),
        (owner, "\0" * 12, timedelta()),
        (owner, done.change_id, UNDO_TIME + timedelta(seconds=1)),
    ):
        with pytest.raises(UnfitState, match="no longer"):
            undo(user, change_id, after)
    assert undo(owner, done.change_id, UNDO_TIME) == 1
    with pytest.raises(UnfitState, match="already"):
        undo(owner, done.change_id)
    delete_old(NOW + timedelta(days=2))
    with pytest.raises(UnfitState, match="no longer"):
        undo(owner, done.change_id)


@pytest.mark.parametrize("count", [0, 201])
def test_none_and_too_many_are_refused(owner: Any, count: int) -> None:
    from madang.apps.videos.errors import InvalidVideo

    with pytest.raises(InvalidVideo):
        change(owner, *(f"Drum5atDus{number:02}" for number in range(count)), delete=True)


def test_the_api_changes_several(client: Any, owner: Any) -> None:
    from madang.apps.accounts import tokens

    _card, token = tokens.create(owner, "program", ["manage"])
    headers = {"HTTP_AUTHORIZATION": f"Bearer {token}"}

    def post(path: str, body: object = None) -> Any:
        text = json.dumps(body) if body is not None else ""
        return client.post(path, text, content_type="application/json", **headers)

    answer = post(CHANGES, {"ids": [FIRST, "nothing"], "visibility": "private"})
    made = answer.json()
    assert (answer.status_code, made["changed"]) == (200, 1)
    assert made["items"][0] == {"id": FIRST, "changed": True, "reason": ""}
    assert made["items"][1]["reason"]
    assert post(f"{CHANGES}/{made['id']}/undo").json() == {"restored": 1}
    assert post(f"{CHANGES}/{made['id']}/undo").status_code == 409
    for wrong in ({"ids": []}, {"ids": [FIRST], "visibility": "secret"}, {"ids": [FIRST], "x": 1}):
        assert post(CHANGES, wrong).status_code == 422
    assert client.post(CHANGES, "{}", content_type="application/json").status_code == 401


def test_the_studio_changes_several_and_offers_to_take_it_back(client: Any, owner: Any) -> None:
    client.login(username=owner.name, password=PASSWORD)
    page = client.get("/studio/@yard/videos").content.decode()
    assert page.count('form="video-bulk"') == 2
    said = client.post(
        "/studio/@yard/videos/bulk", {"do": "delete", "id": [FIRST, SECOND]}, follow=True
    ).content.decode()
    assert "2 videos are changed." in said
    made = re.search(r'name="change" value="(\w+)"', said)
    assert made is not None
    back = client.post("/studio/@yard/videos/undo", {"change": made[1]}, follow=True)
    assert "2 videos are as they were." in back.content.decode()
    assert row().deleted_at is None
    for fields in ({"do": "nothing", "id": FIRST}, {"do": "private"}):
        said = client.post("/studio/@yard/videos/bulk", fields, follow=True).content.decode()
        assert "note-bad" in said
    assert client.get("/studio/@yard/videos?change=x&n=2").status_code == 200
    client.login(username=make_user("bora").name, password=PASSWORD)
    for path in ("bulk", "undo"):
        answer = client.post(f"/studio/@yard/videos/{path}", {"do": "delete", "id": FIRST})
        assert answer.status_code in {403, 404}
    assert row().deleted_at is None
