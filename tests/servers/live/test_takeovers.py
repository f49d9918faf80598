"""Repeated takeovers: gaps between attempts of programs and of people."""

from __future__ import annotations

from itertools import accumulate

import pytest

from madang.servers.live.takeovers import TakeoverLimits, Takeovers

LIMITS = TakeoverLimits()
OBS = [2.0 * 1.55**number for number in range(12)]
"""Gaps of OBS, which multiplies two seconds by 1.5 to 1.55; the last ones are minutes."""


def displaced(times: int = 1) -> Takeovers:
    """An encoder that was displaced so often, the last time at 0."""
    takeovers = Takeovers(LIMITS)
    for _ in range(times):
        takeovers.displaced("192.0.2.1", "OBS", 0.0)
    return takeovers


def attempts(takeovers: Takeovers, gaps: list[float]) -> list[float]:
    """Return the answers to attempts with such gaps."""
    return [takeovers.hold_off("192.0.2.1", "OBS", at) for at in accumulate(gaps)]


@pytest.mark.parametrize("gaps", [[2.0] * 200, [10.0] * 100, [19.0] * 50, OBS])
def test_a_program_that_comes_back_by_itself_has_to_wait(gaps: list[float]) -> None:
    assert all(attempts(displaced(), gaps))


@pytest.mark.parametrize(
    ("gaps", "person"),
    [([], 20.0), ([2.0, 3.0], 20.0), ([2.0, 2.0, 2.0, 15.0], 38.0), ([19.0] * 3, 48.0)],
)
def test_a_person_who_waits_as_told_may_take_over_again(gaps: list[float], person: float) -> None:
    takeovers = displaced()
    told = attempts(takeovers, gaps)
    assert (told or [20.0])[-1] <= person
    assert takeovers.hold_off("192.0.2.1", "OBS", sum(gaps) + person) == 0.0


def test_each_displacement_doubles_the_wait_up_to_the_longest() -> None:
    waits = [attempts(displaced(times), [1.0])[0] for times in range(1, 8)]
    assert waits == [20.0, 40.0, 80.0, 160.0, 300.0, 300.0, 300.0]


def test_two_programs_with_slow_retries_displace_each_other_ever_more_rarely() -> None:
    takeovers = Takeovers(LIMITS)
    takeovers.displaced("192.0.2.1", "A", 0.0)
    on_air, swaps = "B", []
    for at in range(30, 3600, 30):
        other = "A" if on_air == "B" else "B"
        if not takeovers.hold_off("192.0.2.1", other, float(at)):
            takeovers.displaced("192.0.2.1", on_air, float(at))
            on_air = other
            swaps.append(at)
    assert len(swaps) < 8


def test_others_do_not_wait_for_the_one_that_was_displaced() -> None:
    takeovers = displaced()
    assert takeovers.hold_off("192.0.2.2", "OBS", 1.0) == 0.0
    assert takeovers.hold_off("192.0.2.1", "Larix", 1.0) == 0.0


def test_who_stayed_away_for_long_is_forgotten() -> None:
    takeovers = displaced(5)
    takeovers.displaced("192.0.2.2", "Larix", LIMITS.longest + 1)
    assert takeovers.hold_off("192.0.2.1", "OBS", LIMITS.longest + 2) == 0.0
