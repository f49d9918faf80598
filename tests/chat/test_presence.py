"""Presence over one process and over several."""

from __future__ import annotations

from typing import Any

from madang.base.confusables import skeleton_of
from madang.chat.model import Role
from madang.chat.presence import REPORT_EXPIRY, Presence
from madang.chat.state import Participant
from tests.support.chat_room import FakeReader

ADA = Participant("u7", "Ada", Role.MEMBER, account=7)
SCHOOL = Participant("g1", "minji", Role.GUEST)
HOME = Participant("g2", "", Role.GUEST)
MINJI = skeleton_of("minji")


def exchange(one: Presence, other: Presence, now: float = 0.0) -> dict[str, Any]:
    """Send a report from one to the other; return it."""
    report = one.report(1)
    other.receive("one", report, now)
    return report


def test_a_report_has_what_changed_and_a_new_process_gets_everything() -> None:
    one, other = Presence(), Presence()
    ada, minji = FakeReader(ADA), FakeReader(SCHOOL)
    one.enter(ada)
    first = exchange(one, other)
    assert (first["came"], first["all"]) == (["u7"], True)
    assert exchange(one, other) == {"connected": 1, "people": 1}, "nothing changed"
    one.enter(minji)
    one.leave(ada)
    report = exchange(one, other)
    assert (report["came"], report["went"]) == (["g1"], ["u7"])
    assert report["names"] == {MINJI: ("g1", "minji"), skeleton_of("ada"): ("", "")}
    assert (other.people, other.find(MINJI)) == (1, ("g1", "minji"))
    one.receive("other", other.report(0), 0.0)
    assert exchange(one, other)["all"], "one has met the other only now"


def test_a_process_that_missed_a_report_asks_for_everything() -> None:
    one, other = Presence(), Presence()
    ada, guest = FakeReader(ADA), FakeReader(HOME)
    one.enter(ada)
    exchange(one, other)
    one.receive("other", other.report(0), 0.0)
    exchange(one, other)
    one.enter(guest)
    one.report(2)  # the bus lost it
    exchange(one, other)
    assert other.people == 1
    asked = other.report(0)
    assert asked["ask"]
    one.receive("other", asked, 0.0)
    exchange(one, other)
    assert other.people == 2
    assert "ask" not in other.report(0)

    # Silent for too long, as while Redis is away.
    other.expire(REPORT_EXPIRY + 1.0)
    assert other.people == 0
    one.leave(guest)
    exchange(one, other, 20.0)
    one.receive("other", other.report(0), 20.0)
    exchange(one, other, 20.0)
    assert other.people == 1
