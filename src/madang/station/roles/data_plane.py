"""The data plane of the roles `all` and `live`: hub, RTMP server and their stores.

Import after `boot.start_django`.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from imageio_ffmpeg import get_ffmpeg_exe

from madang.apps.broadcasts import ports
from madang.apps.broadcasts.services import close_orphans
from madang.infra.database import DatabaseThreads
from madang.live.show import LiveSettings
from madang.recording.manifest import RECORDINGS
from madang.servers.live.counters import LiveCounters
from madang.servers.live.hub import LiveHub, LiveHubSettings
from madang.servers.live.recorder import Recorders
from madang.servers.live.show_log import ShowLog
from madang.servers.recording.notices import StorageNotices
from madang.servers.recording.repair import RecordingRepair, repair_while_running
from madang.servers.recording.rows import VideoRows
from madang.servers.recording.writer import RecordingWriter, WriterLimits
from madang.servers.rtmp import RtmpCounters, RtmpServer
from madang.station.config.fields import Address
from madang.station.config.settings import Settings
from madang.station.roles import systemd
from madang.station.roles.errors import CannotStart, address_unusable
from madang.station.roles.shutdown import Shutdown
from madang.wire.rtmp import DEFAULT_LIMITS

if TYPE_CHECKING:
    from madang.servers.live.cluster import ClusterMember

SENDING: Final = 1.0
ENDING: Final = 2.0
WITHDRAWING: Final = 2.0
"""Seconds to tell encoders, to end shows, and to tell other processes, at most."""

FINISHING: Final = 2.0
"""Seconds to finish the recordings of shows; what takes longer is left to the next start."""

WRITING: Final = 2.0
"""Seconds for the last records of shows; a database that is away gets no more."""

SHUTTING_DOWN: Final = "The station is shutting down."

log = logging.getLogger(__name__)


class DataPlane:
    """Make on the event loop; `open` listens for encoders, `close` ends the shows."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.counters = LiveCounters()
        self.rtmp_counters = RtmpCounters()
        self.database_threads = DatabaseThreads()
        self._show_log = ShowLog()
        self.ffmpeg = get_ffmpeg_exe()
        self._cluster_member = _cluster_member(settings)
        self._recordings = RecordingWriter(
            settings.media_folder / RECORDINGS,
            _writer_limits(settings),
            report=StorageNotices(
                self._show_log.submit, settings.public_url, settings.recording.reserve_gb
            ),
        )
        self.recording_counters = self._recordings.counters
        self._rows = VideoRows(self._show_log.submit)
        self._closing = threading.Event()
        self.hub = LiveHub(
            _hub_settings(settings, self.ffmpeg),
            self.counters,
            self.database_threads,
            self._show_log,
            self._cluster_member.leases if self._cluster_member is not None else None,
            recorders=Recorders(self._recordings, self._rows, settings.recording.rewind),
        )
        ports.install(self.hub)
        limits = replace(DEFAULT_LIMITS, bit_rate=settings.live.max_bitrate)
        self._rtmp_server = RtmpServer(self.hub, self.rtmp_counters, limits)

    async def open(self, handed: Mapping[str, socket.socket]) -> Address:
        """Listen for encoders, at the sockets that were `handed` in where there are such.

        Returns the address for plain RTMP. Raises CannotStart.
        """
        others = (
            await self._cluster_member.leases.held_by_others()
            if self._cluster_member is not None
            else set()
        )
        orphans = await asyncio.to_thread(close_orphans, others)
        if orphans:
            log.warning("%d show(s) were cut off when the station stopped without a word", orphans)
        if self._cluster_member is not None:
            self._cluster_member.start(self.hub)
        self._recordings.start()
        threading.Thread(target=self._repair_recordings, name="repair", daemon=True).start()
        return await self._listen_rtmp(handed)

    async def close(self, ending: Shutdown, *, hand_over: bool) -> None:
        """Disconnect the encoders and end their shows.

        With `hand_over` viewers are not told that a show is over: another process goes on.
        """
        await ending.end("rtmp", lambda _: self._rtmp_server.close(SHUTTING_DOWN), SENDING)
        close = partial(self.hub.close, hand_over=hand_over)
        await ending.end("shows", close, ENDING)

    async def leave(self, ending: Shutdown) -> None:
        """Write the last records. Call after the last response."""
        member = self._cluster_member
        if member is not None:
            await ending.end("cluster", lambda _: member.close(), WITHDRAWING)
        self._closing.set()
        await ending.end("recordings", self._recordings.close, FINISHING, last=True)
        await ending.end("records of shows", self._show_log.close, WRITING, last=True)
        self.database_threads.close()

    def _repair_recordings(self) -> None:
        """Repair what a crash left, and what the disk did not let be finished."""
        repair = RecordingRepair(
            self._recordings.root,
            self._rows,
            self._recordings.disk,
            lambda manifest: self._recordings.submit(
                lambda: self._recordings.discard_later(manifest, self._rows)
            ),
            self._recordings.writes,
        )
        repair_while_running(repair.run, self._closing.wait)

    async def _listen_rtmp(self, handed: Mapping[str, socket.socket]) -> Address:
        chosen = self._settings.rtmp
        try:
            port = await self._rtmp_server.listen(
                chosen.bind.host, chosen.bind.port, handed=handed.get(systemd.RTMP)
            )
        except OSError as error:
            raise address_unusable("rtmp.bind", chosen.bind, error) from None
        if chosen.tls_bind and chosen.tls_certificate and chosen.tls_key:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            try:
                context.load_cert_chain(chosen.tls_certificate, chosen.tls_key)
            except (OSError, ssl.SSLError) as error:
                raise CannotStart(
                    f"The certificate {chosen.tls_certificate} cannot be used: {error}.",
                    mend="Check rtmp.tls_certificate and rtmp.tls_key.",
                ) from None
            try:
                await self._rtmp_server.listen(
                    chosen.tls_bind.host,
                    chosen.tls_bind.port,
                    context,
                    handed=handed.get(systemd.RTMPS),
                )
            except OSError as error:
                raise address_unusable("rtmp.tls_bind", chosen.tls_bind, error) from None
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGHUP, self._renew, context)
        return Address(chosen.bind.host, port)

    def _renew(self, context: ssl.SSLContext) -> None:
        """Load a renewed certificate, for new connections."""
        chosen = self._settings.rtmp
        assert chosen.tls_certificate is not None
        try:
            context.load_cert_chain(chosen.tls_certificate, chosen.tls_key)
        except (OSError, ssl.SSLError) as error:
            log.error("rtmps: the new certificate cannot be used, the old one stays: %s", error)
        else:
            log.info("rtmps: the certificate was read anew")


def _cluster_member(settings: Settings) -> ClusterMember | None:
    if settings.redis.url is None:
        return None
    # Here, so that a station without Redis does not load the driver.
    from madang.servers.live.cluster import ClusterMember
    from madang.station.stores import redis

    # The same after a restart: leases that a crash left behind are this process's own.
    name = f"{socket.gethostname()}:{settings.data}"
    return ClusterMember(redis.asyncio_client(settings.redis.url), name)


def _writer_limits(settings: Settings) -> WriterLimits:
    # A part that waits for longer than this leaves the live window before it is written.
    # A part is written before the next one comes: a crash costs one at most.
    return WriterLimits(
        batch_seconds=min(0.25, settings.live.part_target / 2),
        queue_seconds=settings.live.window / 3,
        reserve=round(settings.recording.reserve_gb * 1e9),
    )


def _hub_settings(settings: Settings, program: str) -> LiveHubSettings:
    chosen = settings.live
    return LiveHubSettings(
        live=LiveSettings(chosen.part_target, chosen.segment, chosen.window, chosen.grace),
        ladder=chosen.ladder,
        max_publishers=chosen.max_publishers,
        ffmpeg=program,
    )
