"""The role `worker`: jobs that must not cost a show or a page anything.

Import after `boot.start_django`.
"""

from __future__ import annotations

import asyncio
import os
from asyncio import to_thread
from functools import partial
from typing import Final

from madang.apps.broadcasts import ports
from madang.apps.broadcasts.redis_directory import RedisDirectory
from madang.station.config.settings import Settings
from madang.station.jobs.registry import periodic_jobs
from madang.station.roles.job_process import JobProcess, command_of
from madang.station.roles.lifecycle import Lifecycle
from madang.station.roles.systemd import ServiceManager
from madang.station.stores import redis
from madang.work.worker import Worker

NICE: Final = 10
"""Niceness of the process (nice(1)): every other one comes first."""


async def serve(settings: Settings, manager: ServiceManager) -> None:
    """Run jobs until a signal ends the process."""
    os.nice(NICE)
    lifecycle = Lifecycle(settings, "worker", manager)
    assert settings.redis.url is not None
    directory = RedisDirectory(redis.client(settings.redis.url))
    directory.refresh()  # before the first job asks who is on the air
    directory.start()
    ports.install(directory)
    worker = Worker(periodic_jobs(settings))
    durable = JobProcess(command_of(settings))
    worker.start()
    durable.start()
    lifecycle.ready()
    try:
        await lifecycle.wait_for_signal()
    finally:
        ending = lifecycle.stopping()
        await asyncio.gather(
            ending.end("jobs", partial(to_thread, worker.stop)),
            ending.end("durable jobs", partial(to_thread, durable.stop)),
        )
        await ending.end("directory", lambda _: to_thread(directory.close), last=True)
