"""Limits of buses through Redis in tests."""

from __future__ import annotations

from typing import Final

from madang.servers.chat.redis_bus import RedisBusLimits

PATIENT: Final = RedisBusLimits(patience=30.0)
"""For tests in which Redis stays: one that a busy machine holds up does not count as away."""
