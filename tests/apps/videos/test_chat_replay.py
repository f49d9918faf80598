"""The chat beside the recording of a show: who gets it, what is deleted, how long it is kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.apps import make_channel, make_user
from tests.support.videos import EVENING, FIRST, SECOND, recorded

pytestmark = pytest.mark.usefixtures("db")

CHAT = f"/api/v1/videos/{FIRST}/chat"
PAGE = f"/v/{FIRST}"


def say(channel: Any, *seconds: float, person: str = "u9", answers: float | None = None) -> None:
    """Write a message `seconds` after the beginning of the evening's show."""
    from madang.apps.chat import store
    from madang.chat.model import Message, Role

    quote = None if answers is None else {"id": key_of(answers), "name": "ada", "text": "why?"}
    entries = [
        Message(
            key_of(each), moment(each), person, "minji", Role.MEMBER, f"at {each}", reply_to=quote
        )
        for each in seconds
    ]
    store.save_messages([(channel.pk, entry) for entry in entries])


def moment(seconds: float) -> int:
    return round((EVENING + timedelta(seconds=seconds)).timestamp() * 1000)


def key_of(seconds: float) -> str:
    return f"{moment(seconds):018x}"


def act(channel: Any, kind: str, seconds: float, **fields: Any) -> None:
    from madang.apps.chat import store
    from madang.chat.model import ModerationAction

    action = ModerationAction(
        key_of(seconds), moment(seconds), "u1", "olive", kind, before={}, **fields
    )
    store.save_action(channel.pk, action)


def replay(client: Any, query: str = "") -> Any:
    return client.get(f"{CHAT}{query}").json()


def texts(client: Any, query: str = "") -> list[str]:
    return [item["text"] for item in replay(client, query)["items"]]


def test_a_show_has_what_was_said_in_it_and_nothing_before_or_after(client: Any) -> None:
    channel = make_channel()
    say(channel, -1, 0, 12.5, 3599.9, 3600, 9000)
    recorded(channel)
    found = replay(client)
    assert [item["text"] for item in found["items"]] == ["at 0", "at 12.5", "at 3599.9"]
    assert (found["began_at"], found["items"][1]["at"]) == (
        "2026-05-01T19:00:00Z",
        "2026-05-01T19:00:12.500Z",
    )
    assert (found["previous_at"], found["next_at"], found["next_cursor"]) == (None, None, None)
    page = client.get(PAGE).content.decode()
    assert f'data-replay="{FIRST}"' in page
    assert '<script id="emotes" type="application/json">[]</script>' in page
    assert "data-replay" not in client.get(f"/embed{PAGE}").content.decode()


def test_a_part_of_the_show_says_where_the_next_messages_are(client: Any) -> None:
    channel = make_channel()
    say(channel, 5, 65, 66, 400)
    recorded(channel)
    found = replay(client, "?from=60&to=2026-05-01T19:02:00Z")
    assert [item["text"] for item in found["items"]] == ["at 65", "at 66"]
    assert (found["previous_at"], found["next_at"]) == (
        "2026-05-01T19:00:05Z",
        "2026-05-01T19:06:40Z",
    )
    assert texts(client, "?from=2026-05-01T19:01:06Z") == ["at 66", "at 400"]
    assert texts(client, "?from=2030-01-01T00:00:00Z") == []
    assert client.get(f"{CHAT}?from=soon").status_code == 422


def test_messages_of_one_moment_are_walked_page_by_page(client: Any) -> None:
    from madang.apps.chat.models import ChatMessage

    channel = make_channel()
    say(channel, 1, 2, 3, 4)
    ChatMessage.objects.filter(text__in=("at 2", "at 3")).update(at=EVENING + timedelta(seconds=2))
    recorded(channel)
    walked, cursor = [], ""
    while cursor is not None:
        found = replay(client, f"?limit=1&cursor={cursor}" if cursor else "?limit=1")
        walked += [item["text"] for item in found["items"]]
        cursor = found["next_cursor"]
    assert walked == ["at 1", "at 2", "at 3", "at 4"]
    assert client.get(f"{CHAT}?cursor=nonsense").status_code == 400


