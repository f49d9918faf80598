from __future__ import annotations

from madang.apps.channels.throttle import ADDRESSES_REMEMBERED, WRONG_KEYS_PER_MINUTE, WrongKeys


def test_an_address_is_exhausted_after_its_tries_and_free_again_a_minute_later() -> None:
    wrong = WrongKeys()
    for attempt in range(WRONG_KEYS_PER_MINUTE):
        assert not wrong.exhausted("a", 30.0)
        wrong.note("a", 30.0 + attempt)
    assert wrong.exhausted("a", 89.9)
    assert not wrong.exhausted("a", 90.0)


def test_addresses_do_not_share_their_tries() -> None:
    wrong = WrongKeys()
    for _ in range(WRONG_KEYS_PER_MINUTE):
        wrong.note("a", 1.0)
    assert not wrong.exhausted("b", 1.0)


def test_a_flood_of_addresses_forgets_the_quietest_first() -> None:
    wrong = WrongKeys()
    for _ in range(WRONG_KEYS_PER_MINUTE):
        wrong.note("old", 1.0)
        wrong.note("busy", 1.0)
    for number in range(ADDRESSES_REMEMBERED - 1):
        wrong.note(str(number), 1.0)
        wrong.note("busy", 1.0)
    assert not wrong.exhausted("old", 1.0)
    assert wrong.exhausted("busy", 1.0)
