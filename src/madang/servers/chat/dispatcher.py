"""What somebody in a chat asks for: to say something, to react, to be called, to keep order."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from django.utils.text import format_lazy
from django.utils.translation import get_language, override
from django.utils.translation import gettext_lazy as _

from madang.apps.chat import store
from madang.chat import commands, moderation
from madang.chat.errors import ChatRefused, NotAllowed
from madang.chat.model import REACTIONS, Account, Message, ModerationAction, Role
from madang.chat.state import Speaker, clean_text
from madang.infra.database import DatabaseAway
from madang.servers.chat.connection import ChatConnection
from madang.servers.chat.hub import ChatHub
from madang.servers.chat.room import Room
from madang.wire.chat import Emitted

NONCE_LENGTH: Final = 32

Answer = dict[str, Any]


class Dispatcher:
    """Answers what the clients emit."""

    def __init__(self, hub: ChatHub) -> None:
        self._hub = hub

    def answer(self, connection: ChatConnection, event: Emitted) -> None:
        """Do what an event asks and acknowledge it."""
        room = connection.room
        if room is None:
            return
        try:
            answer = self._do(room, connection, event)
        except ChatRefused as error:
            self._hub.refuse(connection, error.code)
            if event.ack is None:
                connection.tell(error)
                return
            answer = {"error": connection.words(error), **error.as_json()}
        connection.session.ack(event.ack, answer)

    def moderate(self, room: Room, account: Account, request: Mapping[str, Any]) -> Answer:
        """Do what a moderator asks through the API. Raises ChatRefused."""
        return self._moderate(room, room.state.speaker(account), request)

    def say(self, room: Room, account: Account, request: Mapping[str, Any]) -> Answer:
        """Send what somebody says through the API. Raises ChatRefused."""
        speaker = room.state.speaker(account)
        language = get_language() or "en"
        return self._message(
            room, speaker, request, lambda: self._slow_down_person(speaker), language
        )

    def _do(self, room: Room, connection: ChatConnection, event: Emitted) -> Answer:
        payload = event.arguments[0] if event.arguments else None
        if not isinstance(payload, dict):
            raise ChatRefused(
                "bad_payload", format_lazy(_("{event} takes one object."), event=event.name[:40])
            )
        match event.name:
            case "message":
                return self._message(
                    room,
                    connection.speaker,
                    payload,
                    lambda: self._slow_down(connection),
                    connection.language,
                )
            case "react":
                return self._react(room, connection, payload)
            case "name":
                return self._name(room, connection, payload)
            case "moderate":
                self._slow_down(connection)
                return self._moderate(room, connection.speaker, payload)
        raise ChatRefused(
            "unknown_event", format_lazy(_("There is no event {event}."), event=event.name[:40])
        )

    def _message(
        self,
        room: Room,
        speaker: Speaker,
        payload: Mapping[str, Any],
        slow_down: Callable[[], None],
        language: str,
    ) -> Answer:
        nonce = payload.get("nonce", "")
        if not isinstance(nonce, str) or len(nonce) > NONCE_LENGTH:
            raise ChatRefused(
                "bad_payload",
                format_lazy(_("A nonce is a text of up to {most} characters."), most=NONCE_LENGTH),
            )
        if nonce and (before := room.sent_before(speaker.person, nonce)) is not None:
            return {"id": before}
        text = clean_text(payload.get("text"))
        if text.startswith("/"):
            slow_down()
            return self._command(room, speaker, text, language)
        hindrance = room.state.hindrance(speaker, time.time())
        if hindrance is not None:
            raise hindrance
        slow_down()
        said = self._composed(room, speaker, text, payload.get("reply_to"), nonce)
        self._take_turn(room, speaker)
        self._hub.say(room, said)
        return {"id": said.id}

    def _composed(
        self, room: Room, speaker: Speaker, text: str, reply_to: object, nonce: str
    ) -> Message:
        room.state.check_text(speaker, text)
        now = round(time.time() * 1000)
        return Message(
            id=self._hub.ids.make(now),
            at=now,
            person=speaker.person,
            name=speaker.name,
            role=speaker.role,
            text=text,
            bot=speaker.bot,
            nonce=nonce,
            reply_to=room.state.quoted(reply_to),
            mentions=room.state.mentions(text, room.known),
        )

    def _slow_down(self, connection: ChatConnection) -> None:
        """Raise ChatRefused where a person or an address asks too much."""
        wait = self._hub.per_address.take(connection.address, time.monotonic())
        if wait is not None:
            raise ChatRefused(
                "too_fast", _("Too much comes from your network: wait a moment."), retry_after=wait
            )
        self._slow_down_person(connection.speaker)

    def _slow_down_person(self, speaker: Speaker) -> None:
        person = f"{speaker.person} {speaker.name}"
        if (wait := self._hub.per_person.take(person, time.monotonic())) is not None:
            raise ChatRefused(
                "too_fast", _("You are too fast: wait a moment."), retry_after=max(0.1, wait)
            )

    def _take_turn(self, room: Room, speaker: Speaker) -> None:
        """Slow mode. Raises ChatRefused."""
        slow = room.state.mode.slow
        if not slow or speaker.role.moderates:
            return
        now = time.monotonic()
        key = speaker.person
        since = now - room.last_said.get(key, -1e9)
        if since < slow:
            raise ChatRefused(
                "slow_mode",
                format_lazy(_("Slow mode: one message in {slow} s."), slow=slow),
                retry_after=slow - since,
            )
        if len(room.last_said) > 10_000:
            room.last_said = {one: at for one, at in room.last_said.items() if now - at < slow}
        room.last_said[key] = now

    def _react(self, room: Room, connection: ChatConnection, payload: Answer) -> Answer:
        emote = payload.get("emote")
        if emote not in REACTIONS:
            raise ChatRefused("bad_payload", _("emote is one of welcome.reactions."))
        sanction = room.state.sanction_on(connection.speaker.person, time.time())
        if sanction is not None:
            raise ChatRefused("timed_out", _("A moderator gave you a time-out."))
        now = time.monotonic()
        for key in (connection.speaker.person, connection.address):
            if (wait := self._hub.reaction_rate.take(key, now)) is not None:
                raise ChatRefused(
                    "too_fast", _("You are too fast: wait a moment."), retry_after=wait
                )
            if connection.account is None:
                break  # a guest's person is the address
        room.reactions[emote] += 1
        return {"ok": True}

    def _name(self, room: Room, connection: ChatConnection, payload: Answer) -> Answer:
        speaker = connection.speaker
        if speaker.role is not Role.GUEST:
            raise ChatRefused("not_allowed", _("You are called as your account is."))
        self._slow_down(connection)
        name = room.state.guest_name(
            payload.get("name"), lambda look: room.taken(look, speaker.person)
        )
        room.becomes(connection, replace(speaker, name=name))
        return {"ok": True, "me": room.state.me(connection.speaker, time.time())}

    def _command(self, room: Room, speaker: Speaker, text: str, language: str) -> Answer:
        request = commands.parse(text)
        if request["act"] == "help":
            with override(language):
                return {"ok": True, "note": str(commands.HELP)}
        if not speaker.role.moderates:
            raise NotAllowed
        if request["act"] == "pin":
            return self._pin(room, speaker, request.get("text"))
        answer = self._moderate(room, speaker, request)
        return {**answer, "note": text}

    def _pin(self, room: Room, speaker: Speaker, text: object) -> Answer:
        if isinstance(text, str):
            self._hub.say(room, self._composed(room, speaker, clean_text(text), None, ""))
        room.flush()
        mine = room.state.history.last_of(speaker.person)
        if mine is None:
            raise ChatRefused(
                "unknown_message", _("You have said nothing here that could be pinned.")
            )
        return {**self._moderate(room, speaker, {"act": "pin", "id": mine.id}), "note": "/pin"}

    def _moderate(self, room: Room, speaker: Speaker, request: Mapping[str, Any]) -> Answer:
        room.flush()
        now = round(time.time() * 1000)
        act = moderation.decide(
            room.state,
            speaker,
            request,
            act_id=self._hub.ids.make(now),
            now=now,
            here=room.called,
            acts=room.acts,
        )
        if act.kind == "undo" and not room.state.history.took(act.undoes):
            self._hub.spawn(self._undo_from_store(room, act))
        else:
            self._hub.act(room, act, [])
        return self._answer(act)

    async def _undo_from_store(self, room: Room, act: ModerationAction) -> None:
        """Take back an act of before the last restart: its messages are only in the database."""
        try:
            found = await self._hub.database.run(
                partial(store.taken_away_by, room.state.channel, act.undoes)
            )
        except DatabaseAway:
            found = []  # they come back with the next restart
        self._hub.act(room, act, [replace(said, restored=True) for said in found])

    def _answer(self, act: ModerationAction) -> Answer:
        answer: Answer = {"ok": True}
        if act.kind != "undo":
            answer["undo"] = act.id
        return answer
