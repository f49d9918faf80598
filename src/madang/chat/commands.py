"""Commands typed into the chat, parsed into the requests of the event `moderate`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from madang.base.text import Text as _
from madang.chat.errors import ChatRefused

DEFAULT_TIMEOUT: Final = 600
"""Seconds of a time-out without a duration: long enough to cool down, short of a ban."""

DEFAULT_SLOW: Final = 10
"""Seconds of slow mode without a duration."""

HELP: Final = _(
    "/timeout NAME [10m] [reason] · /untimeout NAME · /ban NAME [reason] · /banaddress NAME"
    " [reason] · /unban NAME · /slow [30s|off] · /members [off] · /emoteonly [off] ·"
    " /guests [off] · /links off|mods|all ·"
    " /pin [text] · /unpin · /clear · /undo · /mod NAME · /unmod NAME"
)

_DURATION: Final = re.compile(r"(\d{1,7})([smhd]?)")
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_OFF: Final = {"off", "0", "no", "끄기"}
_LINKS: Final = {"off": "off", "mods": "moderators", "moderators": "moderators", "all": "all"}

Request = dict[str, Any]


def duration(text: str) -> int | None:
    """Return the seconds of `600`, `90s`, `10m`, `2h` or `1d`; None for anything else."""
    found = _DURATION.fullmatch(text.lower())
    return int(found[1]) * _UNITS[found[2]] if found else None


def parse(text: str) -> Request:
    """Return the request of a command with its slash.

    `{"act": "help"}` requests the list of commands. Raises ChatRefused with the codes
    `unknown_command` and `bad_payload`.
    """
    name, _space, rest = text[1:].strip().partition(" ")
    read = _COMMANDS.get(name.lower())
    if read is None:
        raise ChatRefused(
            "unknown_command",
            _("There is no command /{name}: /help lists them.", name=name),
        )
    return {**read(rest.strip())}


def _person(act: str) -> Callable[[str], Mapping[str, Any]]:
    def read(rest: str) -> Mapping[str, Any]:
        name, _space, reason = rest.partition(" ")
        if not name:
            raise ChatRefused("bad_payload", _("/{act} needs a name.", act=act))
        request: Request = {"act": act, "name": name.removeprefix("@")}
        if reason.strip():
            request["reason"] = reason.strip()
        return request

    return read


def _timeout(rest: str) -> Mapping[str, Any]:
    request = dict(_person("timeout")(rest))
    first, _space, others = str(request.pop("reason", "")).partition(" ")
    seconds = duration(first)
    reason = f"{first} {others}".strip() if seconds is None else others.strip()
    request["seconds"] = DEFAULT_TIMEOUT if seconds is None else seconds
    if reason:
        request["reason"] = reason
    return request


def _slow(rest: str) -> Mapping[str, Any]:
    if rest.lower() in _OFF:
        return {"act": "slow", "seconds": 0}
    seconds = DEFAULT_SLOW if not rest else duration(rest)
    if seconds is None:
        raise ChatRefused("bad_payload", _("/slow takes seconds, such as /slow 30, or off."))
    return {"act": "slow", "seconds": seconds}


def _switch(act: str) -> Callable[[str], Mapping[str, Any]]:
    return lambda rest: {"act": act, "on": rest.lower() not in _OFF}


def _links(rest: str) -> Mapping[str, Any]:
    if rest.lower() not in _LINKS:
        raise ChatRefused("bad_payload", _("/links takes off, mods or all."))
    return {"act": "links", "to": _LINKS[rest.lower()]}


def _plain(act: str) -> Callable[[str], Mapping[str, Any]]:
    return lambda _: {"act": act}


_COMMANDS: Final[dict[str, Callable[[str], Mapping[str, Any]]]] = {
    "timeout": _timeout,
    "untimeout": _person("untimeout"),
    "ban": _person("ban"),
    "banaddress": lambda rest: {**_person("ban")(rest), "address": True},
    "unban": _person("unban"),
    "slow": _slow,
    "members": _switch("members_only"),
    "emoteonly": _switch("emote_only"),
    "guests": _switch("guests"),
    "links": _links,
    "pin": lambda rest: {"act": "pin", "text": rest} if rest else {"act": "pin"},
    "unpin": _plain("unpin"),
    "clear": _plain("clear"),
    "undo": _plain("undo"),
    "mod": _person("mod"),
    "unmod": _person("unmod"),
    "help": _plain("help"),
}
