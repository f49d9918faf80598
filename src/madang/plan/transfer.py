"""What leaves the station in a month, against an allowance that may only accrue hour by hour."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Final

from madang.plan.catalogue import Accrual, Counted
from madang.plan.demand import Demand, Rung
from madang.plan.figures import (
    Figure,
    Quantity,
    difference,
    given,
    most,
    not_below_zero,
    product,
    quotient,
    total,
)
from madang.plan.fleet import Fleet
from madang.plan.profiles import DAYS, HOURS, SECONDS_PER_HOUR, Profile, audience

ACCRUING_HOURS: Final = 672
"""28 days: the shortest month earns the whole allowance."""


@dataclass(frozen=True, slots=True)
class Month:
    """The audience, hour by hour: share of each hour on the air, people as a share of the peak,
    how much of the month has been watched by the end of the hour, and the hours with people. By
    hour of day: the means of the first two."""

    on_air: tuple[float, ...]
    seen: tuple[float, ...]
    so_far: tuple[float, ...]
    hours: tuple[int, ...]
    day_on_air: tuple[float, ...]
    day_seen: tuple[float, ...]


@dataclass(frozen=True)  # no slots: what has been worked out is kept
class Transfer:
    """`accrued` is the allowance at the end of each hour of the month, in bytes."""

    month: Month
    viewer_rate: Figure
    viewer_hours: Figure
    need: Figure
    allowance: Figure
    possible_viewer_hours: Figure
    hours_at_demand: Figure
    overage: Figure
    accrued: tuple[float, ...]

    @cached_property
    def headway(self) -> Figure:
        """The factor by which the audience could grow before anything costs extra."""
        factors = (had / used for _, used, had in self._race() if used)
        return given("headway", min(factors, default=math.inf), Quantity.FACTOR, "hour by hour")

    @property
    def runs_out(self) -> int | None:
        """The hour of the month in which more has been used than has accrued."""
        return next((hour for hour, used, had in self._race() if used > had * (1 + 1e-12)), None)

    def _race(self) -> Iterator[tuple[int, float, float]]:
        """Bytes used and accrued. Only while something is sent can it overtake what accrues."""
        need, so_far, accrued = self.need.value, self.month.so_far, self.accrued
        return ((hour, need * so_far[hour], accrued[hour]) for hour in self.month.hours)

    @property
    def used(self) -> tuple[float, ...]:
        """Bytes sent by the end of each hour of the month."""
        return tuple(self.need.value * share for share in self.month.so_far)


@lru_cache(maxsize=256)
def month_of(profile: Profile, hours: float) -> Month:
    """The audience of a station that is on the air for `hours`."""
    on_air, seen = audience(profile.weights(), hours)
    whole = math.fsum(seen)
    so_far = tuple(part / whole if whole else 0.0 for part in accumulate(seen))
    busy = tuple(hour for hour, people in enumerate(seen) if people)
    return Month(on_air, seen, so_far, busy, _by_hour_of_day(on_air), _by_hour_of_day(seen))


def _by_hour_of_day(values: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(math.fsum(values[hour::24]) / DAYS for hour in range(24))


def viewer_rate(wanted: Demand) -> Figure:
    """Bits per second that one viewer takes on average, from whomever."""
    return _mean_rate(wanted.rungs)


@lru_cache(maxsize=256)
def _mean_rate(rungs: tuple[Rung, ...]) -> Figure:
    return total(
        "viewer_rate",
        *(
            product(
                "rung",
                Quantity.BITS_PER_SECOND,
                given("rate", rung.rate.bits_per_second, Quantity.BITS_PER_SECOND, rung.name),
                given("share", rung.share, Quantity.SHARE, rung.name),
            )
            for rung in rungs
        ),
    )


def server_share(wanted: Demand) -> Figure:
    """What the station itself sends of it."""
    return _not_by(wanted.peers)


@lru_cache(maxsize=256)
def _not_by(peers: float) -> Figure:
    return difference(
        "server_share",
        given("whole", 1, Quantity.SHARE, "constant"),
        given("peers", peers, Quantity.SHARE, "demand"),
    )


def transfer(wanted: Demand, fleet: Fleet) -> Transfer:
    """A month of `wanted` on `fleet`."""
    month = month_of(wanted.profile, wanted.hours)
    rate = viewer_rate(wanted)
    per_hour = product(
        "viewer_hour_bytes",
        Quantity.BYTES,
        rate,
        given("seconds_per_hour", SECONDS_PER_HOUR, Quantity.FACTOR, "constant"),
        given("bytes_per_bit", 1 / 8, Quantity.FACTOR, "constant"),
    )
    from_server = product("server_viewer_hour", Quantity.BYTES, per_hour, server_share(wanted))
    hours = math.fsum(month.on_air)
    mean = math.fsum(month.seen) / hours if hours else 0.0
    viewer_hours = product(
        "viewer_hours",
        Quantity.VIEWER_HOURS,
        given("viewers", wanted.viewers, Quantity.PEOPLE, "demand"),
        given("hours", hours, Quantity.HOURS, "demand"),
        given("mean_audience", mean, Quantity.SHARE, f"profile {wanted.profile.name}"),
    )
    live = product("live_bytes", Quantity.BYTES, viewer_hours, from_server)
    replays = product(
        "replay_bytes",
        Quantity.BYTES,
        viewer_hours,
        given("replays", wanted.replays, Quantity.FACTOR, "demand"),
        per_hour,
    )
    need = total("transfer_need", live, replays, *_inbound(wanted, fleet, hours))
    allowance = _allowance(fleet)
    accrued = _accrued(fleet.provider.accrual, allowance.value, fleet.provider.free.bytes)
    sent, so_far = need.value, month.so_far
    over = not_below_zero("month_excess", difference("month_balance", need, allowance))
    early = given(
        "early_excess",
        max([0.0, *[sent * so_far[hour] - accrued[hour] for hour in month.hours]]),
        Quantity.BYTES,
        "hour by hour",
    )
    billed = most("overage_bytes", over, early)
    possible = quotient("possible_viewer_hours", Quantity.VIEWER_HOURS, allowance, from_server)
    return Transfer(
        month=month,
        viewer_rate=rate,
        viewer_hours=viewer_hours,
        need=need,
        allowance=allowance,
        possible_viewer_hours=possible,
        hours_at_demand=quotient(
            "hours_at_demand",
            Quantity.HOURS,
            possible,
            given("viewers", wanted.viewers, Quantity.PEOPLE, "demand"),
        ),
        overage=billed,
        accrued=accrued,
    )


def _inbound(wanted: Demand, fleet: Fleet, hours: float) -> tuple[Figure, ...]:
    """What comes in, where that counts too."""
    if fleet.provider.counted is Counted.OUT:
        return ()
    ingest = wanted.top.over(hours * SECONDS_PER_HOUR) * wanted.channels
    return (
        given("ingest_bytes", ingest.bytes, Quantity.BYTES, fleet.provider.name),
        given(
            "upload_bytes", (wanted.file * wanted.files).bytes, Quantity.BYTES, fleet.provider.name
        ),
    )


def _allowance(fleet: Fleet) -> Figure:
    # What a machine that sends nothing is allowed helps only where all share one pool.
    places = fleet.places if fleet.provider.pooled else fleet.delivering
    parts = [
        given("machine_allowance", p.server.transfer.bytes, Quantity.BYTES, str(p.server.source))
        for p in places
    ]
    free = fleet.provider.free.bytes
    account = given("account_allowance", free, Quantity.BYTES, str(fleet.provider.source))
    return total("allowance", *parts, account)


@lru_cache(maxsize=256)
def _accrued(accrual: Accrual, allowance: float, free: float) -> tuple[float, ...]:
    """`free` is there from the beginning, as it belongs to the account and not to a machine."""
    if accrual is Accrual.MONTHLY:
        return (allowance,) * HOURS
    earned = allowance - free
    return tuple(free + earned * min(1.0, (h + 1) / ACCRUING_HOURS) for h in range(HOURS))
