"""The role `chat`: the chats.

Import after `boot.start_django`.
"""

from __future__ import annotations

import asyncio
from asyncio import to_thread
from functools import partial

from madang.apps.broadcasts import ports
from madang.apps.broadcasts.redis_directory import RedisDirectory
from madang.infra.database import DatabaseThreads
from madang.servers.http.metrics import Metrics
from madang.servers.http.router import Router, elsewhere
from madang.servers.live.counters import LiveCounters
from madang.servers.live.metrics import LiveMetrics
from madang.servers.rtmp import RtmpCounters
from madang.station.backups import last_times
from madang.station.config.fields import Address
from madang.station.config.settings import Settings
from madang.station.roles import gc_tuning
from madang.station.roles.chat_plane import ChatPlane, chat_route
from madang.station.roles.http_port import DRAIN_SECONDS, health_endpoints, listen
from madang.station.roles.lifecycle import Lifecycle
from madang.station.roles.systemd import ServiceManager
from madang.station.stores import redis
from madang.work.worker import Worker


async def serve(settings: Settings, manager: ServiceManager) -> None:
    """Carry the chats until a signal ends the process. Raises CannotStart."""
    lifecycle = Lifecycle(settings, "chat", manager)
    database_threads = DatabaseThreads()
    assert settings.redis.url is not None
    directory = RedisDirectory(redis.client(settings.redis.url))
    directory.start()
    ports.install(directory)
    chat = ChatPlane(settings, database_threads)
    worker = Worker(chat.jobs)
    backups = partial(last_times, settings.backup.folder)
    metrics = Metrics(LiveMetrics(LiveCounters(), RtmpCounters(), dict, backups), chat)
    health = health_endpoints(settings, database_threads, metrics)
    listener = listen(settings, manager, Router([chat_route(chat), *health.routes()], elsewhere))
    gc_tuning.tune()
    listener.start()
    await chat.start()
    worker.start()
    lifecycle.ready(http=Address(settings.http.bind.host, listener.port))
    try:
        await lifecycle.wait_for_signal()
    finally:
        health.draining = True
        ending = lifecycle.stopping()
        if manager.sockets:
            listener.stop_accepting()
        stopped = asyncio.ensure_future(ending.end("jobs", partial(to_thread, worker.stop)))
        await chat.close(ending)
        await ending.end("http", listener.stop, DRAIN_SECONDS)
        await stopped
        await ending.end("directory", lambda _: to_thread(directory.close), last=True)
        database_threads.close()
