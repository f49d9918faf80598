"""Storage month by month, and background encoding on idle cores."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from madang.plan.capacity import BASE_CORES, Workload
from madang.plan.catalogue import MachineRole
from madang.plan.demand import ARCHIVES
from madang.plan.figures import (
    Figure,
    Quantity,
    difference,
    given,
    not_below_zero,
    product,
    quotient,
    total,
)
from madang.plan.profiles import DAYS, SECONDS_PER_HOUR
from madang.plan.transfer import Month

YEAR: Final = 12


@dataclass(frozen=True, slots=True)
class StorageForecast:
    """Capacity, and growth per month. Recordings stay for `kept` months, uploads for ever."""

    capacity: Figure
    recordings_month: Figure
    files_month: Figure
    kept: float
    until_full: Figure

    def after(self, months: float) -> Figure:
        """Return the bytes stored after `months`."""
        kept_for = given("kept_months", min(months, self.kept), Quantity.FACTOR, "demand")
        passed = given("months", months, Quantity.FACTOR, "time")
        return total(
            "stored",
            product("stored_recordings", Quantity.BYTES, self.recordings_month, kept_for),
            product("stored_files", Quantity.BYTES, self.files_month, passed),
        )

    @property
    def months(self) -> tuple[Figure, ...]:
        """Bytes stored at the end of each of the next twelve months."""
        return tuple(self.after(month) for month in range(1, YEAR + 1))


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour of the day, averaged over the month: cores of the services, and cores left for
    background work."""

    busy: float
    idle: float


@dataclass(frozen=True, slots=True)
class Encoding:
    """Background work of a day against idle cores of the worker's machine."""

    needed: Figure
    idle: Figure
    hours: tuple[Hour, ...]


def storage_forecast(workload: Workload) -> StorageForecast:
    """Return the forecast: recordings stay `keep_days`, uploads for ever."""
    demand, fleet = workload.demand, workload.fleet
    capacity = total(
        "storage_capacity",
        given("block", fleet.block.bytes, Quantity.BYTES, fleet.source),
        given("object", fleet.object.bytes, Quantity.BYTES, fleet.source),
    )
    recordings = product(
        "recordings_month",
        Quantity.BYTES,
        given("hours", demand.hours, Quantity.HOURS, "demand"),
        given("channels", demand.channels, Quantity.COUNT, "demand"),
        given("hour_bytes", demand.top.over(SECONDS_PER_HOUR).bytes, Quantity.BYTES, "demand"),
        given("archive_share", ARCHIVES[demand.archive], Quantity.SHARE, demand.archive),
    )
    files = product(
        "files_month",
        Quantity.BYTES,
        given("files", demand.files, Quantity.COUNT, "demand"),
        given("file_bytes", demand.file.bytes, Quantity.BYTES, "demand"),
    )
    kept = demand.keep_days / DAYS

    growing = total("month_bytes", recordings, files)
    until = quotient("months_until_full", Quantity.MONTHS, capacity, growing)
    if not growing.value:
        until = given("months_until_full", math.inf, Quantity.MONTHS, "nothing is kept")
    elif until.value > kept:
        # After that, expiring recordings free as much as new ones take: only files add up.
        steady = product(
            "stored_recordings",
            Quantity.BYTES,
            recordings,
            given("kept_months", kept, Quantity.FACTOR, "demand"),
        )
        room = not_below_zero("room", difference("room_left", capacity, steady))
        until = quotient("months_until_full", Quantity.MONTHS, room, files)
        if not files.value:
            until = given("months_until_full", math.inf, Quantity.MONTHS, "the oldest are deleted")
    return StorageForecast(capacity, recordings, files, kept, until)


def background_encoding(workload: Workload, month: Month) -> Encoding:
    """Return the work of a day: archiving recordings and encoding renditions of uploads."""
    demand = workload.demand
    per_day = given("days", 1 / DAYS, Quantity.FACTOR, "constant")
    parts = []
    if demand.archive != "none":
        parts.append(
            product(
                "archive_work",
                Quantity.CORE_HOURS,
                given("hours", demand.hours, Quantity.HOURS, "demand"),
                given("channels", demand.channels, Quantity.COUNT, "demand"),
                workload.benchmarks.figure(f"archive_{demand.archive}"),
                per_day,
            )
        )
    hour_of_file = demand.file / demand.top.over(SECONDS_PER_HOUR)
    rungs = total(
        "file_rungs",
        workload.benchmarks.figure("ladder_480p"),
        workload.benchmarks.figure("ladder_360p"),
    )
    parts.append(
        product(
            "file_work",
            Quantity.CORE_HOURS,
            given("files", demand.files, Quantity.COUNT, "demand"),
            given("file_hours", hour_of_file, Quantity.HOURS, "demand"),
            rungs,
            per_day,
        )
    )
    hours = _hours(workload, month)
    idle = given("idle_work", math.fsum(h.idle for h in hours), Quantity.CORE_HOURS, "hour by hour")
    return Encoding(total("encoding_work", *parts), idle, hours)


def _hours(workload: Workload, month: Month) -> tuple[Hour, ...]:
    """Return the hours of the worker's machine: the services there follow the audience."""
    machine = workload.fleet.machine(MachineRole.WORKER)
    usable = workload.usable(machine).value
    services = workload.of(machine, without="base")
    ladder = math.fsum(f.value for f in services if f.key == "ladder_cores")
    others = math.fsum(f.value for f in services) - ladder
    found = []
    for on_air, audience in zip(month.day_on_air, month.day_audience, strict=True):
        busy = BASE_CORES + ladder * on_air + others * audience
        found.append(Hour(busy, max(0.0, usable - busy)))
    return tuple(found)
