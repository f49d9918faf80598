"""Moderation: a request becomes an action, an action changes the state of a chat.

`decide` runs in the moderator's process, `apply` in every process that serves the chat.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from madang.base.names import folded
from madang.base.text import Text as _
from madang.chat.commands import DEFAULT_TIMEOUT
from madang.chat.errors import ChatRefused, NotAllowed
from madang.chat.model import ModerationAction, Sanction
from madang.chat.people import address_of, is_address
from madang.chat.state import ChatState, Participant

LONGEST_TIMEOUT: Final = 14 * 86_400
"""Seconds; a ban holds longer."""
LONGEST_SLOW: Final = 3600
REASON_LENGTH: Final = 200

Finder = Callable[[str], tuple[str, str] | None]
"""Returns person and name of a reader by name, or None."""

HIDING: Final = {"delete", "clear", "timeout", "ban"}
"""Kinds of actions that hide messages."""

_SWITCHES: Final = {"members_only", "emote_only", "guests"}
_LINKS: Final = {"off", "moderators", "all"}
_MANAGING: Final = {"mod", "unmod"}


@dataclass(frozen=True, slots=True)
class ChatUpdate:
    """An event for all readers of a chat, or for its moderators alone."""

    event: str
    payload: Mapping[str, Any]
    moderators_only: bool = False


@dataclass(frozen=True, slots=True)
class ActionResult:
    """Events to send, and the people whose permissions changed (None: possibly everybody's)."""

    updates: list[ChatUpdate]
    people: frozenset[str] | None = frozenset()


def decide(
    state: ChatState,
    actor: Participant,
    request: Mapping[str, Any],
    *,
    action_id: str,
    now: int,
    find_reader: Finder,
    actions: Mapping[str, ModerationAction],
) -> ModerationAction:
    """Return the action for a request of `actor`.

    `now` is in milliseconds since 1970; `actions` are recent ones by id. Raises ChatRefused.
    """
    if not actor.role.moderates:
        raise NotAllowed
    kind = request.get("act")
    if kind in _MANAGING and not actor.manages:
        raise NotAllowed(_("Only the channel's owner chooses moderators."))
    action = ModerationAction(
        action_id, now, actor.person, actor.name, str(kind), reason=_reason(request)
    )
    match kind:
        case "delete":
            message = state.history.get(_text(request, "id"))
            if message is None:
                raise ChatRefused("unknown_message", _("This message is gone already."))
            return replace(action, person=message.person, name=message.name, ids=(message.id,))
        case "timeout" | "ban":
            person, name = _target(state, actor, request, find_reader)
            seconds = (
                _seconds(request, DEFAULT_TIMEOUT, LONGEST_TIMEOUT) if kind == "timeout" else None
            )
            whom = _address(person) if request.get("address") is True else person
            before = _as_json(state.sanctions.get(whom))
            return replace(
                action,
                person=whom,
                name=name,
                seconds=seconds,
                ids=tuple(state.history.ids(whom)),
                before={"sanction": before},
                after={"guest": person} if is_address(whom) else {},
            )
        case "untimeout" | "unban":
            person, name = _sanctioned(state, request)
            before = _as_json(state.sanctions.get(person))
            return replace(action, person=person, name=name, before={"sanction": before})
        case "slow":
            return _mode(state, action, "slow", _seconds(request, 0, LONGEST_SLOW, least=0))
        case "links":
            if request.get("to") not in _LINKS:
                raise ChatRefused("bad_payload", _("links takes to: off, moderators or all."))
            return _mode(state, action, "links", request["to"])
        case str() if kind in _SWITCHES:
            if not isinstance(request.get("on"), bool):
                raise ChatRefused("bad_payload", _("{kind} takes on: true or false.", kind=kind))
            return _mode(state, action, kind, request["on"])
        case "pin":
            message = state.history.get(_text(request, "id"))
            if message is None:
                raise ChatRefused("unknown_message", _("This message is gone."))
            return replace(
                action,
                person=message.person,
                name=message.name,
                before={"pinned": state.pinned},
                after={"pinned": message.as_json()},
            )
        case "unpin":
            return replace(action, before={"pinned": state.pinned}, after={"pinned": None})
        case "clear":
            return replace(action, ids=tuple(state.history.ids()))
        case "mod" | "unmod":
            return _moderator(state, actor, action, request, find_reader)
        case "undo":
            return _undo(action, request, actions)
    raise ChatRefused("unknown_act", _("There is no act {kind}.", kind=kind))


def apply(
    state: ChatState, action: ModerationAction, undone: ModerationAction | None = None
) -> ActionResult:
    """Change the state by an action. `undone` is the action that an undo reverts, if known."""
    if action.kind == "undo":
        updates, people = _revert(state, action, undone)
    else:
        updates, people = _perform(state, action)
    notice: dict[str, Any] = {"act": action.kind, "by": action.by_name, "undo": action.id}
    for name in ("person", "name", "seconds", "reason"):
        if value := getattr(action, name):
            notice[name] = value
    if is_address(action.person):
        notice["address"] = True
    updates.append(ChatUpdate("notice", notice, moderators_only=True))
    return ActionResult(updates, people)


def apply_to_history(state: ChatState, action: ModerationAction) -> None:
    """Hide or show messages by an action that the rest of the state reflects already."""
    if action.kind == "undo":
        state.history.restore(action.undoes)
    else:
        _hide_messages(state, action)


def _hide_messages(state: ChatState, action: ModerationAction) -> None:
    """Hide the messages of an action, and those that were delivered before it but unknown to the
    process that decided. `madang.apps.chat.store.save_action` does the same."""
    state.history.delete(action.ids, action.id)
    if action.kind in {"timeout", "ban"}:
        state.history.delete_before(action.id, action.person)
    elif action.kind == "clear":
        state.history.delete_before(action.id)


def _perform(
    state: ChatState, action: ModerationAction
) -> tuple[list[ChatUpdate], frozenset[str] | None]:
    match action.kind:
        case "delete":
            _hide_messages(state, action)
            return [ChatUpdate("delete", {"ids": list(action.ids)})], frozenset()
        case "clear":
            _hide_messages(state, action)
            return [ChatUpdate("clear", {})], frozenset()
        case "timeout" | "ban":
            until = None if action.seconds is None else action.at / 1000 + action.seconds
            state.sanctions.pop(action.person, None)  # the newest is the last
            state.sanctions[action.person] = Sanction(
                action.person, action.name, until, action.reason, action.seconds
            )
            people = dict.fromkeys(state.history.people(action.person))
            people |= {action.after["guest"]: None} if "guest" in action.after else {}
            _hide_messages(state, action)
            cleared = [ChatUpdate("clear", {"person": person}) for person in people]
            return [*cleared, _sanction_update(state, action)], frozenset({action.person})
        case "untimeout" | "unban":
            state.sanctions.pop(action.person, None)
            return [_sanction_update(state, action)], frozenset({action.person})
        case "pin" | "unpin":
            state.pinned = action.after.get("pinned")
            return [ChatUpdate("pin", {"message": state.pinned})], frozenset()
        case "mod" | "unmod":
            account = int(action.after["account"])
            if action.kind == "mod":
                state.moderators[account] = action.name
            else:
                state.moderators.pop(account, None)
            return [], frozenset({action.person})
        case _:
            return _set_mode(state, action.after)


def _revert(
    state: ChatState, action: ModerationAction, undone: ModerationAction | None
) -> tuple[list[ChatUpdate], frozenset[str] | None]:
    updates: list[ChatUpdate] = []
    people: frozenset[str] | None = frozenset()
    back = state.history.restore(action.undoes)
    if back:
        updates.append(ChatUpdate("messages", {"messages": back}))
    if undone is None:
        return updates, people
    match undone.kind:
        case "timeout" | "ban" | "untimeout" | "unban":
            before = undone.before.get("sanction")
            state.sanctions.pop(undone.person, None)
            if before is not None:
                state.sanctions[undone.person] = Sanction(**before)
            updates.append(_sanction_update(state, undone))
            people = frozenset({undone.person})
        case "pin" | "unpin":
            state.pinned = undone.before.get("pinned")
            updates.append(ChatUpdate("pin", {"message": state.pinned}))
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
            updates += more
    return updates, people


def _sanction_update(state: ChatState, action: ModerationAction) -> ChatUpdate:
    """Return the update for moderators after an action that gave or lifted a sanction."""
    sanction = state.sanctions.get(action.person)
    lifted = {"person": action.person, "name": action.name, "kind": "none"}
    shown = sanction.as_json() if sanction is not None else lifted
    return ChatUpdate("sanctions", {"people": [shown], "all": False}, moderators_only=True)


def _set_mode(
    state: ChatState, parts: Mapping[str, Any]
) -> tuple[list[ChatUpdate], frozenset[str] | None]:
    for name, value in parts.items():
        state.mode = state.mode.with_part(name, value)
    return [ChatUpdate("mode", state.mode.as_json())], None


def _mode(state: ChatState, action: ModerationAction, name: str, value: object) -> ModerationAction:
    return replace(action, before={name: getattr(state.mode, name)}, after={name: value})


def _moderator(
    state: ChatState,
    actor: Participant,
    action: ModerationAction,
    request: Mapping[str, Any],
    find_reader: Finder,
) -> ModerationAction:
    person, name = _target(state, actor, request, find_reader, allow_moderators=True)
    if not person.startswith("u"):
        raise ChatRefused("unknown_person", _("Only somebody with an account can be a moderator."))
    account = int(person[1:])
    if account == state.owner:
        raise ChatRefused("not_allowed", _("The owner needs no appointment."))
    return replace(action, person=person, name=name, after={"account": account})


def _undo(
    action: ModerationAction, request: Mapping[str, Any], actions: Mapping[str, ModerationAction]
) -> ModerationAction:
    wanted = request.get("undo")
    already_undone = {done.undoes for done in actions.values() if done.undoes}
    if wanted is None:
        own = [
            done.id
            for done in actions.values()
            if done.by == action.by and done.kind != "undo" and done.id not in already_undone
        ]
        wanted = max(own, default=None)
    undone = actions.get(wanted) if isinstance(wanted, str) else None
    if undone is None or undone.kind == "undo":
        raise ChatRefused("unknown_act", _("There is nothing to undo."))
    if undone.id in already_undone:
        raise ChatRefused("unknown_act", _("This has been undone already."))
    return replace(action, undoes=undone.id, person=undone.person, name=undone.name)


def _target(
    state: ChatState,
    actor: Participant,
    request: Mapping[str, Any],
    find_reader: Finder,
    *,
    allow_moderators: bool = False,
) -> tuple[str, str]:
    person, name = request.get("person"), request.get("name")
    found: tuple[str, str] | None = None
    if isinstance(person, str) and person[:1] in {"u", "g"} and person[1:].isalnum():
        found = (
            person,
            state.history.name_of(person) or (name if isinstance(name, str) else person),
        )
    elif isinstance(name, str):
        found = find_reader(name) or state.history.find_person(name)
    if found is None or (found[0].startswith("u") and not found[0][1:].isdecimal()):
        raise ChatRefused("unknown_person", _("Nobody with this name is or was here lately."))
    account = int(found[0][1:]) if found[0].startswith("u") else None
    if found[0] == actor.person and not allow_moderators:
        raise ChatRefused("not_allowed", _("You cannot do this to yourself."))
    protected = account == state.owner or (account in state.moderators and not actor.manages)
    if protected and not allow_moderators:
        raise ChatRefused("not_allowed", _("Moderators and the owner cannot be sent away."))
    return found


def _address(person: str) -> str:
    """Return the address of a guest. Raises ChatRefused for an account."""
    if not (found := address_of(person)):
        raise ChatRefused(
            "not_allowed", _("The address of somebody with an account cannot be banned.")
        )
    return found


def _sanctioned(state: ChatState, request: Mapping[str, Any]) -> tuple[str, str]:
    person, name = request.get("person"), request.get("name")
    for sanction in state.sanctions.values():
        if sanction.person == person or (
            isinstance(name, str) and folded(sanction.name) == folded(name)
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
        "seconds": sanction.seconds,
    }
