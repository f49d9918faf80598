"""Chats in processes of their own: what tests of them ask and wait for."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from PIL import Image

from tests.servers.chat.test_faults import prompt
from tests.station.roles.test_roles import ask
from tests.support.chat_clients import ChatClient, ChatClients
from tests.support.split import Role
from tests.support.station import Station, until
from tests.support.web_client import call

MANY: Final = {
    "CHAT__MESSAGES_PER_PERSON": "1000",
    "CHAT__MESSAGES_PER_ADDRESS": "1000",
    "CHAT__CONNECTS_PER_ADDRESS": "1000",
}
"""Settings with which people do in a second what takes a minute elsewhere."""

WITHIN: Final = 1.0
"""Seconds after which what somebody does is on everybody's page, wherever it was done."""

UNNOTICED: Final = 2.0
"""Seconds from saying something to its being heard, which the moment of a failure may take."""


def connected(*roles: Role) -> None:
    """Wait until these processes hear one another."""
    for role in roles:
        until(lambda at=role: figure(at, "madang_chat_bus_connected") == 1, "the bus")


def figure(role: Role, name: str) -> float:
    """One of a process's metrics, 0 where it is not there yet."""
    lines = ask(role.http, "/metrics")[1].splitlines()
    return next((float(x.rpartition(" ")[2]) for x in lines if x.rpartition(" ")[0] == name), 0.0)


def soon(person: ChatClient, true: Callable[[], Any], what: str) -> None:
    """Wait until something has come to a person, which must not take longer than it may."""
    began = time.monotonic()
    person.until(true, what)
    took = time.monotonic() - began
    assert took < WITHIN, f"{person.name}: {what} took {took:.2f} s"


def at(role: Role) -> str:
    return f"http://{role.http}"


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(file, "PNG")
    return file.getvalue()


def stored(address: str, token: str, slug: str) -> list[str]:
    """The texts of a chat that the database has and shows, in order."""
    found: list[str] = []
    cursor = ""
    while True:
        path = f"/channels/{slug}/chat/messages?deleted=false&limit=100{cursor}"
        _, page = call(address, "GET", path, token)
        found += [message["text"] for message in page["items"]]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


@dataclass
class DatabaseOutage:
    """A station whose database went away at `began`; `said` is what was said since, by whom."""

    station: Station
    people: ChatClients
    tokens: dict[str, str]
    owner: ChatClient
    anna: ChatClient
    minji: ChatClient
    began: float
    start: Callable[[], None]
    said: list[str] = field(default_factory=list)

    def talk(self) -> None:
        """Say something that the others hear as if nothing were."""
        self.said.append(f"in the dark {len(self.said)}")
        assert prompt(self.anna, self.owner, self.said[-1]) < UNNOTICED

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.station.http_port}"
