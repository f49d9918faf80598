"""The last messages of a chat in memory, in the order in which everybody here got them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from madang.chat.model import Message

KEPT: Final = 1000
"""Messages that somebody who was away can get exactly: minutes of a busy chat."""

SHOWN: Final = 50
"""Messages that a newcomer gets: some two screens."""


@dataclass(frozen=True, slots=True)
class JoinBacklog:
    """What somebody gets on joining. `recovered`: it continues what they have; `gap`: they have
    seen messages, but what came after cannot be given in full."""

    messages: list[Message]
    deleted: list[str]
    recovered: bool
    gap: bool


class History:
    """Messages by the order of their arrival. Deleted ones are remembered, not shown.

    `apart` are ids of messages that other processes said while they were cut off: their people had
    them in another order.
    """

    def __init__(self, said: Iterable[Message] = ()) -> None:
        self._said: deque[Message] = deque(maxlen=KEPT)
        self._known: dict[str, Message] = {}
        self._deleted: dict[str, str] = {}
        self.apart: set[str] = set()
        for message in said:
            self.add(message)

    def __len__(self) -> int:
        return len(self._said)

    def __contains__(self, message_id: str) -> bool:
        return message_id in self._known

    @property
    def full(self) -> bool:
        """Whether older messages are no longer here."""
        return len(self._said) == KEPT

    @property
    def oldest(self) -> str:
        """The id of the oldest message, empty where there is none."""
        return self._said[0].id if self._said else ""

    def add(self, message: Message) -> None:
        """Keep a message; the oldest makes room."""
        if self.full:
            oldest = self.oldest
            self._known.pop(oldest, None)
            self._deleted.pop(oldest, None)
            self.apart.discard(oldest)
        self._said.append(message)
        self._known[message.id] = message

    def get(self, message_id: str) -> Message | None:
        """A message that is kept and not deleted."""
        return None if message_id in self._deleted else self._known.get(message_id)

    def of(self, person: str) -> list[str]:
        """The ids of a person's messages that are not deleted."""
        return [
            said.id for said in self._said if said.person == person and said.id not in self._deleted
        ]

    def everything(self) -> list[str]:
        """The ids of all messages that are not deleted."""
        return [said.id for said in self._said if said.id not in self._deleted]

    def last_of(self, person: str) -> Message | None:
        """A person's newest message that is not deleted."""
        return next(
            (
                said
                for said in reversed(self._said)
                if said.person == person and said.id not in self._deleted
            ),
            None,
        )

    def person_called(self, name: str) -> tuple[str, str] | None:
        """Person and name of the newest message of somebody with that name, whatever the case."""
        wanted = name.casefold()
        return next(
            (
                (said.person, said.name)
                for said in reversed(self._said)
                if said.name.casefold() == wanted
            ),
            None,
        )

    def name_of(self, person: str) -> str | None:
        """The name under which a person wrote last."""
        return next((said.name for said in reversed(self._said) if said.person == person), None)

    def delete(self, ids: Iterable[str], act: str) -> None:
        """Show these messages to nobody any more, because of the act with the id `act`."""
        for message_id in ids:
            if message_id in self._known:
                self._deleted.setdefault(message_id, act)

    def restore(self, act: str) -> list[Message]:
        """Show again what an act took away; returned in order."""
        back = {message_id for message_id, by in self._deleted.items() if by == act}
        for message_id in back:
            del self._deleted[message_id]
        return [replace(said, restored=True) for said in self._said if said.id in back]

    def took(self, act: str) -> bool:
        """Whether messages that are kept here were taken away by the act."""
        return act in self._deleted.values()

    def deleted(self) -> list[str]:
        """The ids of messages that are kept but deleted."""
        return list(self._deleted)

    def joining(self, since: str | None) -> JoinBacklog:
        """What somebody gets who joins now and has seen everything up to `since`."""
        if since is not None and since in self._known and since not in self.apart:
            following: list[Message] = []
            for said in reversed(self._said):
                if said.id == since:
                    break
                if said.id not in self._deleted:
                    following.append(said)
            following.reverse()
            return JoinBacklog(following, self.deleted(), recovered=True, gap=False)
        shown = [said for said in self._said if said.id not in self._deleted][-SHOWN:]
        return JoinBacklog(shown, [], recovered=False, gap=since is not None)
