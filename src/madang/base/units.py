"""Amounts and rates of data that cannot be added or compared to each other."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class DataSize:
    """An amount of data, in decimal or binary units (IEC 80000-13)."""

    bytes: float

    @classmethod
    def megabytes(cls, count: float) -> DataSize:
        return cls(count * 1e6)

    @classmethod
    def gigabytes(cls, count: float) -> DataSize:
        return cls(count * 1e9)

    @classmethod
    def terabytes(cls, count: float) -> DataSize:
        return cls(count * 1e12)

    @classmethod
    def gibibytes(cls, count: float) -> DataSize:
        return cls(count * 2**30)

    def __add__(self, other: DataSize) -> DataSize:
        return DataSize(self.bytes + other.bytes) if type(other) is DataSize else NotImplemented

    def __mul__(self, factor: float) -> DataSize:
        return DataSize(self.bytes * factor) if isinstance(factor, int | float) else NotImplemented

    def __truediv__(self, other: DataSize) -> float:
        return self.bytes / other.bytes if type(other) is DataSize else NotImplemented


@dataclass(frozen=True, slots=True, order=True)
class DataRate:
    """A bit rate."""

    bits_per_second: float

    @classmethod
    def megabits(cls, count: float) -> DataRate:
        return cls(count * 1e6)

    def over(self, seconds: float) -> DataSize:
        """Return the amount of data in that time."""
        return DataSize(self.bits_per_second * seconds / 8)

    def __mul__(self, factor: float) -> DataRate:
        if not isinstance(factor, int | float):
            return NotImplemented
        return DataRate(self.bits_per_second * factor)
