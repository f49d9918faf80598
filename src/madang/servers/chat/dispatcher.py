"""Requests of chat clients and of the API: messages, reactions, names and moderation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from django.utils.text import format_lazy
from django.utils.translation import get_language, override
from django.utils.translation import gettext_lazy as _

from madang.chat import commands, moderation
from madang.chat.errors import ChatRefused, NotAllowed
from madang.chat.model import REACTIONS, Account, Message, Role
from madang.chat.room import Room
from madang.chat.state import Participant, clean_text
from madang.servers.chat.connection import ChatConnection
from madang.servers.chat.hub import ChatHub
from madang.wire.chat import Emitted

NONCE_LENGTH: Final = 32

Answer = dict[str, Any]


class Dispatcher:
    """Decides about requests, and publishes what comes of them through the hub.

    Every decision is made on a room's expected state: what this process published a moment ago
    counts, whether the bus has returned it or not.
    """

    def __init__(self, hub: ChatHub) -> None:
        self._hub = hub

    def answer(self, connection: ChatConnection, event: Emitted) -> None:
        """Handle an event of a client and acknowledge it."""
        room = connection.room
        if room is None:
            return
        try:
            answer = self._handle(room, connection, event)
        except ChatRefused as error:
            self._hub.count_refusal(connection, error.code)
            if event.ack is None:
                connection.send_error(error)
                return
            answer = {"error": connection.words(error), **error.as_json()}
        connection.session.ack(event.ack, answer)

    def moderate(self, room: Room, account: Account, request: Mapping[str, Any]) -> Answer:
        """Handle a moderation request of the API. Raises ChatRefused."""
        return self._moderate(room, room.expected.participant(account), request)

    def say(self, room: Room, account: Account, request: Mapping[str, Any]) -> Answer:
        """Handle a message of the API. Raises ChatRefused."""
        participant = room.expected.participant(account)
        language = get_language() or "en"
        return self._message(
            room, participant, request, lambda: self._limit_person(participant), language
        )

    def _handle(self, room: Room, connection: ChatConnection, event: Emitted) -> Answer:
        payload = event.arguments[0] if event.arguments else None
        if not isinstance(payload, dict):
            raise ChatRefused(
                "bad_payload", format_lazy(_("{event} takes one object."), event=event.name[:40])
            )
        participant = room.participant_of(connection)
        match event.name:
            case "message":
                return self._message(
                    room,
                    participant,
                    payload,
                    lambda: self._limit(connection, participant),
                    connection.language,
                )
            case "react":
                return self._react(room, connection, payload)
            case "name":
                return self._rename(room, connection, payload)
            case "moderate":
                self._limit(connection, participant)
                return self._moderate(room, participant, payload)
        raise ChatRefused(
            "unknown_event", format_lazy(_("There is no event {event}."), event=event.name[:40])
        )

    # --- messages -------------------------------------------------------------------------------

    def _message(
        self,
        room: Room,
        participant: Participant,
        payload: Mapping[str, Any],
        limit: Callable[[], None],
        language: str,
    ) -> Answer:
        nonce = payload.get("nonce", "")
        if not isinstance(nonce, str) or len(nonce) > NONCE_LENGTH:
            raise ChatRefused(
                "bad_payload",
                format_lazy(_("A nonce is a text of up to {most} characters."), most=NONCE_LENGTH),
            )
        if nonce and (before := room.sent_before(participant.person, nonce)) is not None:
            return {"id": before}
        text = clean_text(payload.get("text"))
        if text.startswith("/"):
            limit()
            return self._command(room, participant, text, language)
        write_block = room.expected.write_block(participant, self._hub.clock.wall())
        if write_block is not None:
            raise write_block
        limit()
        message = self._compose(room, participant, text, payload.get("reply_to"), nonce)
        room.pass_slow_mode(participant, self._hub.clock.monotonic())
        self._hub.send_message(room, message)
        return {"id": message.id}

    def _compose(
        self, room: Room, participant: Participant, text: str, reply_to: object, nonce: str
    ) -> Message:
        state = room.expected
        state.check_text(participant, text)
        now = self._now()
        return Message(
            id=self._hub.ids.make(now),
            at=now,
            person=participant.person,
            name=participant.name,
            role=participant.role,
            text=text,
            bot=participant.bot,
            nonce=nonce,
            reply_to=state.quoted(reply_to),
            mentions=state.mentions(text, room.knows_name),
        )

    def _limit(self, connection: ChatConnection, participant: Participant) -> None:
        """Raise ChatRefused for too many requests of an address or a person."""
        now = self._hub.clock.monotonic()
        wait = self._hub.per_address.take(connection.address, now)
        if wait is not None:
            raise ChatRefused(
                "too_fast", _("Too much comes from your network: wait a moment."), retry_after=wait
            )
        self._limit_person(participant)

    def _limit_person(self, participant: Participant) -> None:
        key = f"{participant.person} {participant.name}"
        if (wait := self._hub.per_person.take(key, self._hub.clock.monotonic())) is not None:
            raise ChatRefused(
                "too_fast", _("You are too fast: wait a moment."), retry_after=max(0.1, wait)
            )

    # --- reactions and names --------------------------------------------------------------------

    def _react(self, room: Room, connection: ChatConnection, payload: Answer) -> Answer:
        emote = payload.get("emote")
        if emote not in REACTIONS:
            raise ChatRefused("bad_payload", _("emote is one of welcome.reactions."))
        person, clock = connection.participant.person, self._hub.clock
        if room.expected.sanction_on(person, clock.wall()) is not None:
            raise ChatRefused("timed_out", _("A moderator gave you a time-out."))
        for buckets, key in (
            (self._hub.reactions_per_person, person),
            (self._hub.reactions_per_address, connection.address),
        ):
            if (wait := buckets.take(key, clock.monotonic())) is not None:
                raise ChatRefused(
                    "too_fast", _("You are too fast: wait a moment."), retry_after=wait
                )
        room.reactions[emote] += 1
        return {"ok": True}

    def _rename(self, room: Room, connection: ChatConnection, payload: Answer) -> Answer:
        participant = connection.participant
        if participant.role is not Role.GUEST:
            raise ChatRefused("not_allowed", _("You are called as your account is."))
        self._limit(connection, participant)
        name = room.state.guest_name(
            payload.get("name"), lambda skeleton: room.name_taken(skeleton, participant.person)
        )
        room.change_participant(connection, replace(participant, name=name))
        return {
            "ok": True,
            "me": room.state.me(connection.participant, self._hub.clock.wall()),
        }

    # --- moderation -----------------------------------------------------------------------------

    def _command(self, room: Room, participant: Participant, text: str, language: str) -> Answer:
        request = commands.parse(text)
        if request["act"] == "help":
            with override(language):
                return {"ok": True, "note": str(commands.HELP)}
        if not participant.role.moderates:
            raise NotAllowed
        if request["act"] == "pin":
            return self._pin(room, participant, request.get("text"))
        answer = self._moderate(room, participant, request)
        return {**answer, "note": text}

    def _pin(self, room: Room, participant: Participant, text: object) -> Answer:
        """Pin a new message, or without text the participant's last one. Raises ChatRefused."""
        if isinstance(text, str):
            message = self._compose(room, participant, clean_text(text), None, "")
            self._hub.send_message(room, message)
        elif (last := room.expected.history.last_of(participant.person)) is not None:
            message = last
        else:
            raise ChatRefused(
                "unknown_message", _("You have said nothing here that could be pinned.")
            )
        answer = self._moderate(room, participant, {"act": "pin", "id": message.id})
        return {**answer, "note": "/pin"}

    def _moderate(self, room: Room, participant: Participant, request: Mapping[str, Any]) -> Answer:
        now = self._now()
        action = moderation.decide(
            room.expected,
            participant,
            request,
            action_id=self._hub.ids.make(now),
            now=now,
            find_reader=room.find_reader,
            actions=room.actions,
        )
        answer: Answer = {"ok": True}
        if "guest" in action.after:
            answer["others"] = room.others_at(action.person, action.after["guest"])
        if request.get("dry_run") is True:
            return answer
        self._hub.perform(room, action)
        if action.kind != "undo":
            answer["undo"] = action.id
        return answer

    def _now(self) -> int:
        """Return milliseconds since 1970."""
        return round(self._hub.clock.wall() * 1000)
