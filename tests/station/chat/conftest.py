"""One station for all tests of chats that run apart: pages, two processes for chats, stores.

A second station loses its database when the first test begins, and has it back in the last but
one: the minute passes while the others run.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.servers.chat.test_clients import metrics
from tests.servers.chat.test_faults import prompt
from tests.support.chat_clients import ChatClients, chat_clients, make_accounts
from tests.support.chats import MANY, DatabaseOutage, at, connected
from tests.support.encoders import Recipe, publish, sample
from tests.support.receiver import Receiver
from tests.support.split import Role, Split, split_station
from tests.support.station import OWNER, PASSWORD, Station, until
from tests.support.stores import postgresql
from tests.support.web_client import WebClient

SLUGS = (
    *("yard", "pages", "talk", "order", "moves", "names", "words", "show", "apart"),
    "shared",
)


@pytest.fixture(scope="session", autouse=True)
def database_outage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseOutage]:
    with postgresql() as database:
        station = Station(
            tmp_path_factory.mktemp("outage") / "data", DATABASE__URL=database.url, **MANY
        )
        station.data.mkdir()
        station.open_channels("yard", "other")
        tokens = make_accounts(station.data, OWNER, "minji", MADANG_DATABASE__URL=database.url)
        station.start("--no-demo")
        try:
            with chat_clients(station.http) as people:
                owner = people.join("owner", token=tokens[OWNER], name=None)
                minji = people.join("minji", token=tokens["minji"], name=None)
                anna = people.join("anna")
                prompt(anna, owner, "in the light")
                people.until(lambda: metrics(station)["madang_chat_unsaved"] == 0, "all is kept")
                database.stop()
                outage = DatabaseOutage(
                    station, people, tokens, owner, anna, minji, time.monotonic(), database.start
                )
                outage.talk()
                yield outage
        finally:
            if station.runs:
                station.stop()


@pytest.fixture(scope="session")
def split(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Split]:
    with split_station(
        tmp_path_factory.mktemp("chats"),
        *SLUGS,
        HTTP__PROCESSES="1",
        LIVE__GRACE="2",
        **MANY,
    ) as station:
        yield station


@pytest.fixture(scope="session")
def web(split: Split) -> Role:
    return split.start("web")


@pytest.fixture(scope="session")
def one(split: Split) -> Role:
    return split.start("chat")


@pytest.fixture(scope="session")
def other(split: Split) -> Role:
    """As on another machine."""
    return split.start("chat", data=split.station.data.with_name("other"))


@pytest.fixture(scope="session")
def tokens(split: Split) -> dict[str, str]:
    environment = {
        name: value for name, value in split.station.environment.items() if "MADANG_" in name
    }
    return make_accounts(split.station.data, OWNER, "mo", "minji", "bora", "leaver", **environment)


@pytest.fixture(scope="session", autouse=True)
def show(split: Split, web: Role, one: Role, other: Role) -> Iterator[Receiver]:
    """A show that was on and is over, and who was told of it: not the first time, so that the
    second try comes while other tests run."""
    receiver = Receiver()
    receiver.answers = [500]
    owner = WebClient(web.http)
    owner.sign_in(OWNER, PASSWORD)
    hook = {"url": receiver.url, "events": ["live.begins", "live.ends", "message"]}
    assert owner.call("POST", "/channels/show/webhooks", hook)[0] == 201
    split.start("worker")
    live = split.start("live")
    with publish(
        sample(Recipe(length=60.0)), f"rtmp://{live.rtmp}/live/{split.station.keys['show']}"
    ):
        until(receiver.told, "the show begins", within=45)
        # A process for chats that starts while the show is on has nothing new to say of it. It
        # knows the webhook from its start; the others look for new ones every few seconds.
        third = split.start("chat", data=split.station.data.with_name("latecomer"))
        with chat_clients(at(third)) as people:
            people.join("anna", "show").say("hello")
    assert live.stop() < 10
    assert third.stop() < 10
    yield receiver
    receiver.close()


@pytest.fixture(scope="session")
def chats(one: Role, other: Role) -> tuple[Role, Role]:
    """Both processes for chats."""
    return one, other


@pytest.fixture
def people(one: Role, other: Role) -> Iterator[ChatClients]:
    with chat_clients(f"http://{one.http}") as made:
        connected(one, other)
        yield made
