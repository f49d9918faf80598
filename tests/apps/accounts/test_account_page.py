"""The page of one's own account, and the menu that leads to it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.apps import PASSWORD, make_user

pytestmark = pytest.mark.usefixtures("db")


def sign_in(client: Any, name: str = "minji") -> None:
    page = client.get("/accounts/login/", HTTP_ACCEPT_LANGUAGE="ko").content.decode()
    assert "아이디 또는 이메일 주소" in page
    assert "로그인 상태 유지" in page
    client.post("/accounts/login/", {"login": name, "password": PASSWORD})


def test_every_page_leads_to_the_account_and_its_parts(client: Any) -> None:
    make_user(admin=True)
    assert 'href="/account/"' not in client.get("/").content.decode()
    sign_in(client)
    page = client.get("/").content.decode()
    for path in ("/account/", "/studio/tokens", "/admin/", "/accounts/logout/"):
        assert f'href="{path}"' in page
    own = client.get("/account/").content.decode()
    for path in ("/accounts/password/change/", "/studio/tokens"):
        assert f'href="{path}"' in own
        assert client.get(path).status_code == 200


def test_who_is_not_staff_has_no_way_to_the_administration(client: Any) -> None:
    make_user()
    sign_in(client)
    assert 'href="/admin/"' not in client.get("/account/").content.decode()


def test_strangers_are_asked_to_sign_in(client: Any) -> None:
    for answer in (client.get("/account/"), client.post("/account/", {"email": "a@example.org"})):
        assert answer.status_code == 302
        assert answer["location"].startswith("/accounts/login/?next=")


def change(client: Any, email: str, password: str = PASSWORD) -> Any:
    """Answer to a new address, after the password."""
    answer = client.post("/account/", {"email": email})
    if answer.status_code != 302 or "reauthenticate" not in answer["location"]:
        return answer
    assert client.get(answer["location"]).status_code == 200
    return client.post(answer["location"], {"password": password})


def test_the_address_is_changed_and_removed_by_who_knows_the_password(client: Any) -> None:
    user = make_user()
    before = user.email
    sign_in(client)
    assert change(client, "new@example.org", "wrong").status_code == 200
    user.refresh_from_db()
    assert user.email == before
    for email in ("Minji@Example.org", ""):
        assert change(client, email)["location"] == "/account/"
        user.refresh_from_db()
        assert user.email == email.replace("Example", "example")


@pytest.mark.parametrize("email", ["BORA@example.org", "nobody", "a" * 250 + "@example.org"])
def test_an_address_that_cannot_be_is_said_beside_it(client: Any, email: str) -> None:
    from madang.apps.accounts.services import create_user

    create_user("bora", password=PASSWORD, email="bora@example.org")
    user = make_user()
    before = user.email
    sign_in(client)
    answer = change(client, email)
    assert answer.status_code == 400
    assert "field-errors" in answer.content.decode()
    user.refresh_from_db()
    assert user.email == before


def test_a_token_for_uploads_is_made_in_the_studio(client: Any) -> None:
    make_user()
    sign_in(client)
    made = client.post("/studio/tokens", {"name": "program", "scopes": ["upload"]})
    assert made.status_code == 201
