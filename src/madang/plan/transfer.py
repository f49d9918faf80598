"""Outgoing transfer of a month against an allowance that may accrue hour by hour."""

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
from madang.plan.profiles import DAYS, HOURS, SECONDS_PER_HOUR, Profile, audience_shares

ACCRUING_HOURS: Final = 672
"""28 days: the shortest month earns the whole allowance."""


@dataclass(frozen=True, slots=True)
class Month:
    """The audience hour by hour: share of each hour on the air, audience as a share of the peak,
    cumulative share of the month's viewing, and the hours with viewers; then the means of the first
    two by hour of day."""

    on_air: tuple[float, ...]
    audience: tuple[float, ...]
    cumulative: tuple[float, ...]
    hours: tuple[int, ...]
    day_on_air: tuple[float, ...]
    day_audience: tuple[float, ...]


@dataclass(frozen=True)  # no slots: cached properties
class Transfer:
    """Transfer of a month. `accrued` is the allowance in bytes at the end of each hour."""

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
    def headroom(self) -> Figure:
        """Factor by which the audience can grow before transfer costs extra."""
        factors = (had / used for _, used, had in self._hourly_usage() if used)
        return given("headway", min(factors, default=math.inf), Quantity.FACTOR, "hour by hour")

    @property
    def exhausted_at(self) -> int | None:
        """First hour of the month in which use exceeds the accrued allowance."""
        return next(
            (hour for hour, used, had in self._hourly_usage() if used > had * (1 + 1e-12)), None
        )

    def _hourly_usage(self) -> Iterator[tuple[int, float, float]]:
        """Yield hour, bytes used and bytes accrued, for hours with viewers: use only grows in
        them."""
        need, cumulative, accrued = self.need.value, self.month.cumulative, self.accrued
        return ((hour, need * cumulative[hour], accrued[hour]) for hour in self.month.hours)

    @property
    def used(self) -> tuple[float, ...]:
        """Bytes sent by the end of each hour of the month."""
        return tuple(self.need.value * share for share in self.month.cumulative)


@lru_cache(maxsize=256)
def audience_of_month(profile: Profile, hours: float) -> Month:
    """Return the audience of a station that is on the air for `hours`."""
    on_air, audience = audience_shares(profile.weights(), hours)
    whole = math.fsum(audience)
    cumulative = tuple(part / whole if whole else 0.0 for part in accumulate(audience))
    busy = tuple(hour for hour, people in enumerate(audience) if people)
    return Month(
        on_air, audience, cumulative, busy, _by_hour_of_day(on_air), _by_hour_of_day(audience)
    )


def _by_hour_of_day(values: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(math.fsum(values[hour::24]) / DAYS for hour in range(24))


def viewer_rate(demand: Demand) -> Figure:
    """Return the mean bit rate of one viewer, from all sources."""
    return _mean_rate(demand.rungs)


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


def server_share(demand: Demand) -> Figure:
    """Return the share that the station itself sends."""
    return _cached_server_share(demand.peers)


@lru_cache(maxsize=256)
def _cached_server_share(peers: float) -> Figure:
    return difference(
        "server_share",
        given("whole", 1, Quantity.SHARE, "constant"),
        given("peers", peers, Quantity.SHARE, "demand"),
    )


def monthly_transfer(demand: Demand, fleet: Fleet) -> Transfer:
    """Return the transfer of a month of `demand` on `fleet`."""
    month = audience_of_month(demand.profile, demand.hours)
    rate = viewer_rate(demand)
    per_hour = product(
        "viewer_hour_bytes",
        Quantity.BYTES,
        rate,
        given("seconds_per_hour", SECONDS_PER_HOUR, Quantity.FACTOR, "constant"),
        given("bytes_per_bit", 1 / 8, Quantity.FACTOR, "constant"),
    )
    from_server = product("server_viewer_hour", Quantity.BYTES, per_hour, server_share(demand))
    hours = math.fsum(month.on_air)
    mean = math.fsum(month.audience) / hours if hours else 0.0
    viewer_hours = product(
        "viewer_hours",
        Quantity.VIEWER_HOURS,
        given("viewers", demand.viewers, Quantity.PEOPLE, "demand"),
        given("hours", hours, Quantity.HOURS, "demand"),
        given("mean_audience", mean, Quantity.SHARE, f"profile {demand.profile.name}"),
    )
    live = product("live_bytes", Quantity.BYTES, viewer_hours, from_server)
    replays = product(
        "replay_bytes",
        Quantity.BYTES,
        viewer_hours,
        given("replays", demand.replays, Quantity.FACTOR, "demand"),
        per_hour,
    )
    need = total("transfer_need", live, replays, *_inbound(demand, fleet, hours))
    allowance = _allowance(fleet)
    accrued = _accrued(fleet.provider.accrual, allowance.value, fleet.provider.free.bytes)
    sent, cumulative = need.value, month.cumulative
    over = not_below_zero("month_excess", difference("month_balance", need, allowance))
    early = given(
        "early_excess",
        max([0.0, *[sent * cumulative[hour] - accrued[hour] for hour in month.hours]]),
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
            given("viewers", demand.viewers, Quantity.PEOPLE, "demand"),
        ),
        overage=billed,
        accrued=accrued,
    )


def _inbound(demand: Demand, fleet: Fleet, hours: float) -> tuple[Figure, ...]:
    """Return incoming bytes, if the provider counts them."""
    if fleet.provider.counted is Counted.OUT:
        return ()
    ingest = demand.top.over(hours * SECONDS_PER_HOUR) * demand.channels
    return (
        given("ingest_bytes", ingest.bytes, Quantity.BYTES, fleet.provider.name),
        given(
            "upload_bytes", (demand.file * demand.files).bytes, Quantity.BYTES, fleet.provider.name
        ),
    )


def _allowance(fleet: Fleet) -> Figure:
    # The allowance of a machine that sends nothing helps only in a pool.
    machines = fleet.machines if fleet.provider.pooled else fleet.delivering
    parts = [
        given("machine_allowance", p.server.transfer.bytes, Quantity.BYTES, str(p.server.source))
        for p in machines
    ]
    free = fleet.provider.free.bytes
    account = given("account_allowance", free, Quantity.BYTES, str(fleet.provider.source))
    return total("allowance", *parts, account)


@lru_cache(maxsize=256)
def _accrued(accrual: Accrual, allowance: float, free: float) -> tuple[float, ...]:
    """Return the accrued allowance per hour; `free` belongs to the account and is there from the
    start."""
    if accrual is Accrual.MONTHLY:
        return (allowance,) * HOURS
    earned = allowance - free
    return tuple(free + earned * min(1.0, (h + 1) / ACCRUING_HOURS) for h in range(HOURS))
