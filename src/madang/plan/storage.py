"""What is kept: storage month by month, and the encoding that is done when the machine is idle."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from madang.plan.capacity import BASE_CORES, Loads
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
    """What there is, and what a month adds. Recordings stay for `kept` months, uploads stay."""

    capacity: Figure
    recordings_month: Figure
    files_month: Figure
    kept: float
    until_full: Figure

    def after(self, months: float) -> Figure:
        """What is stored then, in bytes."""
        kept_for = given("kept_months", min(months, self.kept), Quantity.FACTOR, "demand")
        passed = given("months", months, Quantity.FACTOR, "time")
        return total(
            "stored",
            product("stored_recordings", Quantity.BYTES, self.recordings_month, kept_for),
            product("stored_files", Quantity.BYTES, self.files_month, passed),
        )

    @property
    def months(self) -> tuple[Figure, ...]:
        """What is stored at the end of each of the next twelve months."""
        return tuple(self.after(month) for month in range(1, YEAR + 1))


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour of the day, averaged over the month: cores that the services take, and what is left
    for background work."""

    busy: float
    idle: float


@dataclass(frozen=True, slots=True)
class Encoding:
    """Background work of a day against what is idle, on the worker's machine."""

    needed: Figure
    idle: Figure
    hours: tuple[Hour, ...]


def storage(loads: Loads) -> StorageForecast:
    """Recordings stay `keep_days`, uploads stay."""
    wanted, fleet = loads.wanted, loads.fleet
    capacity = total(
        "storage_capacity",
        given("block", fleet.block.bytes, Quantity.BYTES, fleet.source),
        given("object", fleet.object.bytes, Quantity.BYTES, fleet.source),
    )
    recordings = product(
        "recordings_month",
        Quantity.BYTES,
        given("hours", wanted.hours, Quantity.HOURS, "demand"),
        given("channels", wanted.channels, Quantity.COUNT, "demand"),
        given("hour_bytes", wanted.top.over(SECONDS_PER_HOUR).bytes, Quantity.BYTES, "demand"),
        given("archive_share", ARCHIVES[wanted.archive], Quantity.SHARE, wanted.archive),
    )
    files = product(
        "files_month",
        Quantity.BYTES,
        given("files", wanted.files, Quantity.COUNT, "demand"),
        given("file_bytes", wanted.file.bytes, Quantity.BYTES, "demand"),
    )
    kept = wanted.keep_days / DAYS

    growing = total("month_bytes", recordings, files)
    until = quotient("months_until_full", Quantity.MONTHS, capacity, growing)
    if not growing.value:
        until = given("months_until_full", math.inf, Quantity.MONTHS, "nothing is kept")
    elif until.value > kept:
        # From then on the oldest recordings make room for the newest: only files add up.
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


def encoding(loads: Loads, month: Month) -> Encoding:
    """Archiving what was recorded and making renditions of what was uploaded, in a day."""
    wanted = loads.wanted
    per_day = given("days", 1 / DAYS, Quantity.FACTOR, "constant")
    parts = []
    if wanted.archive != "none":
        parts.append(
            product(
                "archive_work",
                Quantity.CORE_HOURS,
                given("hours", wanted.hours, Quantity.HOURS, "demand"),
                given("channels", wanted.channels, Quantity.COUNT, "demand"),
                loads.benchmarks.figure(f"archive_{wanted.archive}"),
                per_day,
            )
        )
    hour_of_file = wanted.file / wanted.top.over(SECONDS_PER_HOUR)
    rungs = total(
        "file_rungs",
        loads.benchmarks.figure("ladder_480p"),
        loads.benchmarks.figure("ladder_360p"),
    )
    parts.append(
        product(
            "file_work",
            Quantity.CORE_HOURS,
            given("files", wanted.files, Quantity.COUNT, "demand"),
            given("file_hours", hour_of_file, Quantity.HOURS, "demand"),
            rungs,
            per_day,
        )
    )
    hours = _hours(loads, month)
    idle = given("idle_work", math.fsum(h.idle for h in hours), Quantity.CORE_HOURS, "hour by hour")
    return Encoding(total("encoding_work", *parts), idle, hours)


def _hours(loads: Loads, month: Month) -> tuple[Hour, ...]:
    """The worker's machine through the day: the services there follow the audience."""
    place = loads.fleet.place(MachineRole.WORKER)
    usable = loads.usable(place).value
    services = loads.of(place, without="base")
    ladder = math.fsum(f.value for f in services if f.key == "ladder_cores")
    others = math.fsum(f.value for f in services) - ladder
    found = []
    for on_air, seen in zip(month.day_on_air, month.day_seen, strict=True):
        busy = BASE_CORES + ladder * on_air + others * seen
        found.append(Hour(busy, max(0.0, usable - busy)))
    return tuple(found)
