"""Waiting for what is to become true."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

WITHIN = 20.0
"""Seconds."""


async def until(true: Callable[[], bool]) -> None:
    """Look again and again on the event loop. Raises TimeoutError."""
    async with asyncio.timeout(WITHIN):
        while True:
            if true():
                return
            await asyncio.sleep(0.01)
