"""Pages without a process for chats. It ends those that the tests before it share."""

from __future__ import annotations

import pytest

from tests.support.chats import at
from tests.support.people import crowd
from tests.support.split import Role, Split
from tests.support.station import OWNER
from tests.support.visits import call

pytestmark = [pytest.mark.e2e, pytest.mark.alone]


def test_without_a_process_for_chats_the_pages_say_so_and_what_was_set_holds_later(
    split: Split, web: Role, one: Role, other: Role, tokens: dict[str, str]
) -> None:
    assert one.stop() < 10
    assert other.stop() < 10
    for role in (one, other):
        assert "Traceback" not in role.said()
    act = {"act": "slow", "seconds": 30}
    status, problem = call(web.http, "POST", "/channels/yard/chat/acts", tokens[OWNER], act)
    assert (status, problem["code"]) == (503, "unavailable")
    assert problem["retry_after"] > 0
    status, _ = call(web.http, "PATCH", "/channels/yard/chat", tokens[OWNER], {"slow": 10})
    assert status == 200
    assert call(web.http, "GET", "/channels/yard/chat", tokens[OWNER])[1]["connected"] == 0
    back = split.start("chat")
    with crowd(at(back)) as people:
        anna = people.join("anna", "yard")
        assert anna.of("welcome")[0]["mode"]["slow"] == 10, "not what failed, but what was set"
    assert back.stop() < 10
    assert web.stop() < 10
