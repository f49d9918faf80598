from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from tests.support.apps import PASSWORD, make_user
from tests.support.clocks import ManualClock

KNOWN_COOKIE = "madang_known"
LOGIN = "/accounts/login/"


@pytest.fixture(autouse=True)
def one_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no window of the limits end during a test."""
    from madang.apps.accounts.adapter import AccountAdapter

    monkeypatch.setattr(AccountAdapter, "clock", ManualClock().clock)


def sign_in(client: Any, name: str, password: str = PASSWORD, address: str = "192.0.2.1") -> Any:
    return client.post(LOGIN, {"login": name, "password": password}, REMOTE_ADDR=address)


@pytest.mark.parametrize("login", ["minji", "MINJI", "minji@example.org"])
def test_name_and_address_both_sign_in(client: Any, login: str) -> None:
    make_user(email="minji@example.org")
    response = sign_in(client, login)
    assert (response.status_code, response["Location"]) == (302, "/studio/")


def test_wrong_passwords_shut_an_account_at_an_address_for_a_while(client: Any) -> None:
    make_user()
    for _ in range(5):
        assert sign_in(client, "minji", "wrong").status_code == 200
    assert sign_in(client, "minji").status_code == 429
    forwarded = client.post(
        LOGIN,
        {"login": "minji", "password": PASSWORD},
        REMOTE_ADDR="192.0.2.1",
        HTTP_X_FORWARDED_FOR="203.0.113.9",
    )
    assert forwarded.status_code == 429, "a client cannot choose its address"
    assert "_auth_user_id" not in client.session
    assert sign_in(client, "minji", address="198.51.100.1").status_code == 302


def test_a_class_of_which_ten_mistype_signs_in(client: Any) -> None:
    make_user()
    for pupil in range(10):
        assert sign_in(client, f"pupil{pupil}", "wrong").status_code == 200
    assert sign_in(client, "minji").status_code == 302


def test_nobody_keeps_out_whose_browser_has_signed_in_before(client: Any) -> None:
    make_user()
    assert sign_in(client, "minji").status_code == 302
    known = client.cookies[KNOWN_COOKIE]
    client.logout()
    for _ in range(6):
        pupil = sign_in(Client(), "minji", "wrong")
    assert pupil.status_code == 429
    client.cookies[KNOWN_COOKIE] = known
    assert sign_in(client, "minji").status_code == 302
    forged = Client()
    forged.cookies[KNOWN_COOKIE] = known.value.replace(":", "x:", 1)
    assert sign_in(forged, "minji").status_code == 429


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "Too many attempts to sign in"), ("ko", "로그인을 너무 많이 시도했습니다")],
)
def test_a_refused_sign_in_is_a_page_in_the_readers_language(
    client: Any, language: str, words: str
) -> None:
    for _ in range(5):
        sign_in(client, "minji", "wrong")
    client.cookies["django_language"] = language
    response = sign_in(client, "minji", "wrong")
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 300
    assert words in response.content.decode()
    assert client.get("/", REMOTE_ADDR="192.0.2.1").status_code == 200
    assert client.get(LOGIN, REMOTE_ADDR="192.0.2.1").status_code == 200


class CountingHasher(Argon2PasswordHasher):
    """The hasher of the station, which counts what it computes."""

    hashes = 0

    def encode(self, password: str, salt: str) -> str:
        CountingHasher.hashes += 1
        return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        CountingHasher.hashes += 1
        return super().verify(password, encoded)


@pytest.mark.parametrize(
    "login",
    [
        *("minji", "nobody", "minji@example.org", "nobody@example.org"),
        *("closed", "closed@example.org", "keyless", "keyless@example.org", "@", "a@b@c"),
    ],
)
def test_a_wrong_password_costs_one_hash_and_as_many_queries_whoever_is_asked_for(
    client: Any, login: str
) -> None:
    from django.db import connection

    make_user(email="minji@example.org")
    closed = make_user("closed", email="closed@example.org")
    closed.is_active = False
    closed.save()
    keyless = make_user("keyless", email="keyless@example.org")
    keyless.set_unusable_password()
    keyless.save()
    CountingHasher.hashes = 0
    hashers = [f"{__name__}.CountingHasher"]
    with override_settings(PASSWORD_HASHERS=hashers), CaptureQueriesContext(connection) as queries:
        assert sign_in(client, login, "wrong").status_code == 200
    assert (CountingHasher.hashes, len(queries)) == (1, 1)


def test_a_session_of_the_version_before_stays(client: Any) -> None:
    old = "allauth.account.auth_backends.AuthenticationBackend"
    client.force_login(make_user(), backend=old)
    assert client.get("/api/v1/me").json()["name"] == "minji"


def test_strangers_cannot_open_an_account(client: Any) -> None:
    from madang.apps.accounts.models import User

    client.post("/accounts/signup/", {"username": "stranger", "password1": PASSWORD})
    assert not User.objects.exists()


@pytest.mark.parametrize("path", ["/accounts/password/reset/", "/accounts/email/"])
def test_pages_that_would_send_mail_are_shut(client: Any, path: str) -> None:
    assert client.get(path).status_code == 404


def test_the_admin_pages_use_the_throttled_sign_in(client: Any) -> None:
    response = client.get("/admin/", follow=True)
    assert response.redirect_chain[-1][0] == "/accounts/login/?next=%2Fadmin%2F"


def test_only_administrators_see_the_admin_pages(client: Any) -> None:
    client.force_login(make_user())
    assert client.get("/admin/", follow=True).redirect_chain[-1][0] == "/"
    client.force_login(make_user("boss", admin=True))
    assert client.get("/admin/").status_code == 200


def test_a_web_server_in_front_is_told_who_is_of_the_staff(client: Any) -> None:
    assert client.get("/ops/staff").status_code == 401
    client.force_login(make_user())
    assert client.get("/ops/staff").status_code == 403
    client.force_login(make_user("boss", admin=True))
    answer = client.get("/ops/staff")
    assert answer.status_code == 204
    assert "no-store" in answer["Cache-Control"]


def test_the_admin_pages_keep_the_last_administrator(client: Any) -> None:
    boss = make_user("boss", admin=True)
    client.force_login(boss)
    page = f"/admin/accounts/user/{boss.pk}"
    client.post(f"{page}/change/", {"name": "boss", "email": "", "is_active": "on"})
    boss.refresh_from_db()
    assert boss.admin
    assert client.post(f"{page}/delete/", {"post": "yes"}).status_code == 403


def test_the_admin_pages_make_accounts_that_can_sign_in(client: Any) -> None:
    client.force_login(make_user("boss", admin=True))
    client.post("/admin/accounts/user/add/", {"name": "new", "email": "", "password": PASSWORD})
    client.logout()
    assert sign_in(client, "new").status_code == 302


def test_me_says_who_is_signed_in(client: Any) -> None:
    assert client.get("/api/v1/me").json()["signed_in"] is False
    client.force_login(make_user(admin=True))
    me = client.get("/api/v1/me").json()
    assert (me["name"], me["admin"], me["signed_in"]) == ("minji", True, True)


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "You are signed in as minji."), ("ko", "‘minji’ 계정으로 로그인했습니다.")],
)
def test_who_signs_in_is_greeted_in_their_language(client: Any, language: str, words: str) -> None:
    make_user()
    client.cookies["django_language"] = language
    sign_in(client, "minji")
    shown = client.get("/studio/").context["messages"]
    assert [str(message) for message in shown] == [words]
