"""Waiting for a condition on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

WITHIN = 60.0
"""Seconds until a condition must be true."""


async def until(true: Callable[[], bool]) -> None:
    """Poll a condition. Raises TimeoutError."""
    async with asyncio.timeout(WITHIN):
        while True:
            if true():
                return
            await asyncio.sleep(0.01)
