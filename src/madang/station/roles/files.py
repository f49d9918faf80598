"""The role `files`: recordings and uploads, on the machine that has the storage.

Import after `boot.start_django`.
"""

from __future__ import annotations

from functools import partial

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
from madang.station.roles.http_port import DRAIN_SECONDS, health_endpoints, listen
from madang.station.roles.job_metrics import JobMetrics
from madang.station.roles.lifecycle import Lifecycle
from madang.station.roles.systemd import ServiceManager
from madang.station.roles.uploads_plane import UPLOAD_SECONDS, UploadsPlane
from madang.station.roles.vod_plane import VodPlane


async def serve(settings: Settings, manager: ServiceManager) -> None:
    """Serve recordings and take uploads until a signal ends the process. Raises CannotStart."""
    lifecycle = Lifecycle(settings, "files", manager)
    database_threads = DatabaseThreads()
    counters = LiveCounters()
    vod = VodPlane(settings, database_threads, counters.bytes_sent)
    uploads = UploadsPlane(settings, database_threads)
    backups = partial(last_times, settings.backup.folder)
    metrics = Metrics(LiveMetrics(counters, RtmpCounters(), dict, backups))
    metrics.add(JobMetrics(database_threads))
    health = health_endpoints(settings, database_threads, metrics)
    listener = listen(
        settings, manager, Router([vod.route, uploads.route, *health.routes()], elsewhere)
    )
    await uploads.start()
    gc_tuning.tune()
    listener.start()
    lifecycle.ready(http=Address(settings.http.bind.host, listener.port))
    try:
        await lifecycle.wait_for_signal()
    finally:
        health.draining = True
        ending = lifecycle.stopping()
        if manager.sockets:
            listener.stop_accepting()
        await ending.end("uploads", uploads.close, UPLOAD_SECONDS)
        await ending.end("http", listener.stop, DRAIN_SECONDS)
        vod.close()
        database_threads.close()
