"""The roles with an event loop, wired: everything in one process, the live streams, the chats.

Import after `boot.start_django`.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from typing import Final

from madang.apps.broadcasts import ports
from madang.infra.database import DatabaseThreads
from madang.servers.chat.handshake import ChatHandshake
from madang.servers.http.health import HealthEndpoints
from madang.servers.http.listener import Dispatch, Listener
from madang.servers.http.metrics import Metrics
from madang.servers.http.router import Answer, Router, elsewhere
from madang.servers.http.static import StaticFiles
from madang.servers.http.wsgi import WsgiBridge
from madang.servers.live.counters import LiveCounters
from madang.servers.live.metrics import LiveMetrics
from madang.servers.rtmp import RtmpCounters
from madang.station import boot, first_run
from madang.station.backups import last_times
from madang.station.config.fields import Address
from madang.station.config.settings import RTMP_APPLICATION, Settings
from madang.station.demo.publisher import DemoPublisher
from madang.station.django import static_files
from madang.station.django.wsgi import application
from madang.station.errors import taken
from madang.station.jobs.registry import periodic_jobs
from madang.station.roles import gc_tuning, systemd, warmup
from madang.station.roles.chat_plane import ChatPlane
from madang.station.roles.data_plane import WRITING, DataPlane
from madang.station.roles.lifecycle import Lifecycle
from madang.station.roles.systemd import Manager
from madang.work.worker import Worker

DRAIN: Final = 4.0
"""Seconds that running requests get at the end; the contract allows ten for everything."""

PAGES: Final = 1.0
"""Seconds more for pages whose clients have left already."""


async def serve_all(
    settings: Settings,
    manager: Manager,
    sign_in: first_run.FirstSignIn | None,
    demo_key: str | None,
) -> None:
    """Do everything until told to end. Raises CannotStart."""
    life = Lifecycle(settings, "all", manager)
    plane = DataPlane(settings)
    pages = WsgiBridge(application, settings.http.trusted_proxies)
    chat = ChatPlane(settings, plane.database_threads)
    files = StaticFiles(static_files.find)
    metrics = _metrics(settings, plane)
    metrics.add(chat)
    operations = _operations(settings, plane.database_threads, metrics)
    router = _router(settings, plane, operations, files=files, pages=pages, chat=chat.handshake)
    listener = _listen(settings, manager, router)
    rtmp = await plane.open(manager.sockets)
    worker = Worker([*periodic_jobs(settings), *chat.jobs])
    await chat.start()
    gc_tuning.tune()
    listener.start()
    worker.start()

    here = Address(settings.http.bind.host, listener.port)
    life.ready(http=here, rtmp=rtmp)
    _greet(here, sign_in, demo=demo_key is not None)
    warming = asyncio.create_task(asyncio.to_thread(warmup.everything, files))
    demo = _demo(settings, plane, rtmp, demo_key) if demo_key is not None else None
    try:
        await life.until_told()
    finally:
        operations.draining = True
        life.leaving()
        if demo is not None:
            await demo.stop()
        await asyncio.to_thread(worker.stop)
        await warming
        await _close(plane, listener, manager, chat)
        await pages.close(PAGES)
        await plane.leave()


async def serve_live(settings: Settings, manager: Manager) -> None:
    """Take encoders in and serve their streams until told to end. Raises CannotStart."""
    life = Lifecycle(settings, "live", manager)
    plane = DataPlane(settings)
    operations = _operations(settings, plane.database_threads, _metrics(settings, plane))
    listener = _listen(settings, manager, _router(settings, plane, operations))
    rtmp = await plane.open(manager.sockets)
    gc_tuning.tune()
    listener.start()
    life.ready(http=Address(settings.http.bind.host, listener.port), rtmp=rtmp)
    try:
        await life.until_told()
    finally:
        operations.draining = True
        life.leaving()
        await _close(plane, listener, manager)
        await plane.leave()


async def serve_chat(settings: Settings, manager: Manager) -> None:
    """Carry the chats until told to end. Raises CannotStart."""
    from madang.apps.broadcasts.redis_directory import RedisDirectory
    from madang.station.stores import redis

    life = Lifecycle(settings, "chat", manager)
    database_threads = DatabaseThreads()
    assert settings.redis.url is not None
    directory = RedisDirectory(redis.client(settings.redis.url))
    directory.start()
    ports.install(directory)
    chat = ChatPlane(settings, database_threads)
    worker = Worker(chat.jobs)
    metrics = Metrics(
        LiveMetrics(
            LiveCounters(), RtmpCounters(), dict, lambda: last_times(settings.backup.folder)
        ),
        chat,
    )
    operations = _operations(settings, database_threads, metrics)
    proxies = settings.http.trusted_proxies
    router = Router(None, operations, elsewhere, elsewhere, proxies, chat=chat.handshake)
    listener = _listen(settings, manager, router)
    gc_tuning.tune()
    listener.start()
    await chat.start()
    worker.start()
    life.ready(http=Address(settings.http.bind.host, listener.port))
    try:
        await life.until_told()
    finally:
        operations.draining = True
        life.leaving()
        if manager.sockets:
            listener.withdraw()
        await asyncio.to_thread(worker.stop)
        await chat.close(WRITING)
        await listener.stop(DRAIN)
        directory.close()
        database_threads.close()


def _metrics(settings: Settings, plane: DataPlane) -> Metrics:
    return Metrics(
        LiveMetrics(
            plane.counters,
            plane.rtmp_counters,
            plane.hub.snapshot,
            lambda: last_times(settings.backup.folder),
        )
    )


def _operations(
    settings: Settings, database_threads: DatabaseThreads, metrics: Metrics
) -> HealthEndpoints:
    token = settings.http.metrics_token
    return HealthEndpoints(
        metrics,
        database_threads,
        [("database", boot.ask_database)],
        token.get_secret_value() if token else None,
    )


def _router(
    settings: Settings,
    plane: DataPlane,
    operations: HealthEndpoints,
    *,
    files: Answer = elsewhere,
    pages: Answer = elsewhere,
    chat: ChatHandshake | None = None,
) -> Router:
    return Router(plane.hub, operations, files, pages, settings.http.trusted_proxies, chat=chat)


def _listen(settings: Settings, manager: Manager, dispatch: Dispatch) -> Listener:
    bind = settings.http.bind
    _allow_open_files()
    try:
        return Listener(bind.host, bind.port, dispatch, manager.sockets.get(systemd.HTTP))
    except OSError as error:
        raise taken("http.bind", bind, error) from None


def _allow_open_files() -> None:
    """Let this process open as many files as the system allows: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _close(
    plane: DataPlane, listener: Listener, manager: Manager, chat: ChatPlane | None = None
) -> None:
    """End shows and answers. A socket that the service manager holds outlives this process: who
    knocks now is answered by the next, so that players are told to wait, not that it is over."""
    if manager.sockets:
        listener.withdraw()
    if chat is not None:
        await chat.close(WRITING)
    await plane.close(hand_over=bool(manager.sockets))
    await listener.stop(DRAIN)


