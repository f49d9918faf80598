"""Ends of sign-ins with open chat connections, wherever pages and chats are served."""

from __future__ import annotations

import time

from tests.support.chat_clients import ChatClient, ChatClients
from tests.support.station import OWNER, PASSWORD
from tests.support.web_client import WebClient

WITHIN = 2.0
"""Seconds from the end of a sign-in to that of its connections."""

NEW_PASSWORD = "another lantern by the gate"


def wait_for_sign_out(person: ChatClient) -> None:
    """Wait until the client is disconnected because its sign-in has ended."""
    began = time.monotonic()
    person.wait_for("disconnect")
    assert time.monotonic() - began < WITHIN
    assert person.of("error")[-1]["code"] == "signed_out"
    # Socket.IO's reason when the server does not want the client back: no reconnection.
    assert person.of("disconnect") == ["io server disconnect"]


def check_sign_outs(people: ChatClients, pages: str, chats: list[str], name: str) -> None:
    """Check that each way to end a sign-in of account `name` cuts its connections and no others.

    `pages` is the host and port of the pages, `chats` the addresses of the chats.
    """
    here, there = chats[0], chats[-1]
    home, away = WebClient(pages), WebClient(pages)
    for visitor in (home, away):
        visitor.sign_in(name, PASSWORD)
    made = [home.call("POST", "/tokens", {"name": "bot", "scopes": ["chat"]})[1] for _ in range(2)]
    bots = [
        people.join(f"bot {number}", url=url, token=one["token"], name=None)
        for number, (one, url) in enumerate(zip(made, (there, here), strict=True))
    ]
    at_home, at_work = (
        people.join(who, url=url, name=None, headers={"Cookie": visitor.cookies, "Origin": url})
        for who, url, visitor in (("at home", there, home), ("at work", here, away))
    )
    person = bots[0].of("welcome")[0]["me"]["person"]
    assert at_home.of("welcome")[0]["me"]["person"] == person

    assert home.call("DELETE", f"/tokens/{made[0]['id']}")[0] == 204
    wait_for_sign_out(bots[0])
    back = people.join("back", url=there, token=made[0]["token"], name=None, wait=False)
    assert back.wait_for("connect_error")["data"]["code"] == "bad_token"

    assert away.send("/accounts/logout/")[0] == 200
    wait_for_sign_out(at_work)
    passwords = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert home.send("/accounts/password/change/", None, **passwords)[0] == 200
    wait_for_sign_out(at_home)
    assert "id" in bots[1].say("A token is not a password.")

    owner = WebClient(pages)
    owner.sign_in(OWNER, PASSWORD)
    change = f"/admin/accounts/user/{person[1:]}/change/"
    assert owner.send(change, None, name=name, email="", new_password="")[0] == 200
    wait_for_sign_out(bots[1])
