"""The role `worker`: chores that must not cost a show or a page anything.

Import after `boot.start_django`.
"""

from __future__ import annotations

import os
from typing import Final

from madang.apps.broadcasts import ports
from madang.apps.broadcasts.redis_directory import RedisDirectory
from madang.station.backup_rounds import Rounds
from madang.station.config.settings import Settings
from madang.station.housekeeping import Housekeeper
from madang.station.roles.lifecycle import Lifecycle
from madang.station.roles.systemd import Manager
from madang.station.stores import redis

NICE: Final = 10
"""How far behind all else this process stands in the queue for the processor (nice(1))."""


async def serve(settings: Settings, manager: Manager) -> None:
    """Do chores until told to end."""
    os.nice(NICE)
    life = Lifecycle(settings, "worker", manager)
    assert settings.redis.url is not None
    directory = RedisDirectory(redis.client(settings.redis.url))
    directory.refresh()  # before the first chore asks who is on the air
    directory.start()
    ports.install(directory)
    keeper, rounds = Housekeeper(), Rounds(settings)
    keeper.start()
    rounds.start()
    life.ready()
    try:
        await life.until_told()
    finally:
        life.leaving()
        keeper.stop()
        await rounds.stop()
        directory.close()
