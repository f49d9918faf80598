"""The database is away for a minute."""

from __future__ import annotations

import time

import pytest

from tests.servers.chat.test_clients import metrics
from tests.support.chats import DatabaseOutage, stored
from tests.support.station import OWNER, until
from tests.support.web_client import call

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

WITHOUT_DATABASE = 60.0
"""Seconds."""

EVERY = 1.0
"""Seconds between two rounds of talk meanwhile."""

BACK = 20.0
"""Seconds until everything is as before, by itself."""


def test_a_minute_without_the_database_is_noticed_by_nobody_and_nothing_is_lost(
    database_outage: DatabaseOutage,
) -> None:
    outage = database_outage
    station, people = outage.station, outage.people
    outage.talk()
    # What nobody can know now is refused, with words and a name that is counted.
    before = metrics(station).get('madang_chat_refused_total{reason="unavailable"}', 0.0)
    strangers = [
        people.join("stranger", "other", wait=False),
        people.join("somebody", wait=False, token=outage.tokens[OWNER], name=None),
    ]
    for each in strangers:
        error = each.wait_for("connect_error")
        assert error["data"]["code"] == "unavailable"
        assert error["data"]["retry_after"] > 0
        assert "database" in error["message"]
    after = metrics(station)['madang_chat_refused_total{reason="unavailable"}']
    assert after - before == len(strangers)
    # What the chat knows by itself goes on: guests come, moderators keep order.
    people.join("late")
    deleted = outage.minji.say("buy things")["id"]
    assert outage.owner.emit("moderate", {"act": "delete", "id": deleted})["ok"]
    assert outage.owner.say("/ban minji spam")["ok"]
    outage.minji.until(lambda: outage.minji.of("disconnect"), "sent away")
    while time.monotonic() - outage.began < WITHOUT_DATABASE:
        outage.talk()
        time.sleep(EVERY)
    assert metrics(station)["madang_chat_unsaved"] >= len(outage.said)

    outage.start()
    until(lambda: metrics(station)["madang_chat_unsaved"] == 0, "all is kept", within=BACK)
    assert stored(outage.address, outage.tokens[OWNER], "yard") == ["in the light", *outage.said]
    assert metrics(station)["madang_chat_unkept_total"] == 0
    _, bans = call(outage.address, "GET", "/channels/yard/chat/bans", outage.tokens[OWNER])
    assert [(ban["name"], ban["kind"]) for ban in bans] == [("minji", "ban")]
    again = people.join("again", token=outage.tokens["minji"], name=None, wait=False)
    assert again.wait_for("connect_error")["data"]["code"] == "banned"
    people.join("stranger2", "other")
    outage.talk()
    # Nobody needs it any more; the fixture lasts as long as the run of all tests.
    station.stop()
