"""Audience profiles: through the day, the week and the month.

A month has 30 days and begins on a Monday at midnight.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from madang.plan.errors import DemandError

DAYS: Final = 30
HOURS: Final = DAYS * 24
SECONDS_PER_HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Profile:
    """Audience of each hour as a share of the peak: by hour of day, day of week from Monday, and
    optionally day of month. All above 0, so that every hour can be on the air."""

    name: str
    day: tuple[float, ...]
    week: tuple[float, ...] = (1.0,) * 7
    month: tuple[float, ...] = (1.0,) * DAYS

    def weights(self) -> tuple[float, ...]:
        """Return a weight for each hour of the month; the largest is 1."""
        raw = [
            self.day[hour % 24] * self.week[hour // 24 % 7] * self.month[hour // 24]
            for hour in range(HOURS)
        ]
        most = max(raw)
        return tuple(value / most for value in raw)


def _day(base: float, hours: Mapping[int, float]) -> tuple[float, ...]:
    return tuple(hours.get(hour, base) for hour in range(24))


_EVENING: Final = {18: 0.45, 19: 0.7, 20: 0.9, 21: 1.0, 22: 0.9, 23: 0.6, 12: 0.3, 0: 0.3}

PROFILES: Final[dict[str, Profile]] = {
    profile.name: profile
    for profile in (
        Profile("evening", _day(0.15, _EVENING), (0.8, 0.8, 0.8, 0.8, 1.0, 1.0, 0.95)),
        Profile(
            "weekend",
            _day(0.1, {**_EVENING, 14: 0.7, 15: 0.8, 16: 0.8, 17: 0.8}),
            (0.3, 0.3, 0.3, 0.3, 0.6, 1.0, 1.0),
        ),
        Profile(
            "school",
            _day(0.05, {9: 0.9, 10: 1.0, 11: 1.0, 12: 0.3, 13: 0.8, 14: 0.9, 15: 0.6}),
            (1.0, 1.0, 1.0, 1.0, 1.0, 0.1, 0.1),
        ),
        Profile(
            "church",
            _day(0.05, {6: 0.2, 9: 0.6, 11: 1.0, 14: 0.5, 19: 0.4, 20: 0.4}),
            (0.1, 0.1, 0.4, 0.1, 0.3, 0.2, 1.0),
        ),
        Profile("steady", (1.0,) * 24),
        Profile(
            "opening",
            _day(0.15, _EVENING),
            month=tuple(max(0.05, 0.75**day) for day in range(DAYS)),
        ),
    )
}
"""`opening` is a month that begins with a great event and tails off."""


def parse_profile(text: str) -> Profile:
    """Return the profile of that name, or a custom one: 24 numbers with commas, from midnight.

    Raises DemandError.
    """
    if found := PROFILES.get(text):
        return found
    parts = text.split(",")
    try:
        shares = tuple(float(part) for part in parts)
    except ValueError:
        shares = ()
    good = len(shares) == 24 and all(math.isfinite(share) and 0 <= share <= 1e6 for share in shares)
    if not good or max(shares) <= 0:
        names = ", ".join(PROFILES)
        raise DemandError.of(
            "profile",
            text,
            (
                f"one of {names}, or 24 numbers from 0 with commas, one for each hour",
                f"{names} 가운데 하나를 적거나, 시간마다 하나씩 0 이상의 수 24개를 쉼표로 "
                "이어 적어 주세요.",
            ),
        )
    most = max(shares)
    # Hours without people can still be on the air.
    return Profile("own", tuple(max(0.001, share / most) for share in shares))


def audience_shares(
    weights: tuple[float, ...], hours: float
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return, for each hour of the month, the share of it on the air and the audience as a share of
    the peak (0 off the air).

    The `hours` on the air are those with the largest audience; hours of equal weight share the
    remainder evenly.
    """
    classes: dict[float, list[int]] = {}
    for hour, weight in enumerate(weights):
        classes.setdefault(weight, []).append(hour)
    on_air = [0.0] * HOURS
    left = min(float(hours), float(HOURS))
    for weight in sorted(classes, reverse=True):
        members = classes[weight]
        share = min(1.0, left / len(members))
        for hour in members:
            on_air[hour] = share
        left -= share * len(members)
        if left <= 0:
            break
    seen = tuple(share * weight for share, weight in zip(on_air, weights, strict=True))
    return tuple(on_air), seen
