"""The role `all`: everything in one process.

Import after `boot.start_django`.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import to_thread
from functools import partial
from typing import Final

from madang.servers.http.router import Route, Router
from madang.servers.http.static import StaticFiles
from madang.servers.http.wsgi import WsgiBridge
from madang.station import first_run
from madang.station.config.fields import Address
from madang.station.config.settings import RTMP_APPLICATION, Settings
from madang.station.demo.publisher import DemoPublisher
from madang.station.django import static_files
from madang.station.django.page_cache import page_cache
from madang.station.django.wsgi import application
from madang.station.jobs.registry import periodic_jobs
from madang.station.roles import gc_tuning, warmup
from madang.station.roles.chat_plane import ChatPlane, chat_route
from madang.station.roles.data_plane import DataPlane
from madang.station.roles.http_port import health_endpoints, listen
from madang.station.roles.job_metrics import JobMetrics
from madang.station.roles.job_process import JobProcess, command_of
from madang.station.roles.lifecycle import Lifecycle
from madang.station.roles.live import close, live_route, metrics_of
from madang.station.roles.systemd import ServiceManager
from madang.station.roles.uploads_plane import UPLOAD_SECONDS, UploadsPlane
from madang.station.roles.vod_plane import VodPlane
from madang.work.worker import Worker

DEMO_SECONDS: Final = 1.0

PAGES_SECONDS: Final = 1.0
"""Time after the drain for pages whose clients have left already."""


async def serve(
    settings: Settings,
    manager: ServiceManager,
    sign_in: first_run.FirstSignIn | None,
    demo_key: str | None,
) -> None:
    """Do everything until a signal ends the process. Raises CannotStart."""
    lifecycle = Lifecycle(settings, "all", manager)
    plane = DataPlane(settings)
    pages = WsgiBridge(application, settings.http.trusted_proxies, cache=page_cache())
    chat = ChatPlane(settings, plane.database_threads)
    vod = VodPlane(settings, plane.database_threads, plane.counters.bytes_sent)
    uploads = UploadsPlane(settings, plane.database_threads)
    files = StaticFiles(static_files.find)
    metrics = metrics_of(settings, plane)
    metrics.add(chat)
    metrics.add(JobMetrics(plane.database_threads))
    health = health_endpoints(settings, plane.database_threads, metrics)
    routes = [
        live_route(settings, plane),
        vod.route,
        uploads.route,
        chat_route(chat),
        Route("/static/", files),
        *health.routes(),
    ]
    listener = listen(settings, manager, Router(routes, pages))
    rtmp = await plane.open(manager.sockets)
    worker = Worker([*periodic_jobs(settings), *chat.jobs])
    durable = JobProcess(command_of(settings))
    await chat.start()
    await uploads.start()
    gc_tuning.tune()
    listener.start()
    worker.start()
    durable.start()

    here = Address(settings.http.bind.host, listener.port)
    lifecycle.ready(http=here, rtmp=rtmp)
    _greet(here, sign_in, demo=demo_key is not None)
    warming = asyncio.create_task(asyncio.to_thread(warmup.everything, files))
    demo = _demo(settings, plane, rtmp, demo_key) if demo_key is not None else None
    try:
        await lifecycle.wait_for_signal()
    finally:
        health.draining = True
        ending = lifecycle.stopping()
        aside = asyncio.gather(
            ending.end("jobs", partial(to_thread, worker.stop)),
            ending.end("durable jobs", partial(to_thread, durable.stop)),
            ending.end("warm-up", lambda _: warming),
            ending.end("uploads", uploads.close, UPLOAD_SECONDS),
        )
        if demo is not None:
            await ending.end("demo", lambda _: demo.stop(), DEMO_SECONDS)
        await close(ending, plane, listener, manager, chat)
        await ending.end("pages", pages.close, PAGES_SECONDS)
        vod.close()
        await aside
        await plane.leave(ending)


def _demo(settings: Settings, plane: DataPlane, rtmp: Address, key: str) -> DemoPublisher:
    near = Address("127.0.0.1" if rtmp.everywhere else rtmp.host, rtmp.port)
    url = f"rtmp://{near}/{RTMP_APPLICATION}/{key}"
    zone, grace = settings.station.time_zone, settings.live.grace
    demo = DemoPublisher(plane.ffmpeg, url, zone, grace=grace)
    demo.start()
    return demo


def _greet(here: Address, sign_in: first_run.FirstSignIn | None, *, demo: bool) -> None:
    """Print the addresses for a person at a terminal; scripts read the `ready` line."""
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
