"""Buses between processes that serve the chat."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import pytest

from madang.servers.chat.bus import Bus, MemoryBus
from madang.servers.chat.redis_bus import RedisBus
from tests.support.redis_buses import PATIENT
from tests.support.stores import Server

if TYPE_CHECKING:
    from madang.station.config.settings import Settings
    from tests.support.chat_processes import Play

_streams = count()
"""Numbers of streams: a bus begins with what was said in the last ten seconds, and must not meet
another test's."""


@pytest.fixture(params=["memory", "redis"])
def make(request: pytest.FixtureRequest) -> Callable[[], list[Bus]]:
    """Makes the one bus in memory, or three processes' on one Redis."""
    if request.param == "memory":
        return lambda: [MemoryBus()]
    server: Server = request.getfixturevalue("redis")
    stream = f"test:{next(_streams)}"
    return lambda: [RedisBus(server.url, stream, PATIENT) for _ in range(3)]


@pytest.fixture
def play(station: Settings, make: Callable[[], list[Bus]]) -> Play:
    """Runs a story on a chat of the processes of these buses."""
    from tests.support import chat_processes

    return partial(chat_processes.play, make)
