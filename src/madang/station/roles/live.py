"""The role `live`: encoders in, their streams out.

Import after `boot.start_django`.
"""

from __future__ import annotations

from functools import partial

from madang.servers.http.listener import Listener
from madang.servers.http.metrics import Metrics
from madang.servers.http.router import Route, Router, elsewhere
from madang.servers.live.handlers import LiveHandlers
from madang.servers.live.metrics import LiveMetrics
from madang.servers.recording.metrics import RecordingMetrics
from madang.station.backups import last_times
from madang.station.config.fields import Address
from madang.station.config.settings import Settings
from madang.station.roles import gc_tuning
from madang.station.roles.chat_plane import ChatPlane
from madang.station.roles.data_plane import DataPlane
from madang.station.roles.http_port import DRAIN_SECONDS, health_endpoints, listen
from madang.station.roles.lifecycle import Lifecycle
from madang.station.roles.shutdown import Shutdown
from madang.station.roles.systemd import ServiceManager
from madang.station.roles.vod_plane import VodPlane


async def serve(settings: Settings, manager: ServiceManager) -> None:
    """Serve encoders and viewers until a signal ends the process. Raises CannotStart."""
    lifecycle = Lifecycle(settings, "live", manager)
    plane = DataPlane(settings)
    health = health_endpoints(settings, plane.database_threads, metrics_of(settings, plane))
    vod = VodPlane(settings, plane.database_threads, plane.counters.bytes_sent)
    routes = [live_route(settings, plane), vod.route, *health.routes()]
    listener = listen(settings, manager, Router(routes, elsewhere))
    rtmp = await plane.open(manager.sockets)
    gc_tuning.tune()
    listener.start()
    lifecycle.ready(http=Address(settings.http.bind.host, listener.port), rtmp=rtmp)
    try:
        await lifecycle.wait_for_signal()
    finally:
        health.draining = True
        ending = lifecycle.stopping()
        await close(ending, plane, listener, manager)
        vod.close()
        await plane.leave(ending)


def live_route(settings: Settings, plane: DataPlane) -> Route:
    """Return the route of the live streams."""
    handlers = LiveHandlers(plane.hub, settings.http.trusted_proxies)
    return Route("/live/", handlers, websocket=True)


def metrics_of(settings: Settings, plane: DataPlane) -> Metrics:
    """Return the metrics of a process that has a data plane."""
    backups = partial(last_times, settings.backup.folder)
    live = LiveMetrics(plane.counters, plane.rtmp_counters, plane.hub.snapshot, backups)
    return Metrics(live, RecordingMetrics(plane.recording_counters))


async def close(
    ending: Shutdown,
    plane: DataPlane,
    listener: Listener,
    manager: ServiceManager,
    chat: ChatPlane | None = None,
) -> None:
    """End shows and responses.

    A socket that the service manager holds outlives this process: new connections are left to the
    next one, so that players are told to wait, not that the show is over.
    """
    if manager.sockets:
        listener.stop_accepting()
    if chat is not None:
        await chat.close(ending)
    await plane.close(ending, hand_over=bool(manager.sockets))
    await ending.end("http", listener.stop, DRAIN_SECONDS)
