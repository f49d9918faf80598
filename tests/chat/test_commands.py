"""Typed commands make the same requests as the click menu."""

from __future__ import annotations

from typing import Any

import pytest

from madang.chat.commands import duration, parse
from madang.chat.errors import ChatRefused


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("/timeout bob", {"act": "timeout", "name": "bob", "seconds": 600}),
        ("/timeout @bob 10m", {"act": "timeout", "name": "bob", "seconds": 600}),
        (
            "/timeout 민지 90 너무 빨라요",
            {"act": "timeout", "name": "민지", "seconds": 90, "reason": "너무 빨라요"},
        ),
        (
            "/timeout bob being rude",
            {"act": "timeout", "name": "bob", "seconds": 600, "reason": "being rude"},
        ),
        ("/ban bob spam  links", {"act": "ban", "name": "bob", "reason": "spam  links"}),
        ("/UNBAN bob", {"act": "unban", "name": "bob"}),
        ("/slow", {"act": "slow", "seconds": 10}),
        ("/slow 1m", {"act": "slow", "seconds": 60}),
        ("/slow off", {"act": "slow", "seconds": 0}),
        ("/members", {"act": "members_only", "on": True}),
        ("/members off", {"act": "members_only", "on": False}),
        ("/guests off", {"act": "guests", "on": False}),
        ("/links mods", {"act": "links", "to": "moderators"}),
        ("/pin hello all", {"act": "pin", "text": "hello all"}),
        ("/clear", {"act": "clear"}),
        ("/undo", {"act": "undo"}),
        ("/mod bob", {"act": "mod", "name": "bob"}),
        ("/help", {"act": "help"}),
    ],
)
def test_a_command_is_a_request(text: str, request_: dict[str, Any]) -> None:
    assert parse(text) == request_


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("/dance", "unknown_command"),
        ("/", "unknown_command"),
        ("/timeout", "bad_payload"),
        ("/slow soon", "bad_payload"),
        ("/links some", "bad_payload"),
    ],
)
def test_what_is_no_command_is_refused_in_words(text: str, code: str) -> None:
    with pytest.raises(ChatRefused) as caught:
        parse(text)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("600", 600),
        ("90s", 90),
        ("10m", 600),
        ("2h", 7200),
        ("1d", 86_400),
        ("m", None),
        ("", None),
    ],
)
def test_durations(text: str, seconds: int | None) -> None:
    assert duration(text) == seconds
