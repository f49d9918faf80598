"""Pages of videos, as a browser without JavaScript shows them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from tests.support.apps import make_channel, make_user
from tests.support.videos import EVENING, FIRST, SECOND, begin, recorded

pytestmark = pytest.mark.usefixtures("db")

PAGE = f"/v/{FIRST}"
EMBED = f"/embed/v/{FIRST}"
STUDIO = "/studio/@yard/videos"
ONE = f"{STUDIO}/{FIRST}"


def set_row(**values: Any) -> None:
    from madang.apps.videos.models import Video

    Video.objects.update(**values)


def text_of(response: Any) -> str:
    """The words of a page, its spaces folded."""
    body = re.sub(r"(?s)<(script|style|dialog)\b.*?</\1>", "", response.content.decode())
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def titles(client: Any, path: str) -> list[str]:
    page = client.get(path).content.decode()
    return re.findall(r'href="(?:/v/|/studio/@yard/videos/)(\w{12})">', page)


# --- a video ---


def test_a_video_has_player_words_chapters_and_a_download(client: Any) -> None:
    recorded(make_channel(title="Evening drums"))
    set_row(description="0:00 Opening\n12:30 Duet <3\nhttps://example.org", gaps=5.2)
    response = client.get(PAGE)
    body, words = response.content.decode(), text_of(response)
    assert f'data-video="{FIRST}"' in body
    assert f'data-src="/vod/{FIRST}/index.m3u8"' in body
    assert f'href="/vod/{FIRST}/source.mp4?download=1"' in body
    assert f'poster="/vod/{FIRST}/poster.jpg"' in body
    assert '<a href="?t=750" data-at="750" data-title="Duet &lt;3">' in body
    assert 'href="https://example.org" rel="nofollow ugc noopener"' in body
    assert "Evening drums" in words
    assert "1:00:00" in words
    assert "Missing here: 5 seconds of the show" in words
    assert 'href="/@yard"' in body
    assert f"/embed/v/{FIRST}" in body
    assert response["X-Accel-Expires"] == "2"
    assert "noindex" not in body


def test_a_page_that_nobody_may_see_does_not_exist(client: Any) -> None:
    recorded(make_channel())
    absent = client.get("/v/Another1Drum")
    assert absent.status_code == 404
    for row in (
        {"visibility": "private"},
        {"state": "failed"},
        {"deleted_at": EVENING},
        {"temporary": True},
        {"state": "deleted"},
    ):
        set_row(**{"visibility": "public", "state": "ready", "deleted_at": None} | row)
        for path in (PAGE, EMBED):
            refused = client.get(path)
            assert refused.status_code == 404
            assert text_of(refused) == text_of(absent)
    assert client.get("/v/short").status_code == 404


@pytest.mark.parametrize(
    ("row", "says", "plays"),
    [
        ({"visibility": "unlisted"}, "Unlisted", True),
        ({"visibility": "private"}, "This video is private", True),
        (
            {"state": "asking", "visibility": "private", "asked_until": EVENING},
            "or it goes to the bin",
            True,
        ),
        ({"state": "failed", "reason": "The disk is full."}, "The disk is full.", False),
        ({"state": "processing"}, "The video is being prepared", False),
        ({"deleted_at": EVENING}, "The files are deleted in 0 days", False),
    ],
)
def test_the_owner_sees_it_with_a_note(
    client: Any, row: dict[str, Any], says: str, plays: bool
) -> None:
    owner = make_user()
    recorded(make_channel(owner=owner))
    set_row(**row)
    client.force_login(owner)
    response = client.get(PAGE)
    assert says in text_of(response)
    assert ("data-player" in response.content.decode()) is plays
    assert response["X-Accel-Expires"] == "0"
    assert f'href="{ONE}"' in response.content.decode()
    assert "noindex" in response.content.decode() or "visibility" not in row


def test_the_address_of_a_deleted_video_leads_to_its_show_while_that_is_on(client: Any) -> None:
    from madang.apps.videos.library import delete

    delete(begin(make_channel()))
    for path in (PAGE, EMBED):
        assert (client.get(path).status_code, client.get(path)["Location"]) == (302, "/@yard")
    for hidden in ({"ask": True}, {"visibility": "private"}, {"state": "ready"}):
        set_row(**{"ask": False, "visibility": "public", "state": "recording"} | hidden)
        assert client.get(PAGE).status_code == 404


def test_a_show_that_is_on_is_watched_at_its_channel(client: Any) -> None:
    begin(make_channel())
    for path in (PAGE, EMBED):
        body = client.get(path).content.decode()
        assert "This show is on the air" in body
        assert 'href="/@yard" target="_top"' in body
        assert "data-player" not in body


def test_the_player_alone_may_be_framed(client: Any) -> None:
    recorded(make_channel())
    response = client.get(EMBED)
    assert f'data-video="{FIRST}"' in response.content.decode()
    assert "X-Frame-Options" not in response
    assert "frame-ancestors *" in response["Content-Security-Policy"]
    assert client.get(PAGE)["X-Frame-Options"] == "DENY"


# --- a channel's ---


def test_a_channel_shows_its_newest_videos_and_the_way_to_the_rest(client: Any) -> None:
    channel = make_channel()
    ids = [f"Drum5atDusk{sign}" for sign in "abcdefghijkmn"]
    for hour, video_id in enumerate(ids):
        recorded(channel, video_id, began_at=EVENING + timedelta(hours=hour))
    newest = ids[:0:-1]
    assert titles(client, "/@yard") == titles(client, "/@yard/videos") == newest
    more = re.search(r'href="(/@yard/videos\?cursor=[^"]+)"', client.get("/@yard").content.decode())
    assert more is not None
    assert titles(client, more[1]) == ids[:1]
    assert client.get("/@yard/videos?cursor=x").status_code == 404
    assert client.get("/@nobody/videos").status_code == 404


def test_a_channel_lists_what_is_public_also_for_its_owner(client: Any) -> None:
    owner = make_user()
    channel = make_channel(owner=owner)
    recorded(channel)
    set_row(visibility="unlisted")
    begin(channel, SECOND)
    client.force_login(owner)
    assert titles(client, "/@yard") == titles(client, "/@yard/videos") == []
    assert "There is no video here." in text_of(client.get("/@yard/videos"))


# --- the studio ---


def test_the_studio_lists_every_state_with_size_and_time_left(client: Any) -> None:
    from django.utils import timezone

    owner = make_user()
    channel = make_channel(owner=owner)
    now = timezone.now()
    recorded(channel, began_at=now - timedelta(days=1, hours=2))
    set_row(gaps=75, visibility="unlisted")
    recorded(channel, SECOND, began_at=now - timedelta(hours=3), ask=True)
    begin(channel, "Drum5atDusk3", began_at=now)
    client.force_login(owner)
    response = client.get(STUDIO)
    words = text_of(response)
    for part in (
        "28 days left.", "Missing: 1 minute.", "Unlisted", "976.6", "Keep these shows?",
        "without an answer.", "On air", "as the station does: every show",
    ):  # fmt: skip
        assert part in words.replace("\xa0", " "), part
    assert titles(client, STUDIO) == [SECOND, "Drum5atDusk3", FIRST]


def test_the_owner_answers_deletes_and_takes_out(client: Any) -> None:
    from madang.apps.videos.models import Video

    owner = make_user()
    recorded(make_channel(owner=owner), ask=True)
    client.force_login(owner)
    kept = client.post(ONE, {"do": "publish"}, follow=True)
    assert "The video is kept, and public." in text_of(kept)
    assert (Video.objects.get().state, Video.objects.get().visibility) == ("ready", "public")
    binned = client.post(ONE, {"do": "delete"}, follow=True)
    assert "1 in the bin" in text_of(binned)
    assert titles(client, STUDIO) == []
    assert titles(client, f"{STUDIO}/bin") == [FIRST]
    assert "Deleted for good in 6 days." in text_of(client.get(f"{STUDIO}/bin"))
    assert "This video is in the bin" in text_of(client.get(ONE))
    client.post(ONE, {"do": "restore"})
    assert titles(client, STUDIO) == [FIRST]
    assert "The bin is empty." in text_of(client.get(f"{STUDIO}/bin"))


def test_the_desk_says_that_a_show_waits_for_an_answer(client: Any) -> None:
    owner = make_user()
    channel = make_channel(owner=owner)
    client.force_login(owner)
    assert "for your answer" not in text_of(client.get("/studio/@yard"))
    recorded(channel, ask=True)
    assert "1 show waits for your answer." in text_of(client.get("/studio/@yard"))
    client.post(ONE, {"do": "delete"})
    assert "for your answer" not in text_of(client.get("/studio/@yard"))


def test_the_owner_changes_what_viewers_read(client: Any) -> None:
    from madang.apps.videos.models import Video

    owner = make_user()
    recorded(make_channel(owner=owner))
    client.force_login(owner)
    form = {"title": "Drums", "description": "At dusk.", "visibility": "unlisted", "keep": "on"}
    assert client.post(ONE, form).status_code == 302
    video = Video.objects.get()
    assert (video.title, video.description) == ("Drums", "At dusk.")
    assert (video.visibility, video.keep) == ("unlisted", True)
    assert "Kept for good." in text_of(client.get(ONE))
    for wrong in ({"title": ""}, {"visibility": "members"}):
        assert client.post(ONE, form | wrong).status_code == 400
    assert Video.objects.get().title == "Drums"


def test_saving_keeps_a_video_that_asks(client: Any) -> None:
    from madang.apps.videos.models import Video

    owner = make_user()
    recorded(make_channel(owner=owner), ask=True)
    client.force_login(owner)
    page = client.get(ONE).content.decode()
    assert "Saving keeps the video." in page
    assert '<option value="public" selected>' in page
    client.post(ONE, {"title": "Drums", "visibility": "private"})
    video = Video.objects.get()
    assert (video.state, video.visibility) == ("ready", "private")


def test_the_owner_chooses_what_is_kept(client: Any) -> None:
    from madang.apps.channels.services import get_channel

    owner = make_user()
    make_channel(owner=owner)
    client.force_login(owner)
    assert client.post(STUDIO, {"record": "ask", "retention_days": "0"}).status_code == 302
    channel = get_channel("yard")
    assert (channel.record, channel.retention_days) == ("ask", 0)
    assert client.post(STUDIO, {"record": "", "retention_days": ""}).status_code == 302
    channel = get_channel("yard")
    assert (channel.record, channel.retention_days) == ("", None)
    for wrong in ({"record": "sometimes"}, {"retention_days": "-1"}, {"retention_days": "x"}):
        assert client.post(STUDIO, wrong).status_code == 400


def test_only_the_owner_and_administrators_come_in(client: Any) -> None:
    owner = make_user()
    channel = make_channel(owner=owner)
    recorded(channel)
    recorded(make_channel("hall", make_user("bora")), SECOND)
    pages = (STUDIO, f"{STUDIO}/bin", ONE)
    for path in pages:
        assert client.get(path).status_code == 302
    client.force_login(make_user("cora"))
    for path in pages:
        assert client.get(path).status_code == 403
    assert client.post(ONE, {"do": "delete"}).status_code == 403
    client.force_login(make_user("boss", admin=True))
    for path in pages:
        assert client.get(path).status_code == 200
    assert client.get(f"{STUDIO}/{SECOND}").status_code == 404
    assert client.get(f"{STUDIO}/Another1Drum").status_code == 404
