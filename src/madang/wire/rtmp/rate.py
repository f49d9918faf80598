"""Limit of a publisher's bit rate."""

from __future__ import annotations

from madang.base.errors import LimitExceeded
from madang.wire.rtmp.chunks import TIMESTAMP_MASK
from madang.wire.rtmp.limits import RtmpLimits

_FORWARD = 1 << 31
"""Differences of timestamps from here on are steps back (5.3.1)."""

_RESTART = 10_000
"""Milliseconds of a step back from which the stream's clock has begun anew; smaller ones are those
between audio and video."""


class BitRateLimit:
    """Bytes within windows of `bit_rate_window` seconds, which are measured by the clock or, while
    the stream catches up on it after a stall, by the stream's own time.

    `now` is in seconds of a monotonic clock.
    """

    def __init__(self, limits: RtmpLimits, now: float) -> None:
        self._limits = limits
        self._now = now
        self._behind = 0.0
        self._stamp: int | None = None
        self._begin(now)

    def passed(self, now: float) -> None:
        """Let the clock advance to `now`."""
        self._behind = min(self._behind + now - self._now, self._limits.catch_up)
        self._now = now

    def media(self, stamp: int) -> None:
        """Note the timestamp of a message, in milliseconds modulo 2**32."""
        step = 0 if self._stamp is None else (stamp - self._stamp) & TIMESTAMP_MASK
        if step >= _FORWARD:
            if TIMESTAMP_MASK - step < _RESTART:
                return
            step = 0
        self._stamp = stamp
        # No more than the clock has passed: time that a stream invents allows no bytes.
        streamed = min(step / 1000, self._behind)
        self._behind -= streamed
        self._streamed += streamed

    def received(self, size: int) -> None:
        """Count `size` bytes whose messages have been noted. Raises LimitExceeded."""
        limits = self._limits
        if max(self._now - self._began, self._streamed) >= limits.bit_rate_window:
            self._begin(self._now)
        self._bytes += size
        if self._bytes * 8 > limits.bit_rate * limits.bit_rate_window:
            megabits = limits.bit_rate / 1e6
            raise LimitExceeded("bit_rate", f"The stream has more than {megabits:g} Mbit/s.")

    def _begin(self, now: float) -> None:
        self._began = now
        self._bytes = 0
        self._streamed = 0.0
