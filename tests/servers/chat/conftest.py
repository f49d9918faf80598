"""Buses between processes that serve the chat."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from madang.servers.chat.bus import Bus, MemoryBus
from madang.servers.chat.redis_bus import RedisBus
from tests.support.stores import Server


@pytest.fixture(params=["memory", "redis"])
def make(request: pytest.FixtureRequest) -> Callable[[], list[Bus]]:
    """Makes the one bus in memory, or three processes' on one Redis."""
    if request.param == "memory":
        return lambda: [MemoryBus()]
    server: Server = request.getfixturevalue("redis")
    return lambda: [RedisBus(server.url, f"test:{id(request)}") for _ in range(3)]
