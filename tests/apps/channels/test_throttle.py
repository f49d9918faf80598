from __future__ import annotations

from madang.apps.channels.throttle import ADDRESSES_REMEMBERED, WRONG_KEYS_PER_MINUTE, WrongKeys
from madang.base.units import Seconds


def test_an_address_is_exhausted_after_its_tries_and_free_again_a_minute_later() -> None:
    wrong = WrongKeys()
    for attempt in range(WRONG_KEYS_PER_MINUTE):
        assert not wrong.exhausted("a", Seconds(30.0))
        wrong.note("a", Seconds(30.0 + attempt))
    assert wrong.exhausted("a", Seconds(89.9))
    assert not wrong.exhausted("a", Seconds(90.0))


def test_addresses_do_not_share_their_tries() -> None:
    wrong = WrongKeys()
    for _ in range(WRONG_KEYS_PER_MINUTE):
        wrong.note("a", Seconds(1.0))
    assert not wrong.exhausted("b", Seconds(1.0))


def test_a_flood_of_addresses_forgets_the_quietest_first() -> None:
    wrong = WrongKeys()
    for _ in range(WRONG_KEYS_PER_MINUTE):
        wrong.note("old", Seconds(1.0))
        wrong.note("busy", Seconds(1.0))
    for number in range(ADDRESSES_REMEMBERED - 1):
        wrong.note(str(number), Seconds(1.0))
        wrong.note("busy", Seconds(1.0))
    assert not wrong.exhausted("old", Seconds(1.0))
    assert wrong.exhausted("busy", Seconds(1.0))
