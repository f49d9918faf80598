from __future__ import annotations

import re
from typing import Any

from tests.support.apps import make_user

TOKEN = re.compile(r"[a-z2-7]{8}-[a-z2-7]{32}")


def test_a_token_is_shown_once_works_and_can_be_revoked(client: Any) -> None:
    from madang.apps.accounts.tokens import user_of_token

    user = make_user()
    assert client.get("/studio/tokens").status_code == 302
    client.force_login(user)
    made = client.post("/studio/tokens", {"name": "bot", "scopes": ["chat"]})
    assert made.status_code == 201
    assert "no-store" in made["Cache-Control"]
    secret = made.context["secret"]
    assert TOKEN.fullmatch(secret)
    assert secret in made.content.decode()
    assert user_of_token(secret, "chat") == user
    assert user_of_token(secret, "read") is None
    page = client.get("/studio/tokens")
    assert secret not in page.content.decode()
    (card,) = page.context["tokens"]
    client.post("/studio/tokens", {"revoke": card.id})
    assert user_of_token(secret, "chat") is None
    assert not client.get("/studio/tokens").context["tokens"]


def test_a_token_without_a_name_or_a_right_is_explained_at_its_field(client: Any) -> None:
    client.force_login(make_user())
    refused = client.post("/studio/tokens", {"name": ""})
    assert refused.status_code == 400
    assert set(refused.context["form"].errors) == {"name", "scopes"}


def test_nobody_revokes_anothers_token(client: Any) -> None:
    from madang.apps.accounts.tokens import create, user_of_token

    other = make_user("other")
    card, secret = create(other, "bot", ["chat"])
    client.force_login(make_user())
    page = client.post("/studio/tokens", {"revoke": card.id}, follow=True)
    assert card.id in page.content.decode()
    assert user_of_token(secret, "chat") == other
