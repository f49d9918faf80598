"""What moderators do: a request becomes an act, an act changes the state of a chat.

`decide` runs where the moderator is, `apply` in every process that serves the chat; both are pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from madang.base.text import Text as _
from madang.chat.commands import DEFAULT_TIMEOUT
from madang.chat.errors import ChatRefused, NotAllowed
from madang.chat.model import ModerationAction, Sanction
from madang.chat.state import ChatState, Speaker

LONGEST_TIMEOUT: Final = 14 * 86_400
"""Seconds; what should hold longer is a ban."""
LONGEST_SLOW: Final = 3600
REASON_LENGTH: Final = 200

Finder = Callable[[str], tuple[str, str] | None]
"""Person and name of somebody who is here, by the name; None for nobody."""

_SWITCHES: Final = {"members_only", "emote_only", "guests"}
_LINKS: Final = {"off", "moderators", "all"}
_MANAGING: Final = {"mod", "unmod"}


@dataclass(frozen=True, slots=True)
class ChatUpdate:
    """An event for everybody in the chat, or for its moderators alone."""

    event: str
    payload: Mapping[str, Any]
    moderators_only: bool = False


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What an act did: events to send, and the people whose standing changed (None: anybody's)."""

    changes: list[ChatUpdate]
    people: frozenset[str] | None = frozenset()


def decide(
    state: ChatState,
    actor: Speaker,
    request: Mapping[str, Any],
    *,
    act_id: str,
    now: int,
    here: Finder,
    acts: Mapping[str, ModerationAction],
) -> ModerationAction:
    """The act that a request asks for; `now` in milliseconds since 1970, `acts` recent ones by id.

    Raises ChatRefused.
    """
    if not actor.role.moderates:
        raise NotAllowed
    kind = request.get("act")
    if kind in _MANAGING and not actor.manages:
        raise NotAllowed(_("Only the channel's owner chooses moderators."))
    act = ModerationAction(
        act_id, now, actor.person, actor.name, str(kind), reason=_reason(request)
    )
    match kind:
        case "delete":
            said = state.history.get(_text(request, "id"))
            if said is None:
                raise ChatRefused("unknown_message", _("This message is gone already."))
            return replace(act, person=said.person, name=said.name, ids=(said.id,))
        case "timeout" | "ban":
            person, name = _target(state, actor, request, here)
            seconds = (
                _seconds(request, DEFAULT_TIMEOUT, LONGEST_TIMEOUT) if kind == "timeout" else None
            )
            before = _as_json(state.sanctions.get(person))
            return replace(
                act,
                person=person,
                name=name,
                seconds=seconds,
                ids=tuple(state.history.of(person)),
                before={"sanction": before},
            )
        case "untimeout" | "unban":
            person, name = _sanctioned(state, request)
            before = _as_json(state.sanctions.get(person))
            return replace(act, person=person, name=name, before={"sanction": before})
        case "slow":
            return _mode(state, act, "slow", _seconds(request, 0, LONGEST_SLOW, least=0))
        case "links":
            if request.get("to") not in _LINKS:
                raise ChatRefused("bad_payload", _("links takes to: off, moderators or all."))
            return _mode(state, act, "links", request["to"])
        case str() if kind in _SWITCHES:
            if not isinstance(request.get("on"), bool):
                raise ChatRefused("bad_payload", _("{kind} takes on: true or false.", kind=kind))
            return _mode(state, act, kind, request["on"])
        case "pin":
            said = state.history.get(_text(request, "id"))
            if said is None:
                raise ChatRefused("unknown_message", _("This message is gone."))
            return replace(
                act,
                person=said.person,
                name=said.name,
                before={"pinned": state.pinned},
                after={"pinned": said.as_json()},
            )
        case "unpin":
            return replace(act, before={"pinned": state.pinned}, after={"pinned": None})
        case "clear":
            return replace(act, ids=tuple(state.history.everything()))
        case "mod" | "unmod":
            return _moderator(state, actor, act, request, here)
        case "undo":
            return _undo(act, request, acts)
    raise ChatRefused("unknown_act", _("There is no act {kind}.", kind=kind))


