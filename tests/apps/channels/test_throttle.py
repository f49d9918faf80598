from __future__ import annotations

import pytest

from madang.apps.channels.throttle import ADDRESSES_REMEMBERED, WINDOW, WRONG_KEYS, WrongKeys


def exhausted(address: str, now: float = 1.0) -> WrongKeys:
    """Return a register in which `address` has shown as many wrong keys as it may."""
    wrong = WrongKeys()
    assert all(wrong.note(address, f"key {number}", now) for number in range(WRONG_KEYS))
    return wrong


def test_one_distinct_key_too_many_is_told_until_the_window_is_over() -> None:
    wrong = exhausted("192.0.2.1", 30.0)
    assert not wrong.note("192.0.2.1", "another", 31.0)
    assert not wrong.note("192.0.2.1", "another", 29.0 + WINDOW)
    assert wrong.note("192.0.2.1", "another", 30.0 + WINDOW)


def test_a_key_that_an_encoder_repeats_counts_once() -> None:
    wrong = WrongKeys()
    assert all(wrong.note("192.0.2.1", "old", float(now)) for now in range(1_000))
    assert wrong.note("192.0.2.1", "another", 1_000.0)


def test_a_key_that_was_counted_is_not_one_too_many() -> None:
    assert exhausted("192.0.2.1").note("192.0.2.1", "key 0", 2.0)


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::2:3:4:5", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
)
def test_an_address_is_an_ipv4_address_or_an_ipv6_network(
    first: str, second: str, shared: bool
) -> None:
    assert exhausted(first).note(second, "another", 2.0) is not shared


def test_a_flood_of_addresses_forgets_the_quietest_first() -> None:
    wrong = exhausted("old")
    for number in range(WRONG_KEYS):
        wrong.note("busy", f"key {number}", 1.0)
    for number in range(ADDRESSES_REMEMBERED - 1):
        wrong.note(str(number), "key", 1.0)
        wrong.note("busy", "key 0", 1.0)
    assert wrong.note("old", "another", 1.0)
    assert not wrong.note("busy", "another", 1.0)
