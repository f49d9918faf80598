"""Ids of people in chats."""

from __future__ import annotations

from itertools import combinations

import pytest

from madang.chat.model import Sanction
from madang.chat.people import address_of, covers, guest, is_address
from madang.chat.state import ChatState

SALT = b"salt"
WIDTH = 24
"""Characters of the column in the database."""
SCHOOL = "192.0.2.7"


def test_each_browser_of_an_address_is_a_person_of_that_address() -> None:
    people = [guest(SALT, SCHOOL, device) for device in ("", "a", "b")]
    assert all(one != other for one, other in combinations(people, 2))
    [address] = {address_of(person) for person in people}
    assert is_address(address)
    assert not any(is_address(person) or SCHOOL in person for person in people)
    assert all(covers({address}, person) for person in people)
    assert not covers({people[0]}, people[1])
    assert max(map(len, people)) == WIDTH


def test_a_browser_that_moves_and_another_salt_are_somebody_else() -> None:
    person = guest(SALT, SCHOOL, "a")
    assert guest(SALT, SCHOOL, "a") == person
    elsewhere = guest(SALT, "192.0.2.8", "a")
    assert address_of(elsewhere) != address_of(person)
    assert elsewhere[len(address_of(elsewhere)) :] != person[len(address_of(person)) :]
    assert guest(b"other", SCHOOL, "a") != person


def test_an_account_has_no_address() -> None:
    assert address_of("u7") == ""
    assert not covers({address_of(guest(SALT, SCHOOL, "a"))}, "u7")


@pytest.mark.parametrize(
    ("sanctions", "until"),
    [
        ([("person", 20.0)], 20.0),
        ([("address", None)], None),
        ([("person", 20.0), ("address", None)], None),
        ([("address", 15.0), ("person", 20.0)], 20.0),
        ([("address", 5.0), ("person", 20.0)], 20.0),
        ([("neighbour", None)], "nothing"),
        ([("person", 5.0)], "nothing"),
    ],
)
def test_the_longest_sanction_on_a_person_or_its_address_holds(
    sanctions: list[tuple[str, float | None]], until: object
) -> None:
    person = guest(SALT, SCHOOL, "a")
    ids = {
        "person": person,
        "address": address_of(person),
        "neighbour": guest(SALT, SCHOOL, "b"),
    }
    state = ChatState(7, "yard", 1, "olive")
    for whom, ends in sanctions:
        state.sanctions[ids[whom]] = Sanction(ids[whom], "x", ends)
    found = state.sanction_on(person, 10.0)
    assert (found.until if found is not None else "nothing") == until
