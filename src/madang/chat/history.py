"""The last messages of a chat, in the order in which the readers of this process got them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

from madang.base.names import folded
from madang.chat.model import Message
from madang.chat.people import covers

KEPT: Final = 1000
"""Messages that a reader who reconnects can get exactly: minutes of a busy chat."""

SHOWN: Final = 50
"""Messages that a new reader gets: some two screens."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """Messages for a reader who joins.

    `recovered`: they follow the last message that the reader has. `gap`: the reader has messages,
    but what followed them cannot be given in full.
    """

    messages: list[Message]
    deleted: list[str]
    recovered: bool
    gap: bool


class History:
    """Messages in order of delivery. Deleted ones are remembered, but not shown.

    Upcoming messages are accepted, but not delivered to readers yet: lookups by id, person or name
    find them, a backlog does not contain them. `partitioned` are the ids of messages that other
    processes delivered while they were cut off, in another order than here.
    """

    def __init__(self, messages: Iterable[Message] = ()) -> None:
        self._messages: deque[Message] = deque(maxlen=KEPT)
        self._known: dict[str, Message] = {}
        self._upcoming: dict[str, Message] = {}
        self._deleted: dict[str, str] = {}
        self.partitioned: set[str] = set()
        for message in messages:
            self.add(message)

    def __len__(self) -> int:
        return len(self._messages)

    def __contains__(self, message_id: str) -> bool:
        return message_id in self._known

    @property
    def full(self) -> bool:
        """Return whether older messages have been dropped."""
        return len(self._messages) == KEPT

    @property
    def oldest(self) -> str:
        """The id of the oldest message, empty without messages."""
        return self._messages[0].id if self._messages else ""

    @property
    def newest(self) -> str:
        """The id of the newest message, empty without messages."""
        return self._messages[-1].id if self._messages else ""

    def branch(self) -> History:
        """Return a history with the same messages whose deletions are its own."""
        branch = copy(self)
        branch._deleted = dict(self._deleted)
        return branch

    def expect(self, message: Message) -> None:
        """Note an upcoming message."""
        self._upcoming[message.id] = message

    def add(self, message: Message) -> None:
        """Append a message that is delivered; drop the oldest where there are too many."""
        self._upcoming.pop(message.id, None)
        if self.full:
            oldest = self.oldest
            self._known.pop(oldest, None)
            self._deleted.pop(oldest, None)
            self.partitioned.discard(oldest)
        self._messages.append(message)
        self._known[message.id] = message

    def get(self, message_id: str) -> Message | None:
        """Return a message that is not deleted."""
        if message_id in self._deleted:
            return None
        return self._known.get(message_id) or self._upcoming.get(message_id)

    def ids(self, person: str | None = None) -> list[str]:
        """Return the ids of messages that are not deleted: of a person, an address, or all."""
        return [
            message.id
            for message in chain(self._messages, self._upcoming.values())
            if message.id not in self._deleted
            and (person is None or covers((person,), message.person))
        ]

    def people(self, person: str) -> list[str]:
        """Return who wrote here out of `person`, or out of all guests of an address."""
        messages = chain(self._messages, self._upcoming.values())
        found = (each.person for each in messages if covers((person,), each.person))
        return list(dict.fromkeys(found)) or [person]

    def last_of(self, person: str) -> Message | None:
        """Return a person's newest message that is not deleted."""
        return next(
            (
                message
                for message in self._newest_first()
                if message.person == person and message.id not in self._deleted
            ),
            None,
        )

    def find_person(self, name: str) -> tuple[str, str] | None:
        """Return person and name of the newest message under `name`, whatever the case."""
        wanted = folded(name)
        return next(
            (
                (message.person, message.name)
                for message in self._newest_first()
                if folded(message.name) == wanted
            ),
            None,
        )

    def name_of(self, person: str) -> str | None:
        """Return the name of a person's newest message."""
        return next(
            (message.name for message in self._newest_first() if message.person == person), None
        )

    def _newest_first(self) -> Iterator[Message]:
        return chain(reversed(self._upcoming.values()), reversed(self._messages))

    def delete(self, ids: Iterable[str], action: str) -> None:
        """Hide messages because of the action with the id `action`."""
        for message_id in ids:
            if message_id in self._known or message_id in self._upcoming:
                self._deleted.setdefault(message_id, action)

    def delete_before(self, action: str, person: str | None = None) -> None:
        """Hide delivered messages whose ids are below that of `action`: of a person, an address, or
        all."""
        for message in self._messages:
            if message.id < action and (person is None or covers((person,), message.person)):
                self._deleted.setdefault(message.id, action)

    def restore(self, action: str) -> list[Message]:
        """Show again what an action hid; returned in order."""
        back = {message_id for message_id, by in self._deleted.items() if by == action}
        for message_id in back:
            del self._deleted[message_id]
        return [replace(message, restored=True) for message in self._messages if message.id in back]

    def hidden_by(self, action: str) -> bool:
        """Return whether an action hides messages that are kept here."""
        return action in self._deleted.values()

    def deleted(self) -> list[str]:
        """Return the ids of messages that are kept but hidden."""
        return list(self._deleted)

    def backlog(self, since: str | None) -> Backlog:
        """Return what a reader gets on joining who has everything up to the id `since`."""
        if since is not None and since in self._known and since not in self.partitioned:
            following: list[Message] = []
            for message in reversed(self._messages):
                if message.id == since:
                    break
                if message.id not in self._deleted:
                    following.append(message)
            following.reverse()
            return Backlog(following, self.deleted(), recovered=True, gap=False)
        shown = [message for message in self._messages if message.id not in self._deleted]
        return Backlog(shown[-SHOWN:], [], recovered=False, gap=since is not None)