def _demo(settings: Settings, plane: DataPlane, rtmp: Address, key: str) -> DemoPublisher:
    near = Address("127.0.0.1" if rtmp.everywhere else rtmp.host, rtmp.port)
    url = f"rtmp://{near}/{RTMP_APPLICATION}/{key}"
    demo = DemoPublisher(plane.ffmpeg, url, settings.station.time_zone)
    demo.start()
    return demo


def _greet(here: Address, sign_in: first_run.FirstSignIn | None, *, demo: bool) -> None:
    """Tell a person at a terminal where to go; scripts read the `ready` line."""
    near = Address("127.0.0.1" if here.everywhere else here.host, here.port)
    lines = [f"The station is on the air at http://{near}/"]
    if demo:
        lines.append(f"  Demo channel    http://{near}/@{first_run.DEMO_SLUG}")
    lines.append(f"  Your studio     http://{near}/studio/")
    if sign_in is not None:
        lines.append(f"  Sign in as      {sign_in.name}, password {sign_in.password}")
        lines.append(
            f"                  (shown only now; change it at http://{near}/accounts/password/change/)"
        )
    elif sys.stderr.isatty():
        lines.append("  Sign in with the account you have, or: madang user create NAME --admin")
    if demo:
        lines.append("  Without the demo: script/serve --no-demo")
    print("\n".join(lines), file=sys.stderr, flush=True)
