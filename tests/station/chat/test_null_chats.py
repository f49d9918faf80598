"""Pages without a process for chats."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.chat_clients import chat_clients, make_accounts
from tests.support.chats import at
from tests.support.split import split_station
from tests.support.station import OWNER
from tests.support.web_client import call

pytestmark = [pytest.mark.e2e, pytest.mark.alone]


def test_without_a_process_for_chats_the_pages_say_so_and_what_was_set_holds_later(
    tmp_path: Path,
) -> None:
    with split_station(tmp_path, "yard", HTTP__PROCESSES="1") as split:
        web, chat = split.start("web"), split.start("chat")
        environment = {
            name: value for name, value in split.station.environment.items() if "MADANG_" in name
        }
        token = make_accounts(split.station.data, OWNER, **environment)[OWNER]
        assert call(web.http, "GET", "/channels/yard/chat", token)[0] == 200
        assert chat.stop() < 10
        assert "Traceback" not in chat.said()
        act = {"act": "slow", "seconds": 30}
        status, problem = call(web.http, "POST", "/channels/yard/chat/acts", token, act)
        assert (status, problem["code"]) == (503, "unavailable")
        assert problem["retry_after"] > 0
        status, _ = call(web.http, "PATCH", "/channels/yard/chat", token, {"slow": 10})
        assert status == 200
        assert call(web.http, "GET", "/channels/yard/chat", token)[1]["connected"] == 0
        back = split.start("chat")
        with chat_clients(at(back)) as people:
            anna = people.join("anna", "yard")
            assert anna.of("welcome")[0]["mode"]["slow"] == 10, "not what failed, but what was set"
        assert back.stop() < 10
        assert web.stop() < 10
