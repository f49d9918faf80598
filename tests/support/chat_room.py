"""Values for tests of one room: messages, actions, states, and readers that keep what they get."""

from __future__ import annotations

import re
from typing import Any, Final

from madang.chat.bus_events import BusEvent
from madang.chat.errors import ChatRefused
from madang.chat.ids import Ids
from madang.chat.model import Account, Message, Mode, ModerationAction, Role
from madang.chat.state import ChatState, Participant
from madang.wire.chat import CloseReason

WALL: Final = 1_777_000_000.0
_MILLISECONDS: Final = round(WALL * 1000)
_IDS: Final = Ids(1)

GUEST: Final = Participant("g2", "", Role.GUEST)


class FakeReader:
    """A reader; `frames` are its pushes, `emitted` the events for it alone."""

    def __init__(self, participant: Participant = GUEST) -> None:
        self.participant = participant
        self.account: Account | None = None
        self.frames: list[bytes] = []
        self.emitted: list[tuple[str, object]] = []
        self.closed: CloseReason | None = None

    def push(self, frame: bytes, messages: int = 0) -> None:
        self.frames.append(frame)

    def emit(self, event: str, payload: object) -> None:
        self.emitted.append((event, payload))

    def expel(self, error: ChatRefused, reason: CloseReason) -> None:
        self.end(reason)

    def end(self, ending: CloseReason) -> None:
        self.closed = ending

    def texts(self) -> list[list[str]]:
        """The texts of the messages in each push that had any."""
        found = [re.findall(r'"text":"([^"]*)"', frame.decode("latin-1")) for frame in self.frames]
        return [texts for texts in found if texts]


def message(text: str, person: str = "g1") -> Message:
    return Message(_IDS.make(_MILLISECONDS), _MILLISECONDS, person, "minji", Role.GUEST, text)


def action(kind: str, **fields: Any) -> ModerationAction:
    return ModerationAction(_IDS.make(_MILLISECONDS), _MILLISECONDS, "u1", "olive", kind, **fields)


def event(value: Message | ModerationAction, *, partitioned: bool = False) -> BusEvent:
    kind = "say" if isinstance(value, Message) else "act"
    return BusEvent("other", 1, "yard", kind, value, partitioned=partitioned)


def state(*messages: Message, mode: Mode | None = None) -> ChatState:
    made = ChatState(1, "yard", 1, "olive", mode or Mode())
    for each in messages:
        made.history.add(each)
    return made