def test_what_moderators_delete_is_gone_with_its_quotes_and_comes_back_undone(client: Any) -> None:
    channel = make_channel()
    say(channel, 1, 2)
    say(channel, 3, answers=1)
    say(channel, 4, 5, person="u7")
    recorded(channel)
    before = client.get(CHAT)
    assert before.json()["items"][2]["reply_to"]["text"] == "why?"
    assert client.get(CHAT, headers={"If-None-Match": before["ETag"]}).status_code == 304

    act(channel, "delete", 9000, ids=(key_of(1),))
    after = client.get(CHAT, headers={"If-None-Match": before["ETag"]})
    assert after.status_code == 200
    assert [item["text"] for item in after.json()["items"]] == ["at 2", "at 3", "at 4", "at 5"]
    assert after.json()["items"][1]["reply_to"] is None
    assert after.json()["version"] != before.json()["version"]
    assert "why?" not in after.content.decode()

    act(channel, "ban", 9001, person="u7", name="troll")
    assert texts(client) == ["at 2", "at 3"]
    banned = replay(client)["version"]
    act(channel, "undo", 9002, undoes=key_of(9001))
    assert texts(client) == ["at 2", "at 3", "at 4", "at 5"]
    assert replay(client)["version"] != banned
    act(channel, "clear", 9003)
    assert replay(client)["items"] == []
    assert "data-replay" not in client.get(PAGE).content.decode()


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"visibility": "unlisted"}, 200),
        ({"visibility": "private"}, 404),
        ({"deleted_at": EVENING}, 404),
        ({"state": "failed"}, 404),
        ({"temporary": True}, 404),
    ],
)
def test_the_chat_is_for_those_who_may_open_the_video(
    client: Any, values: dict[str, Any], status: int
) -> None:
    from madang.apps.videos.models import Video

    owner = make_user("olive")
    channel = make_channel(owner=owner)
    say(channel, 1)
    recorded(channel)
    Video.objects.update(**values)
    response = client.get(CHAT)
    assert response.status_code == status
    assert ("at 1" in response.content.decode()) is (status == 200)
    client.force_login(owner)
    assert client.get(CHAT).status_code == (404 if "temporary" in values else 200)
    assert "public" not in client.get(CHAT)["Cache-Control"]


def test_anonymous_answers_may_be_kept_for_ten_seconds(client: Any) -> None:
    recorded(make_channel())
    assert client.get(CHAT)["Cache-Control"] == "public, max-age=10"


def test_a_channel_may_show_no_chat_beside_its_videos(client: Any) -> None:
    from madang.apps.channels.services import set_recording

    owner = make_user("olive")
    channel = make_channel(owner=owner)
    say(channel, 1)
    recorded(channel)
    live = "/api/v1/channels/yard/chat/replay?start=2026-05-01T00:00:00Z&end=2026-05-02T00:00:00Z"
    assert len(client.get(live).json()["items"]) == 1
    client.force_login(owner)
    client.post("/studio/@yard/videos", {"record": "", "retention_days": ""})
    client.logout()
    assert (replay(client)["items"], client.get(live).json()["items"]) == ([], [])
    assert "data-replay" not in client.get(PAGE).content.decode()
    set_recording("yard", chat_replay=True)
    assert texts(client) == ["at 1"]
    client.force_login(owner)
    assert 'name="chat_replay"' in client.get("/studio/@yard/videos").content.decode()


def test_a_page_costs_few_queries(client: Any) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    channel = make_channel()
    say(channel, *range(1, 20), answers=1)
    recorded(channel)
    with CaptureQueriesContext(connection) as queries:
        assert len(replay(client, "?from=2")["items"]) == 18
    assert len(queries) == 6


def test_messages_stay_as_long_as_the_video_and_go_with_it() -> None:
    from madang.apps.chat import store
    from madang.apps.chat.models import ChatMessage
    from madang.apps.videos.chat_replay import spans_kept
    from madang.apps.videos.models import State, Video

    def left(now: datetime) -> list[str]:
        store.prune(now, spans_kept())
        return list(ChatMessage.objects.values_list("text", flat=True))

    channel = make_channel()
    say(channel, -5, 1, 3601, 86_401, 100_000)
    recorded(channel)
    recorded(channel, SECOND, began_at=EVENING + timedelta(days=1))
    later = EVENING + timedelta(days=200)
    assert left(later) == ["at 1", "at 86401"]
    Video.objects.filter(pk=FIRST).update(deleted_at=later)
    assert left(later) == ["at 1", "at 86401"], "the bin gives it back whole"
    Video.objects.filter(pk=FIRST).update(state=State.DELETED)
    assert left(later) == ["at 86401"]
    channel.chat_replay = False
    channel.save()
    assert left(later) == []


def test_times_between_spans() -> None:
    from madang.apps.chat.store import between

    def at(hour: int) -> datetime:
        return EVENING + timedelta(hours=hour)

    spans = [(at(5), at(7)), (at(0), at(4)), (at(1), at(2)), (at(9), at(30))]
    assert [(end - EVENING) // timedelta(hours=1) for _, end in between(spans, at(8))] == [0, 5, 8]
    assert [start for start, _ in between(spans, at(8))][1:] == [at(4), at(7)]
    assert between(spans, at(10))[-1] == (at(7), at(9))
    assert between([], at(1))[0][1] == at(1)
