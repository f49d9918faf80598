"""Limits of sign-in: a school, a carrier's NAT, one who guesses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

SCHOOL = "192.0.2.1"
NOW = 1_800_000_000.0


@pytest.fixture(autouse=True)
def counters(db: None) -> Iterator[None]:
    """Begin without counts."""
    from django.core.cache import cache

    cache.clear()
    yield
    cache.clear()


def guess(login: str, address: str = SCHOOL, known: str = "", after: float = 0.0) -> int:
    """Return the seconds that a wrong password has to wait, 0 where it is looked at."""
    from madang.apps.accounts.sign_in_limits import Attempt

    attempt = Attempt(login, address, known, NOW + after)
    wait = attempt.begin()
    if not wait:
        attempt.failed()
    return wait


def test_an_account_has_five_tries_at_an_address_in_five_minutes() -> None:
    assert [guess("minji") for _ in range(5)] == [0] * 5
    assert guess("MINJI", after=100.0) == 200
    assert guess("noa") == 0
    assert guess("minji", "198.51.100.7") == 0
    assert guess("minji", after=300.0) == 0


def test_a_hundred_of_a_carriers_customers_mistype_in_an_hour_and_no_more() -> None:
    assert not any(guess(f"customer{number}") for number in range(100))
    assert guess("one more", after=60.0) == 3540
    assert guess("customer7") == 0, "who has been counted is not one more"
    assert guess("one more", after=3600.0) == 0


def test_guessers_at_many_addresses_have_a_hundred_tries_an_hour() -> None:
    waits = [guess("minji", f"198.51.100.{number % 250}", after=number) for number in range(200)]
    assert waits.count(0) == 100
    assert guess("minji", known="7", after=200.0) == 0


def test_a_browser_that_knows_its_account_has_five_tries_of_its_own() -> None:
    while not guess("minji"):
        pass
    assert [guess("minji", known="7") for _ in range(5)] == [0] * 5
    assert guess("minji", known="7") > 0


def test_an_address_has_twice_a_school_of_attempts_of_any_kind() -> None:
    from madang.apps.accounts.sign_in_limits import Attempt

    waits = [Attempt(f"pupil{number}", SCHOOL, "", NOW).begin() for number in range(601)]
    assert not any(waits[:600])
    assert waits[600] > 0


def test_a_letter_with_the_same_capital_is_no_other_account() -> None:
    assert [guess("minji") for _ in range(5)] == [0] * 5
    assert guess("m\u0131nj\u0131") > 0  # dotless: UPPER() of PostgreSQL makes MINJI of it
