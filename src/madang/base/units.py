"""Quantities that must not be mixed up.

Those of the data plane are `NewType`s: free at run time, different types to mypy. Those of the
planner are values of their own, which refuse at run time as well to add bits to bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType, overload

Seconds = NewType("Seconds", float)
"""A length of time, or an instant of a monotonic clock, in seconds."""

Bytes = NewType("Bytes", int)
"""An amount of data in bytes."""

BitRate = NewType("BitRate", float)
"""Bits per second."""

Ticks = NewType("Ticks", int)
"""A length of time or an instant in units of a track's timescale."""


@dataclass(frozen=True, slots=True, order=True)
class DataSize:
    """An amount of data. It adds up and compares only with its like.

    Decimal and binary units are different constructors and different readings, never the same
    number: 1 GB is 10**9 bytes, 1 GiB is 2**30 (IEC 80000-13).
    """

    bytes: float

    @classmethod
    def megabytes(cls, count: float) -> DataSize:
        """`count` times 10**6 bytes."""
        return cls(count * 1e6)

    @classmethod
    def gigabytes(cls, count: float) -> DataSize:
        """`count` times 10**9 bytes."""
        return cls(count * 1e9)

    @classmethod
    def terabytes(cls, count: float) -> DataSize:
        """`count` times 10**12 bytes."""
        return cls(count * 1e12)

    @classmethod
    def gibibytes(cls, count: float) -> DataSize:
        """`count` times 2**30 bytes."""
        return cls(count * 2**30)

    def __add__(self, other: DataSize) -> DataSize:
        return DataSize(self.bytes + other.bytes) if type(other) is DataSize else NotImplemented

    def __sub__(self, other: DataSize) -> DataSize:
        return DataSize(self.bytes - other.bytes) if type(other) is DataSize else NotImplemented

    def __mul__(self, factor: float) -> DataSize:
        return DataSize(self.bytes * factor) if isinstance(factor, int | float) else NotImplemented

    @overload
    def __truediv__(self, other: DataSize) -> float: ...
    @overload
    def __truediv__(self, other: float) -> DataSize: ...
    def __truediv__(self, other: DataSize | float) -> DataSize | float:
        if isinstance(other, DataSize):
            return self.bytes / other.bytes
        return DataSize(self.bytes / other) if isinstance(other, int | float) else NotImplemented


@dataclass(frozen=True, slots=True, order=True)
class DataRate:
    """Data per time. In bits, as links and encoders count; sizes are in bytes."""

    bits_per_second: float

    @classmethod
    def megabits(cls, count: float) -> DataRate:
        """`count` times 10**6 bits per second."""
        return cls(count * 1e6)

    def over(self, seconds: float) -> DataSize:
        """What flows in that time."""
        return DataSize(self.bits_per_second * seconds / 8)

    def __add__(self, other: DataRate) -> DataRate:
        if type(other) is not DataRate:
            return NotImplemented
        return DataRate(self.bits_per_second + other.bits_per_second)

    def __mul__(self, factor: float) -> DataRate:
        if not isinstance(factor, int | float):
            return NotImplemented
        return DataRate(self.bits_per_second * factor)
