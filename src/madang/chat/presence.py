"""Presence in one chat over all processes: each person counts once, with however many connections.

Every few seconds each process publishes who came and went since its last report, so that all know
every person and every name. A report holds the total as well: a process that missed one sees the
difference and asks for a full report. Times are seconds of a monotonic clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from madang.base.confusables import skeleton_of
from madang.chat.people import address_of
from madang.chat.state import Participant

REPORT_EXPIRY: Final = 10.0
"""Seconds after which the last report of a silent process counts no more."""


class Present(Protocol):
    """A connection whose participant is present."""

    participant: Participant


@dataclass(slots=True)
class _Process:
    """The reports of another process so far. `names` holds person and name by skeleton."""

    reported_at: float = 0.0
    connected: int = 0
    people: set[str] = field(default_factory=set)
    names: dict[str, tuple[str, str]] = field(default_factory=dict)


class Presence:
    """The people in a chat, as one process knows them.

    A full report is 1 MB for ten thousand people, the most that a process has.
    """

    def __init__(self) -> None:
        self._local: Counter[str] = Counter()
        self._everywhere: Counter[str] = Counter()
        self._names: dict[str, Present] = {}
        self._processes: dict[str, _Process] = {}
        self._moved: set[str] = set()
        self._renamed: dict[str, tuple[str, str]] = {}
        self._report_all = True
        self._ask = False

    # --- in this process ------------------------------------------------------------------------

    def enter(self, reader: Present) -> None:
        """Count a reader that joined."""
        person, name = reader.participant.person, reader.participant.name
        self._local[person] += 1
        if self._local[person] == 1:
            self._moved.add(person)
            self._everywhere[person] += 1
        if name:
            skeleton = skeleton_of(name)
            self._names[skeleton] = reader
            self._renamed[skeleton] = (person, name)

    def leave(self, reader: Present) -> None:
        """Count a reader no more."""
        person = reader.participant.person
        self._local[person] -= 1
        if self._local[person] <= 0:
            del self._local[person]
            self._moved.add(person)
            self._remove([person])
        skeleton = skeleton_of(reader.participant.name)
        if self._names.get(skeleton) is reader:
            del self._names[skeleton]
            self._renamed[skeleton] = ("", "")

    # --- over all processes ---------------------------------------------------------------------

    @property
    def people(self) -> int:
        """Distinct people: accounts, and guests by browser and network address."""
        return len(self._everywhere)

    def others_at(self, address: str, person: str) -> int:
        """Return how many guests of an address are present beside `person`."""
        return sum(address_of(each) == address for each in self._everywhere if each != person)

    @property
    def connected_elsewhere(self) -> int:
        """Connections to the other processes. Safe to read from any thread."""
        return sum(each.connected for each in list(self._processes.values()))

    def find(self, skeleton: str) -> tuple[str, str] | None:
        """Return person and name of somebody present whose name has this skeleton."""
        if (reader := self._names.get(skeleton)) is not None:
            return reader.participant.person, reader.participant.name
        for process in self._processes.values():
            if (found := process.names.get(skeleton)) is not None:
                return found
        return None

    # --- reports between processes --------------------------------------------------------------

    def report(self, connected: int) -> dict[str, Any]:
        """Return the changes since the last report, or `all`, for the other processes.

        `connected` is the number of connections to this process.
        """
        report: dict[str, Any] = {"connected": connected, "people": len(self._local)}
        if self._report_all:
            names = {
                skeleton: (reader.participant.person, reader.participant.name)
                for skeleton, reader in self._names.items()
            }
            report |= {"all": True, "came": list(self._local), "names": names}
        else:
            if self._moved:
                report["came"] = [person for person in self._moved if person in self._local]
                report["went"] = [person for person in self._moved if person not in self._local]
            if self._renamed:
                report["names"] = self._renamed
        if self._ask:
            report["ask"] = True
        self._report_all, self._ask = False, False
        self._moved, self._renamed = set(), {}
        return report

    def receive(self, origin: str, report: Mapping[str, Any], now: float) -> None:
        """Apply the report of another process."""
        process = self._processes.get(origin)
        if process is None:
            process = self._processes[origin] = _Process()
            self._report_all = True  # the other process does not know this one either
        process.reported_at = now
        process.connected = report["connected"]
        came, went = set(report.get("came", ())), set(report.get("went", ()))
        if report.get("all"):
            went = process.people - came
            process.names.clear()
        came -= process.people
        went &= process.people
        process.people |= came
        process.people -= went
        self._everywhere.update(came)
        self._remove(went)
        for skeleton, (person, name) in report.get("names", {}).items():
            if person:
                process.names[skeleton] = person, name
            else:
                process.names.pop(skeleton, None)
        if len(process.people) != report["people"]:
            self._ask = True
        if report.get("ask"):
            self._report_all = True

    def expire(self, now: float) -> None:
        """Drop processes that have not reported for `REPORT_EXPIRY`."""
        oldest = now - REPORT_EXPIRY
        expired = [key for key, each in self._processes.items() if each.reported_at < oldest]
        for origin in expired:
            self._remove(self._processes.pop(origin).people)

    def _remove(self, people: Iterable[str]) -> None:
        for person in people:
            self._everywhere[person] -= 1
            if self._everywhere[person] <= 0:
                del self._everywhere[person]
