"""One chat in memory: its readers, what waits for the next frame, and what notes of the bus do."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from madang.chat import moderation
from madang.chat.bus_events import BusEvent
from madang.chat.errors import Banned
from madang.chat.model import Account, Message, ModerationAction, Role
from madang.chat.moderation import ChatUpdate
from madang.chat.state import ChatState, Speaker
from madang.chat.word_filter import look_of
from madang.servers.chat.connection import ChatConnection
from madang.servers.chat.counters import ChatCounters
from madang.servers.chat.presence import Presence
from madang.wire.chat import CloseReason, event_frame, json_of, list_frame

AT_ONCE: Final = 1000
"""Readers that get a frame before the event loop does something else: some 10 ms."""

ACTS: Final = 200
"""Acts that can be undone without asking the database."""

NONCES: Final = 4096
"""Messages whose sender may still send them a second time after a broken connection."""


class Room:
    """The chat of one channel in this process."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        state: ChatState,
        acts: Iterable[ModerationAction],
        counters: ChatCounters,
    ) -> None:
        self._loop = loop
        self.state = state
        self.counters = counters
        self.readers: dict[ChatConnection, None] = {}
        self.acts: dict[str, ModerationAction] = {act.id: act for act in acts}
        self.reactions: Counter[str] = Counter()
        self.last_said: dict[str, float] = {}
        self.empty_since: float | None = loop.time()
        self._here = Presence()
        self._pending: list[Message] = []
        self._frames: list[bytes] = []
        self._ready: list[bytes] = []
        self._ready_count = 0
        self._outgoing: deque[tuple[bytes, int, list[ChatConnection]]] = deque()
        self._shown: dict[str, object] = {}
        self._nonces: dict[tuple[str, str], str] = {}

    # --- who is here ----------------------------------------------------------------------------

    def enter(self, connection: ChatConnection) -> None:
        """Somebody joined, and gets what comes from now on."""
        self._launch()  # what waits, this reader has been given with the history
        self.readers[connection] = None
        self._here.enter(connection)
        self.empty_since = None

    def becomes(self, connection: ChatConnection, speaker: Speaker) -> None:
        """Somebody who is here has another name or another role now."""
        self._here.leave(connection)
        connection.speaker = speaker
        self._here.enter(connection)

    def leave(self, connection: ChatConnection) -> None:
        """Somebody is gone."""
        if self.readers.pop(connection, self) is self:
            return
        self._here.leave(connection)
        if not self.readers:
            self.empty_since = self._loop.time()

    def taken(self, look: str, person: str) -> bool:
        """Whether a name with this look belongs to somebody else who is here."""
        there = self._here.bearer(look)
        return there is not None and there[0] != person

    def called(self, name: str) -> tuple[str, str] | None:
        """Person and name of somebody who is here."""
        there = self._here.bearer(look_of(name))
        return there if there is not None and there[1].casefold() == name.casefold() else None

    def known(self, name: str) -> bool:
        """Whether somebody with this name is here or wrote lately."""
        return self.called(name) is not None or self.state.history.person_called(name) is not None

    # --- notes ----------------------------------------------------------------------------------

    def take(self, note: BusEvent) -> bool:
        """Do what a note says; returns whether something is to be sent."""
        match note.kind:
            case "say":
                return self._say(said_of(note), apart=note.apart)
            case "act":
                self._act(act_of(note), note.restored)
                return True
            case "react":
                self._frames.append(event_frame("reactions", note.body))
                return True
            case "count":
                self._here.hear(note.origin, note.body, self._loop.time())
        return False

    def catch_up(self, notes: Iterable[BusEvent]) -> None:
        """Take over of the last notes what the database did not know when the chat was opened."""
        saved = set(self.acts)
        oldest = self.state.history.oldest if self.state.history.full else ""
        for note in notes:
            if note.kind == "say":
                said = said_of(note)
                if said.id >= oldest:
                    self._say(said, apart=note.apart)
            elif note.kind == "act":
                act = act_of(note)
                self.flush()
                if act.id in saved:
                    moderation.hide_and_show(self.state, act)
                else:
                    self._act(act, note.restored)
        self.flush()

    def _say(self, said: Message, *, apart: bool = False) -> bool:
        if said.id in self.state.history:
            return False
        if apart:
            self.state.history.apart.add(said.id)
        if said.nonce:
            if len(self._nonces) >= NONCES:
                del self._nonces[next(iter(self._nonces))]
            self._nonces[said.person, said.nonce] = said.id
        if self.state.mode.slow:
            self.last_said[said.person] = time.monotonic()  # also where another process let it in
        self._pending.append(said)
        return True

    def sent_before(self, person: str, nonce: str) -> str | None:
        """The id of the message that a person sent with this nonce."""
        return self._nonces.get((person, nonce))

    def _act(self, act: ModerationAction, restored: list[Message]) -> None:
        self.flush()
        mode = self.state.mode
        undone = self.acts.get(act.undoes) if act.undoes else None
        if len(self.acts) >= ACTS:
            del self.acts[next(iter(self.acts))]
        self.acts[act.id] = act
        outcome = moderation.apply(self.state, act, undone)
        for change in outcome.changes:
            self._announce(change)
        if restored and not any(change.event == "messages" for change in outcome.changes):
            self._announce(ChatUpdate("messages", {"said": restored}))
        if outcome.people is None:
            changed = (mode.guests, mode.members_only) != (
                self.state.mode.guests,
                self.state.mode.members_only,
            )
            if changed:
                self.refresh_people(None)
        elif outcome.people:
            self.refresh_people(outcome.people)
            if act.kind == "ban":
                self._send_away(outcome.people)

    def _announce(self, change: ChatUpdate) -> None:
        if change.moderators_only:
            frame = event_frame(change.event, change.payload)
            for reader in self.readers:
                if reader.speaker.role.moderates:
                    reader.push(frame)
        elif change.event == "messages":
            encoded = [json_of(said.as_json()) for said in change.payload["said"]]
            self._frames.append(list_frame("messages", encoded))
        else:
            self._frames.append(event_frame(change.event, change.payload))

    def refresh_people(self, people: frozenset[str] | None) -> None:
        """Tell people, or everybody, what they may do now."""
        now = time.time()
        for reader in list(self.readers):
            if people is None or reader.speaker.person in people:
                before = reader.speaker.role
                if reader.account is not None:
                    reader.speaker = self.state.speaker(reader.account)
                self._tell_standing(reader, before, now)

    def is_now(self, reader: ChatConnection, account: Account) -> None:
        """Somebody's account was changed: another name, an administrator or none any more."""
        before = reader.speaker.role
        reader.account = account
        self.becomes(reader, self.state.speaker(account))
        self._tell_standing(reader, before, time.time())

    def _tell_standing(self, reader: ChatConnection, before: Role, now: float) -> None:
        reader.session.emit("you", self.state.me(reader.speaker, now))
        if reader.speaker.role.moderates and not before.moderates:
            reader.session.emit("sanctions", self.state.sanctioned(now))
        reader.flush()

    def _send_away(self, people: frozenset[str]) -> None:
        for reader in [one for one in self.readers if one.speaker.person in people]:
            reader.tell(Banned())
            reader.end(CloseReason.REFUSED)

    def renew(self, fresh: ChatState, unsaved: Iterable[ModerationAction]) -> None:
        """Take over what the database says of everything but the messages. `unsaved` are acts that
        it did not know yet, in order."""
        state = self.state
        fresh.history = state.history
        for act in unsaved:
            moderation.apply(fresh, act, self.acts.get(act.undoes) if act.undoes else None)
        if fresh.mode != state.mode:
            self.broadcast("mode", fresh.mode.as_json())
        if fresh.emotes != state.emotes:
            self.broadcast("emotes", [emote.as_json() for emote in fresh.emotes])
        if fresh.pinned != state.pinned:
            self.broadcast("pin", {"message": fresh.pinned})
        standing = (state.mode.guests, state.mode.members_only, state.moderators, state.owner)
        changed = standing != (
            fresh.mode.guests,
            fresh.mode.members_only,
            fresh.moderators,
            fresh.owner,
        )
        self.state = fresh
        if changed:
            self.refresh_people(None)
        if fresh.sanctions != state.sanctions:
            told = fresh.sanctioned(time.time())
            self._announce(ChatUpdate("sanctions", told, moderators_only=True))

    def broadcast(self, event: str, payload: Any) -> None:
        """Send an event to everybody with the next frame."""
        self._frames.append(event_frame(event, payload))

    # --- out ------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Send everything since the last time to everybody, encoded once; while many readers are
        still being served with what was before, when that is done."""
        if self._pending:
            history = self.state.history
            for said in self._pending:
                history.add(said)
            encoded = [json_of(said.as_json()) for said in self._pending]
            self._ready.append(list_frame("messages", encoded))
            self._ready_count += len(self._pending)
            self._pending.clear()
        self._ready += self._frames
        self._frames.clear()
        if not self._outgoing:
            self._launch()

    def _launch(self) -> None:
        """Begin to send what is ready to those who are here now."""
        if not self._ready:
            return
        blob = self._ready[0] if len(self._ready) == 1 else b"".join(self._ready)
        count = self._ready_count
        self._ready.clear()
        self._ready_count = 0
        idle = not self._outgoing
        self._outgoing.append((blob, count, list(self.readers)))
        self.counters.deliveries += count * len(self.readers)
        if idle:
            self._send_some()

    def _send_some(self) -> None:
        """Serve the readers in turns, so that ten thousand do not hold up the rest of the loop."""
        blob, count, readers = self._outgoing[0]
        for reader in readers[:AT_ONCE]:
            reader.push(blob, count)
        del readers[:AT_ONCE]
        if not readers:
            self._outgoing.popleft()
            if not self._outgoing:
                self._launch()
                return
        if self._outgoing:
            self._loop.call_soon(self._send_some)

    # --- presence -------------------------------------------------------------------------------

    def counted(self) -> dict[str, Any]:
        """What the other processes are to hear of who is here."""
        return self._here.told(len(self.readers))

    def connected(self) -> int:
        """Connections over all processes; may be asked from any thread."""
        return len(self.readers) + self._here.connected_elsewhere

    def presence(self, viewers: int | None) -> dict[str, object]:
        """Connections, people, and who watches, over all processes."""
        self._here.forget(self._loop.time())
        return {
            "connected": self.connected(),
            "people": self._here.people,
            "viewers": viewers,
        }

    def presence_changed(self, viewers: int | None) -> bool:
        """Note who is here; returns whether readers are to be told."""
        shown = self.presence(viewers)
        if shown == self._shown:
            return False
        self._shown = shown
        self._frames.append(event_frame("presence", shown))
        return True


def said_of(note: BusEvent) -> Message:
    """The message in a note of the kind `say`: a mapping where another process said it."""
    return note.body if isinstance(note.body, Message) else msgspec.convert(note.body, Message)


def act_of(note: BusEvent) -> ModerationAction:
    """The act in a note of the kind `act`."""
    return (
        note.body
        if isinstance(note.body, ModerationAction)
        else msgspec.convert(note.body, ModerationAction)
    )
