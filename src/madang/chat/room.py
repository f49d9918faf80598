"""The chat of one channel in one process: its state, its readers, and the frames to send them.

Every process applies the events of the bus in the same order. Between the publication of an event
and its return, the room knows it as expected: decisions are made on the state that will be, while
readers see the state that is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from madang.base.confusables import skeleton_of
from madang.base.names import folded
from madang.base.text import Text as _
from madang.chat import moderation
from madang.chat.bus_events import BusEvent, action_of, message_of
from madang.chat.errors import Banned, ChatRefused
from madang.chat.model import Account, Message, ModerationAction, Role
from madang.chat.moderation import ChatUpdate
from madang.chat.people import covers
from madang.chat.presence import Presence
from madang.chat.state import ChatState, Participant
from madang.wire.chat import CloseReason, event_frame, json_of, list_frame

ACTIONS_KEPT: Final = 200
"""Actions that can be undone without a query of the database."""

NONCES_KEPT: Final = 4096
"""Messages that a client may send again after a broken connection."""

SLOW_MODE_PEOPLE: Final = 50_000
"""The last people to write whose messages slow mode remembers: 5 MB."""


class Reader(Protocol):
    """A connection in a room."""

    participant: Participant
    account: Account | None

    def push(self, frame: bytes, messages: int = 0) -> None:
        """Send a frame that holds so many messages. Never waits."""

    def emit(self, event: str, payload: object) -> None:
        """Send an event to this reader alone."""

    def expel(self, error: ChatRefused, reason: CloseReason) -> None:
        """Send an error and close the connection."""

    def end(self, ending: CloseReason) -> None:
        """Close the connection."""


class Room:
    """A running chat. `now` is in seconds of a monotonic clock, `wall` in seconds since 1970."""

    def __init__(self, state: ChatState, actions: Iterable[ModerationAction], now: float) -> None:
        self.state = state
        self.readers: dict[Reader, None] = {}
        self.reactions: Counter[str] = Counter()
        self.empty_since: float | None = now
        self._actions: dict[str, ModerationAction] = {action.id: action for action in actions}
        self._unconfirmed: dict[str, ModerationAction] = {}
        self._expected: ChatState | None = None
        self._presence = Presence()
        self._presence_sent: dict[str, object] = {}
        self._last_message_at: dict[str, float] = {}
        self._nonces: dict[tuple[str, str], str] = {}
        self._pending: list[Message] = []
        self._frames: list[bytes] = []
        self._output: list[bytes] = []
        self._output_messages = 0

    # --- readers --------------------------------------------------------------------------------

    def enter(self, reader: Reader) -> None:
        """Add a reader, which gets the frames from now on."""
        self.readers[reader] = None
        self._presence.enter(reader)
        self.empty_since = None

    def leave(self, reader: Reader, now: float) -> None:
        """Remove a reader."""
        if self.readers.pop(reader, self) is self:
            return
        self._presence.leave(reader)
        if not self.readers:
            self.empty_since = now

    def change_participant(self, reader: Reader, participant: Participant) -> None:
        """Give a reader another name or role."""
        self._presence.leave(reader)
        reader.participant = participant
        self._presence.enter(reader)

    def change_account(self, reader: Reader, account: Account, wall: float) -> None:
        """Apply a change of a reader's account: its name, or its being an administrator."""
        before = reader.participant.role
        reader.account = account
        self.change_participant(reader, self.state.participant(account))
        self._send_permissions(reader, before, wall)

    def name_taken(self, skeleton: str, person: str) -> bool:
        """Return whether somebody else who is present has a name with this skeleton."""
        found = self._presence.find(skeleton)
        return found is not None and found[0] != person

    def find_reader(self, name: str) -> tuple[str, str] | None:
        """Return person and name of somebody present with this name, whatever the case."""
        found = self._presence.find(skeleton_of(name))
        return found if found is not None and folded(found[1]) == folded(name) else None

    def others_at(self, address: str, person: str) -> int:
        """Return how many guests of an address are present beside `person`."""
        return self._presence.others_at(address, person)

    def knows_name(self, name: str) -> bool:
        """Return whether somebody with this name is present or wrote lately."""
        return (
            self.find_reader(name) is not None or self.state.history.find_person(name) is not None
        )

    # --- decisions ------------------------------------------------------------------------------

    @property
    def expected(self) -> ChatState:
        """The state after all that this process has published and the bus has yet to return."""
        if not self._unconfirmed:
            return self.state
        if self._expected is None:
            state, actions = self.state.branch(), self.actions
            for action in self._unconfirmed.values():
                moderation.apply(state, action, actions.get(action.undoes))
            self._expected = state
        return self._expected

    @property
    def actions(self) -> Mapping[str, ModerationAction]:
        """Recent actions by id, the expected ones included."""
        return {**self._actions, **self._unconfirmed} if self._unconfirmed else self._actions

    def participant_of(self, reader: Reader) -> Participant:
        """Return the participant that a reader is in the expected state."""
        if not self._unconfirmed or reader.account is None:
            return reader.participant
        return self.expected.participant(reader.account)

    def expect_message(self, message: Message) -> None:
        """Take a message into account that is about to be published."""
        self.state.history.expect(message)
        self._remember_nonce(message)

    def expect_action(self, action: ModerationAction) -> None:
        """Take an action into account that is about to be published."""
        self._unconfirmed[action.id] = action
        self._expected = None

    def sent_before(self, person: str, nonce: str) -> str | None:
        """Return the id of the message that a person sent with this nonce."""
        return self._nonces.get((person, nonce))

    def pass_slow_mode(self, participant: Participant, now: float) -> None:
        """Begin a person's wait for the next message. Raises ChatRefused before its end."""
        slow = self.expected.mode.slow
        if not slow or participant.role.moderates:
            return
        since = now - self._last_message_at.get(participant.person, -1e9)
        if since < slow:
            raise ChatRefused(
                "slow_mode",
                _("Slow mode: one message in {slow} s.", slow=slow),
                retry_after=slow - since,
            )
        self._begin_wait(participant.person, now)

    # --- events of the bus ----------------------------------------------------------------------

    def apply(self, event: BusEvent, now: float, wall: float) -> bool:
        """Apply an event; return whether there is output for the readers."""
        match event.kind:
            case "say":
                return self._apply_message(message_of(event), event.partitioned, now)
            case "act":
                self._apply_action(action_of(event), event.restored, wall)
                return True
            case "react":
                self._frames.append(event_frame("reactions", event.body))
                return True
            case "count":
                self._presence.receive(event.origin, event.body, now)
        return False

    def catch_up(self, events: Iterable[BusEvent], now: float, wall: float) -> None:
        """Apply recent events that the database did not hold when the chat was opened."""
        saved = set(self._actions)
        oldest = self.state.history.oldest if self.state.history.full else ""
        for event in events:
            if event.kind == "say":
                message = message_of(event)
                if message.id >= oldest:
                    self._apply_message(message, event.partitioned, now)
            elif event.kind == "act":
                action = action_of(event)
                self.encode_pending()
                if action.id in saved:
                    moderation.apply_to_history(self.state, action)
                else:
                    self._apply_action(action, event.restored, wall)
        self.encode_pending()

    def reload(self, fresh: ChatState, unsaved: Iterable[ModerationAction], wall: float) -> None:
        """Replace all of the state but the messages by that of the database.

        `unsaved` are actions, in order, that the database did not hold yet.
        """
        state = self.state
        fresh.history = state.history
        for action in unsaved:
            moderation.apply(fresh, action, self._actions.get(action.undoes))
        if fresh.mode != state.mode:
            self._broadcast("mode", fresh.mode.as_json())
        if fresh.emotes != state.emotes:
            self._broadcast("emotes", [emote.as_json() for emote in fresh.emotes])
        if fresh.pinned != state.pinned:
            self._broadcast("pin", {"message": fresh.pinned})
        self.state, self._expected = fresh, None
        if _permissions(fresh) != _permissions(state):
            self._update_permissions(None, wall)
        if fresh.sanctions != state.sanctions:
            shown = fresh.sanctioned(wall)
            self._announce(ChatUpdate("sanctions", shown, moderators_only=True))

    def _apply_message(self, message: Message, partitioned: bool, now: float) -> bool:
        history = self.state.history
        if message.id in history:
            return False
        if partitioned:
            history.partitioned.add(message.id)
        self._remember_nonce(message)
        if self.state.mode.slow and history.get(message.id) is None:  # from another process
            self._begin_wait(message.person, now)
        history.expect(message)
        self._pending.append(message)
        return True

    def _begin_wait(self, person: str, now: float) -> None:
        self._last_message_at.pop(person, None)  # the newest is the last
        self._last_message_at[person] = now
        if len(self._last_message_at) > SLOW_MODE_PEOPLE:
            del self._last_message_at[next(iter(self._last_message_at))]

    def _remember_nonce(self, message: Message) -> None:
        if message.nonce:
            if len(self._nonces) >= NONCES_KEPT:
                del self._nonces[next(iter(self._nonces))]
            self._nonces[message.person, message.nonce] = message.id

    def _apply_action(self, action: ModerationAction, restored: list[Message], wall: float) -> None:
        self.encode_pending()
        self._unconfirmed.pop(action.id, None)
        self._expected = None
        permissions = _permissions(self.state)
        undone = self._actions.get(action.undoes)
        if len(self._actions) >= ACTIONS_KEPT:
            del self._actions[next(iter(self._actions))]
        self._actions[action.id] = action
        result = moderation.apply(self.state, action, undone)
        for update in result.updates:
            self._announce(update)
        if restored and not any(update.event == "messages" for update in result.updates):
            self._announce(ChatUpdate("messages", {"messages": restored}))
        if result.people is None:
            if permissions != _permissions(self.state):
                self._update_permissions(None, wall)
        elif result.people:
            self._update_permissions(result.people, wall)
            if action.kind == "ban":
                self._expel(result.people)

    def _announce(self, update: ChatUpdate) -> None:
        if update.moderators_only:
            frame = event_frame(update.event, update.payload)
            for reader in self.readers:
                if reader.participant.role.moderates:
                    reader.push(frame)
        elif update.event == "messages":
            encoded = [json_of(message.as_json()) for message in update.payload["messages"]]
            self._frames.append(list_frame("messages", encoded))
        else:
            self._broadcast(update.event, update.payload)

    def _update_permissions(self, people: frozenset[str] | None, wall: float) -> None:
        """Send people, or everybody if None, what they may do now."""
        for reader in list(self.readers):
            if people is None or covers(people, reader.participant.person):
                before = reader.participant.role
                if reader.account is not None:
                    reader.participant = self.state.participant(reader.account)
                self._send_permissions(reader, before, wall)

    def _send_permissions(self, reader: Reader, before: Role, wall: float) -> None:
        reader.emit("you", self.state.me(reader.participant, wall))
        if reader.participant.role.moderates and not before.moderates:
            reader.emit("sanctions", self.state.sanctioned(wall))

    def _expel(self, people: frozenset[str]) -> None:
        for reader in [each for each in self.readers if covers(people, each.participant.person)]:
            reader.expel(Banned(), CloseReason.REFUSED)

    # --- output ---------------------------------------------------------------------------------

    def encode_pending(self) -> None:
        """Add new messages to the history, and encode them once for all readers."""
        if self._pending:
            for message in self._pending:
                self.state.history.add(message)
            encoded = [json_of(message.as_json()) for message in self._pending]
            self._output.append(list_frame("messages", encoded))
            self._output_messages += len(self._pending)
            self._pending.clear()
        self._output += self._frames
        self._frames.clear()

    def take_output(self) -> tuple[bytes, int] | None:
        """Return the encoded frames and how many messages they hold, or None.

        Messages that are not in the history are not among them, so a reader may enter next.
        """
        self._output += self._frames
        self._frames.clear()
        if not self._output:
            return None
        frames = self._output[0] if len(self._output) == 1 else b"".join(self._output)
        messages = self._output_messages
        self._output.clear()
        self._output_messages = 0
        return frames, messages

    def _broadcast(self, event: str, payload: Any) -> None:
        self._frames.append(event_frame(event, payload))

    # --- presence -------------------------------------------------------------------------------

    def presence_report(self) -> dict[str, Any]:
        """Return the presence report for the other processes."""
        return self._presence.report(len(self.readers))

    def connected(self) -> int:
        """Return the connections over all processes. Safe to call from any thread."""
        return len(self.readers) + self._presence.connected_elsewhere

    def presence(self, viewers: int | None, now: float) -> dict[str, object]:
        """Return connections, people and viewers over all processes."""
        self._presence.expire(now)
        return {
            "connected": self.connected(),
            "people": self._presence.people,
            "viewers": viewers,
        }

    def update_presence(self, viewers: int | None, now: float) -> bool:
        """Announce the presence where it changed; return whether it did."""
        presence = self.presence(viewers, now)
        if presence == self._presence_sent:
            return False
        self._presence_sent = presence
        self._broadcast("presence", presence)
        return True


def _permissions(state: ChatState) -> tuple[object, ...]:
    """Return the parts of a state by which everybody's permissions may change.

    Moderators are copied: actions change them in place.
    """
    mode = state.mode
    return mode.guests, mode.members_only, dict(state.moderators), state.owner