def apply(
    state: ChatState, act: ModerationAction, undone: ModerationAction | None = None
) -> ActionResult:
    """Change the state by an act. `undone` is the act that an undo takes back, where known."""
    if act.kind == "undo":
        changes, people = _take_back(state, act, undone)
    else:
        changes, people = _do(state, act)
    notice: dict[str, Any] = {"act": act.kind, "by": act.by_name, "undo": act.id}
    for name in ("person", "name", "seconds", "reason"):
        if value := getattr(act, name):
            notice[name] = value
    changes.append(ChatUpdate("notice", notice, moderators_only=True))
    return ActionResult(changes, people)


def hide_and_show(state: ChatState, act: ModerationAction) -> None:
    """What an act did to messages alone: all else of it the state knows already."""
    if act.kind == "undo":
        state.history.restore(act.undoes)
    else:
        state.history.delete(act.ids, act.id)


def _do(state: ChatState, act: ModerationAction) -> tuple[list[ChatUpdate], frozenset[str] | None]:
    match act.kind:
        case "delete":
            state.history.delete(act.ids, act.id)
            return [ChatUpdate("delete", {"ids": list(act.ids)})], frozenset()
        case "clear":
            state.history.delete(act.ids, act.id)
            return [ChatUpdate("clear", {})], frozenset()
        case "timeout" | "ban":
            until = None if act.seconds is None else act.at / 1000 + act.seconds
            state.sanctions.pop(act.person, None)  # the newest is the last
            state.sanctions[act.person] = Sanction(act.person, act.name, until, act.reason)
            state.history.delete(act.ids, act.id)
            cleared = ChatUpdate("clear", {"person": act.person})
            return [cleared, _sanction_of(state, act)], frozenset({act.person})
        case "untimeout" | "unban":
            state.sanctions.pop(act.person, None)
            return [_sanction_of(state, act)], frozenset({act.person})
        case "pin" | "unpin":
            state.pinned = act.after.get("pinned")
            return [ChatUpdate("pin", {"message": state.pinned})], frozenset()
        case "mod" | "unmod":
            account = int(act.after["account"])
            if act.kind == "mod":
                state.moderators[account] = act.name
            else:
                state.moderators.pop(account, None)
            return [], frozenset({act.person})
        case _:
            return _set_mode(state, act.after)


def _take_back(
    state: ChatState, act: ModerationAction, undone: ModerationAction | None
) -> tuple[list[ChatUpdate], frozenset[str] | None]:
    changes: list[ChatUpdate] = []
    people: frozenset[str] | None = frozenset()
    back = state.history.restore(act.undoes)
    if back:
        changes.append(ChatUpdate("messages", {"said": back}))
    if undone is None:
        return changes, people
    match undone.kind:
        case "timeout" | "ban" | "untimeout" | "unban":
            before = undone.before.get("sanction")
            state.sanctions.pop(undone.person, None)
            if before is not None:
                state.sanctions[undone.person] = Sanction(**before)
            changes.append(_sanction_of(state, undone))
            people = frozenset({undone.person})
        case "pin" | "unpin":
            state.pinned = undone.before.get("pinned")
            changes.append(ChatUpdate("pin", {"message": state.pinned}))
        case "mod" | "unmod":
            account = int(undone.after["account"])
            if undone.kind == "unmod":
                state.moderators[account] = undone.name
            else:
                state.moderators.pop(account, None)
            people = frozenset({undone.person})
        case "delete" | "clear":
            pass
        case _:
            more, people = _set_mode(state, undone.before)
            changes += more
    return changes, people


def _sanction_of(state: ChatState, act: ModerationAction) -> ChatUpdate:
    """What moderators' pages are told of the person of an act that gave or lifted a sanction."""
    now = state.sanctions.get(act.person)
    lifted = {"person": act.person, "name": act.name, "kind": "none"}
    told = now.as_json() if now is not None else lifted
    return ChatUpdate("sanctions", {"people": [told], "all": False}, moderators_only=True)


def _set_mode(
    state: ChatState, parts: Mapping[str, Any]
) -> tuple[list[ChatUpdate], frozenset[str] | None]:
    for name, value in parts.items():
        state.mode = state.mode.with_part(name, value)
    return [ChatUpdate("mode", state.mode.as_json())], None


