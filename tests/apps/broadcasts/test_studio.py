from __future__ import annotations

from typing import Any

import pytest

from tests.support.apps import Directory, live_status, make_channel, make_user

JSON = {"content_type": "application/json"}


def test_the_studio_asks_strangers_to_sign_in(client: Any) -> None:
    make_channel("yard")
    for path in ("/studio/", "/studio/@yard", "/studio/@yard/health.json"):
        response = client.get(path)
        assert response.status_code == 302
        assert response["Location"].startswith("/accounts/login/?next=")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/studio/@yard"),
        ("get", "/studio/@yard/health.json"),
        ("post", "/studio/@yard/details"),
        ("post", "/studio/@yard/key"),
    ],
)
def test_a_channel_page_opens_to_its_owner_and_administrators_only(
    client: Any, air: Directory, method: str, path: str
) -> None:
    owner = make_user("owner")
    make_channel("yard", owner)
    client.force_login(make_user("other"))
    assert getattr(client, method)(path).status_code == 403
    for user in (owner, make_user("boss", admin=True)):
        client.force_login(user)
        assert getattr(client, method)(path).status_code in {200, 302}


def test_everybody_may_make_one_channel_and_sees_its_key_once(client: Any) -> None:
    from madang.apps.channels.services import authorise_publish

    client.force_login(make_user())
    assert client.get("/studio/").context["may_create"]
    made = client.post("/studio/", {"slug": "yard", "title": "Drums"})
    assert made.status_code == 201
    assert "no-store" in made["Cache-Control"]
    key = made.context["stream_key"]
    assert key in made.content.decode()
    assert authorise_publish([key], "192.0.2.1").slug == "yard"
    assert key not in client.get("/studio/@yard").content.decode()
    assert client.post("/studio/", {"slug": "hall"}).status_code == 403
    assert [card.slug for card in client.get("/studio/").context["channels"]] == ["yard"]


@pytest.mark.parametrize("slug", ["yard", "No Good", ""])
def test_a_slug_that_does_not_fit_is_explained_at_its_field(client: Any, slug: str) -> None:
    make_channel("yard", make_user("owner"))
    client.force_login(make_user())
    response = client.post("/studio/", {"slug": slug})
    assert response.status_code == 400
    assert response.context["form"].errors["slug"]


def test_the_channel_page_shows_where_to_publish_keys_and_past_shows(
    client: Any, air: Directory
) -> None:
    owner = make_user()
    make_channel("yard", owner)
    client.force_login(owner)
    context = client.get("/studio/@yard").context
    assert context["publish_url"] == "rtmp://127.0.0.1:1935/live"
    assert len(context["keys"]) == 1
    assert context["health_url"] == "/studio/@yard/health.json"
    assert (context["status"], context["broadcasts"], context["stream_key"]) == (None, [], None)


def test_a_new_title_reaches_those_who_watch(client: Any, air: Directory) -> None:
    owner = make_user()
    make_channel("yard", owner)
    client.force_login(owner)
    response = client.post("/studio/@yard/details", {"title": "New"})
    assert (response.status_code, response["Location"]) == (302, "/studio/@yard")
    assert client.get("/@yard").context["channel"].title == "New"
    response = client.post("/studio/@yard/details", '{"description": "Drums"}', **JSON)
    assert response.json() == {
        "slug": "yard",
        "title": "New",
        "description": "Drums",
        "language": "en",
    }
    assert air.changed == ["yard", "yard"]


@pytest.mark.parametrize("body", ['{"title": ""}', '{"title": 7}', "[]", "{", '{"language": "x"}'])
def test_details_that_do_not_fit_are_a_problem(client: Any, air: Directory, body: str) -> None:
    owner = make_user()
    make_channel("yard", owner, title="Old")
    client.force_login(owner)
    response = client.post("/studio/@yard/details", body, **JSON)
    assert response.status_code == 422
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["detail"]
    assert client.get("/@yard").context["channel"].title == "Old"
    assert air.changed == []
    form = client.post("/studio/@yard/details", {"title": ""})
    assert form.status_code == 400
    assert form.context["error"]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Title: This field cannot be blank."),
        ("ko", "제목: 이 필드는 빈 칸으로 둘 수 없습니다."),
    ],
)
def test_details_that_do_not_fit_are_named_as_the_form_names_them(
    client: Any, air: Directory, language: str, words: str
) -> None:
    owner = make_user()
    make_channel("yard", owner)
    client.force_login(owner)
    form = client.post("/studio/@yard/details", {"title": ""}, HTTP_ACCEPT_LANGUAGE=language)
    assert form.context["error"] == words


def test_a_new_key_is_shown_once_and_ends_the_old_connection(client: Any, air: Directory) -> None:
    from madang.apps.channels.services import authorise_publish

    owner = make_user()
    make_channel("yard", owner)
    client.force_login(owner)
    response = client.post("/studio/@yard/key", HTTP_ACCEPT="application/json")
    key = response.json()["stream_key"]
    assert authorise_publish([key], "192.0.2.1").slug == "yard"
    assert [slug for slug, _ in air.disconnected] == ["yard"]
    page = client.post("/studio/@yard/key")
    assert page.context["stream_key"] in page.content.decode()
    assert page.context["stream_key"] != key


def test_forms_need_their_token(db: None) -> None:
    from django.test import Client

    owner = make_user()
    make_channel("yard", owner)
    client = Client(enforce_csrf_checks=True, HTTP_HOST="localhost")
    client.force_login(owner)
    assert client.post("/studio/@yard/key").status_code == 403
    assert client.post("/studio/@yard/details", "{}", **JSON).status_code == 403


def test_health_of_a_channel_off_the_air_says_so(client: Any, air: Directory) -> None:
    owner = make_user()
    make_channel("yard", owner)
    client.force_login(owner)
    assert client.get("/studio/@yard/health.json").json() == {
        "state": "offline",
        "status": None,
        "advice": [],
    }


def test_health_of_a_channel_on_the_air_has_its_numbers(client: Any, air: Directory) -> None:
    owner = make_user()
    make_channel("yard", owner)
    client.force_login(owner)
    air.on_air = {"yard": live_status()}
    health = client.get("/studio/@yard/health.json").json()
    assert health["state"] == "live"
    assert health["status"]["since"] == "2026-05-01T10:00:00.000Z"
    assert health["status"]["keyframe_interval"] == 2.0
    assert health["status"]["renditions"][0]["height"] == 720
    assert "advice" not in health["status"]


def test_the_health_says_when_an_encoder_of_the_channel_was_refused(client: Any) -> None:
    from madang.apps.channels.errors import KeyRefused
    from madang.apps.channels.services import authorise_publish, create_channel, rotate_key

    owner = make_user()
    _, old = create_channel("yard", owner=owner)
    make_channel("hall", owner)
    rotate_key("yard")
    with pytest.raises(KeyRefused):
        authorise_publish([str(old)], "192.0.2.7", encoder="OBS")
    client.force_login(owner)
    health = client.get("/studio/@yard/health.json").json()
    assert (health["state"], health["status"]) == ("offline", None)
    assert [item["code"] for item in health["advice"]] == ["encoder_refused_revoked"]
    assert client.get("/studio/@hall/health.json").json()["advice"] == []
