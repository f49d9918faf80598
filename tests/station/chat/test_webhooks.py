"""Webhooks of a station in one process and in several."""

from __future__ import annotations

import pytest

from tests.support.receiver import Receiver
from tests.support.split import Role
from tests.support.station import OWNER, PASSWORD, until
from tests.support.web_client import WebClient

pytestmark = [pytest.mark.e2e, pytest.mark.alone]


def test_webhooks_hear_once_that_a_show_begins_and_ends_whoever_tells_them(
    show: Receiver, web: Role
) -> None:
    until(lambda: len(show.told()) >= 4, "all of it, the first thing twice", within=30)
    told = show.told()
    assert sorted(each["event"] for each in told) == [
        "live.begins",
        "live.begins",
        "live.ends",
        "message",
    ]
    begins = [each for each in told if each["event"] == "live.begins"]
    assert begins[0] == begins[1], "what was not heard is told again, with the same id"
    assert begins[0]["data"] == {"slug": "show", "title": "show"}
    (ends,) = (each for each in told if each["event"] == "live.ends")
    assert begins[0]["at"] < ends["at"]
    owner = WebClient(web.http)
    owner.sign_in(OWNER, PASSWORD)
    (number,) = (each["id"] for each in owner.call("GET", "/channels/show/webhooks")[1])
    path = f"/channels/show/webhooks/{number}/deliveries"
    until(lambda: all(each["taken"] for each in owner.call("GET", path)[1]), "all are heard")
    assert sorted(each["attempts"] for each in owner.call("GET", path)[1]) == [1, 1, 2]
