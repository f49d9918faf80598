"""Who is in one chat, over all processes: each person counts once, wherever his windows are.

Every few seconds a process tells the others who came and went since the last time, so that all
know every person and every name, not sums. How many there are goes with it: whoever missed
something sees that it does not add up, and asks for everything. Times are seconds of a monotonic
clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from madang.chat.word_filter import look_of

if TYPE_CHECKING:
    from madang.servers.chat.connection import ChatConnection

OTHERS_HOLD: Final = 10.0
"""Seconds for which another process's word is believed."""


@dataclass(slots=True)
class _Elsewhere:
    """What another process told. `names` by their looks, with person and name."""

    heard_at: float = 0.0
    connected: int = 0
    people: set[str] = field(default_factory=set)
    names: dict[str, tuple[str, str]] = field(default_factory=dict)


class Presence:
    """Everybody in a chat, as one process knows it. All of a process's people are told at once to
    one that is new: 1 MB where there are ten thousand, which no process has more of."""

    def __init__(self) -> None:
        self._here: Counter[str] = Counter()
        self._everywhere: Counter[str] = Counter()
        self._names: dict[str, ChatConnection] = {}
        self._others: dict[str, _Elsewhere] = {}
        self._moved: set[str] = set()
        self._renamed: dict[str, tuple[str, str]] = {}
        self._tell_all = True
        self._ask = False

    # --- in this process ---

    def enter(self, connection: ChatConnection) -> None:
        """Somebody joined."""
        person = connection.speaker.person
        self._here[person] += 1
        if self._here[person] == 1:
            self._moved.add(person)
            self._everywhere[person] += 1
        if connection.speaker.name:
            look = look_of(connection.speaker.name)
            self._names[look] = connection
            self._renamed[look] = (connection.speaker.person, connection.speaker.name)

    def leave(self, connection: ChatConnection) -> None:
        """Somebody who was here is gone."""
        person = connection.speaker.person
        self._here[person] -= 1
        if self._here[person] <= 0:
            del self._here[person]
            self._moved.add(person)
            self._gone([person])
        look = look_of(connection.speaker.name)
        if self._names.get(look) is connection:
            del self._names[look]
            self._renamed[look] = ("", "")

    # --- over all processes ---

    @property
    def people(self) -> int:
        """Distinct people: accounts, and guests by their network address."""
        return len(self._everywhere)

    @property
    def connected_elsewhere(self) -> int:
        """Connections to the other processes; may be asked from any thread."""
        return sum(each.connected for each in list(self._others.values()))

    def bearer(self, look: str) -> tuple[str, str] | None:
        """Person and name of who is here, in whichever process, with a name of this look."""
        if (there := self._names.get(look)) is not None:
            return there.speaker.person, there.speaker.name
        for other in self._others.values():
            if (found := other.names.get(look)) is not None:
                return found
        return None

    # --- between the processes ---

    def told(self, connected: int) -> dict[str, Any]:
        """What the other processes are to hear of this one, which has `connected` connections:
        what changed since the last time, or `all`."""
        told: dict[str, Any] = {"connected": connected, "people": len(self._here)}
        if self._tell_all:
            names = {
                look: (reader.speaker.person, reader.speaker.name)
                for look, reader in self._names.items()
            }
            told |= {"all": True, "came": list(self._here), "names": names}
        else:
            if self._moved:
                told["came"] = [person for person in self._moved if person in self._here]
                told["went"] = [person for person in self._moved if person not in self._here]
            if self._renamed:
                told["names"] = self._renamed
        if self._ask:
            told["ask"] = True
        self._tell_all, self._ask = False, False
        self._moved, self._renamed = set(), {}
        return told

    def hear(self, origin: str, told: Mapping[str, Any], now: float) -> None:
        """Take over what another process `told`."""
        other = self._others.get(origin)
        if other is None:
            other = self._others[origin] = _Elsewhere()
            self._tell_all = True  # it does not know us either
        other.heard_at = now
        other.connected = told["connected"]
        came, went = set(told.get("came", ())), set(told.get("went", ()))
        if told.get("all"):
            went = other.people - came
            other.names.clear()
        came -= other.people
        went &= other.people
        other.people |= came
        other.people -= went
        self._everywhere.update(came)
        self._gone(went)
        for look, (person, name) in told.get("names", {}).items():
            if person:
                other.names[look] = person, name
            else:
                other.names.pop(look, None)
        if len(other.people) != told["people"]:
            self._ask = True
        if told.get("ask"):
            self._tell_all = True

    def forget(self, now: float) -> None:
        """Count no more who is at a process of which nothing has been heard for a while."""
        silent = now - OTHERS_HOLD
        for origin in [one for one, each in self._others.items() if each.heard_at < silent]:
            self._gone(self._others.pop(origin).people)

    def _gone(self, people: Iterable[str]) -> None:
        for person in people:
            self._everywhere[person] -= 1
            if self._everywhere[person] <= 0:
                del self._everywhere[person]