def _mode(state: ChatState, act: ModerationAction, name: str, value: object) -> ModerationAction:
    return replace(act, before={name: getattr(state.mode, name)}, after={name: value})


def _moderator(
    state: ChatState,
    actor: Speaker,
    act: ModerationAction,
    request: Mapping[str, Any],
    here: Finder,
) -> ModerationAction:
    person, name = _target(state, actor, request, here, equals=True)
    if not person.startswith("u"):
        raise ChatRefused("unknown_person", _("Only somebody with an account can be a moderator."))
    account = int(person[1:])
    if account == state.owner:
        raise ChatRefused("not_allowed", _("The owner needs no appointment."))
    return replace(act, person=person, name=name, after={"account": account})


def _undo(
    act: ModerationAction, request: Mapping[str, Any], acts: Mapping[str, ModerationAction]
) -> ModerationAction:
    wanted = request.get("undo")
    taken_back = {done.undoes for done in acts.values() if done.undoes}
    if wanted is None:
        mine = [
            done.id
            for done in acts.values()
            if done.by == act.by and done.kind != "undo" and done.id not in taken_back
        ]
        wanted = max(mine, default=None)
    undone = acts.get(wanted) if isinstance(wanted, str) else None
    if undone is None or undone.kind == "undo":
        raise ChatRefused("unknown_act", _("There is nothing to undo."))
    if undone.id in taken_back:
        raise ChatRefused("unknown_act", _("This has been undone already."))
    return replace(act, undoes=undone.id, person=undone.person, name=undone.name)


def _target(
    state: ChatState,
    actor: Speaker,
    request: Mapping[str, Any],
    here: Finder,
    *,
    equals: bool = False,
) -> tuple[str, str]:
    person, name = request.get("person"), request.get("name")
    found: tuple[str, str] | None = None
    if isinstance(person, str) and person[:1] in {"u", "g"} and person[1:].isalnum():
        found = (
            person,
            state.history.name_of(person) or (name if isinstance(name, str) else person),
        )
    elif isinstance(name, str):
        found = here(name) or state.history.person_called(name)
    if found is None or (found[0].startswith("u") and not found[0][1:].isdecimal()):
        raise ChatRefused("unknown_person", _("Nobody with this name is or was here lately."))
    account = int(found[0][1:]) if found[0].startswith("u") else None
    if found[0] == actor.person and not equals:
        raise ChatRefused("not_allowed", _("You cannot do this to yourself."))
    protected = account == state.owner or (account in state.moderators and not actor.manages)
    if protected and not equals:
        raise ChatRefused("not_allowed", _("Moderators and the owner cannot be sent away."))
    return found


def _sanctioned(state: ChatState, request: Mapping[str, Any]) -> tuple[str, str]:
    person, name = request.get("person"), request.get("name")
    for sanction in state.sanctions.values():
        if sanction.person == person or (
            isinstance(name, str) and sanction.name.casefold() == name.casefold()
        ):
            return sanction.person, sanction.name
    raise ChatRefused("unknown_person", _("Nobody with this name is banned or timed out."))


def _seconds(request: Mapping[str, Any], default: int, most: int, *, least: int = 1) -> int:
    seconds = request.get("seconds", default)
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not least <= seconds <= most:
        raise ChatRefused(
            "bad_payload",
            _("seconds is a whole number from {least} to {most}.", least=least, most=most),
        )
    return seconds


def _text(request: Mapping[str, Any], name: str) -> str:
    value = request.get(name)
    if not isinstance(value, str):
        raise ChatRefused("bad_payload", _("The request needs {name}.", name=name))
    return value


def _reason(request: Mapping[str, Any]) -> str:
    reason = request.get("reason", "")
    return reason[:REASON_LENGTH] if isinstance(reason, str) else ""


def _as_json(sanction: Sanction | None) -> dict[str, object] | None:
    if sanction is None:
        return None
    return {
        "person": sanction.person,
        "name": sanction.name,
        "until": sanction.until,
        "reason": sanction.reason,
    }
