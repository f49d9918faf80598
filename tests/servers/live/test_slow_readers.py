"""Cost of clients that do not read, to the server and to others (budgets: 1,000 slow readers)."""

from __future__ import annotations

import gc
import socket
import threading
import time
from pathlib import Path

import pytest

from madang.wire.flv import FlvReader
from tests.support.data_plane import Air, on_the_air, read_all, until
from tests.support.shows import Encoder, channel_key, recording

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.usefixtures("committed_db")]

CROWD = 1000
SMALL = 2048
"""Receive buffer in bytes of a reader that does not read: the kernel keeps next to nothing."""

PAGE = 4096

NOTICED = 1.0
"""Lateness in seconds that a viewer two seconds behind live would notice. Encoder, station, watcher
and crowd share this process and a busy machine; a reader that held up the others would hold them
up for its send timeout, which is far longer."""

CALM = 60.0
"""Seconds within which a thousand readers have come or gone, on a machine that is busy."""


def resident() -> int:
    """Bytes of this process in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def crowd(air: Air, path: str, count: int = CROWD) -> list[socket.socket]:
    """Connections that ask for `path` and never read."""
    connections = []
    for _ in range(count):
        connection = air.connect(receive_buffer=SMALL)
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        connections.append(connection)
    return connections


class Watcher(threading.Thread):
    """A healthy FLV reader that notes how late each second of stream comes."""

    def __init__(self, air: Air, path: str) -> None:
        super().__init__()
        self._connection = air.connect()
        self._connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        self._leave = threading.Event()
        self.lateness: list[float] = []
        self.start()

    def run(self) -> None:
        """Read until told to leave."""
        flv = FlvReader()
        head = b""
        while b"\r\n\r\n" not in head:
            head += self._connection.recv(1)
        began: float | None = None
        while not self._leave.is_set():
            data = self._connection.recv(1 << 16)
            if not data:
                return
            now = time.monotonic()
            for tag in flv.receive(data):
                at = tag.timestamp / 1000
                if began is None and at > 0:
                    began = now - at
                if began is not None:
                    began = min(began, now - at)
                    self.lateness.append(now - at - began)

    def leave(self) -> None:
        """Stop reading and close."""
        self._leave.set()
        self.join(10)
        self._connection.close()


def test_a_thousand_flv_readers_that_do_not_read_are_not_noticed() -> None:
    key = channel_key()
    tags = recording(size="640x360", bit_rate="2000k", key_frames=30)
    with on_the_air() as air:
        encoder = Encoder(air, key, tags)
        air.on_air("yard")
        watcher = Watcher(air, "/live/yard.flv")
        until(lambda: len(watcher.lateness) > 50)
        before = resident()
        slow = crowd(air, "/live/yard.flv")
        until(lambda: air.status("yard")["viewers"] == CROWD + 1, CALM)
        # A thousand arrivals within a second are felt for a moment, their staying is not. A busy
        # machine makes the moment longer: the encoder, which is late too, has to catch up.
        until(lambda: max(watcher.lateness[-80:]) < NOTICED, CALM)
        joined = len(watcher.lateness)
        time.sleep(3)
        grown = resident() - before
        late = sorted(watcher.lateness[joined:])
        watcher.leave()
        assert grown < CROWD * (64 << 10)
        assert late[len(late) // 2] < NOTICED
        assert late[int(len(late) * 0.99)] < 2 * NOTICED
        assert not encoder.done.done()
        assert air.status("yard")["state"] == "live"
        for connection in slow:
            connection.close()
        until(lambda: air.status("yard")["viewers"] <= 1, CALM)
        encoder.stop()


def test_a_thousand_clients_that_do_not_read_their_parts_are_not_noticed() -> None:
    key = channel_key()
    with on_the_air() as air:
        encoder = Encoder(air, key)
        air.on_air("yard")
        watcher = Watcher(air, "/live/yard.flv")
        until(lambda: len(watcher.lateness) > 50)
        playlist = air.ask("/live/yard/source/media.m3u8").text
        part = next(
            line.split('URI="')[1].split('"')[0]
            for line in reversed(playlist.splitlines())
            if line.startswith("#EXT-X-PART:")
        )
        size = len(air.ask(f"/live/yard/source/{part}").body)
        before = resident()
        slow = crowd(air, f"/live/yard/source/{part}")
        joined = len(watcher.lateness)
        time.sleep(3)
        late = sorted(watcher.lateness[joined:])
        watcher.leave()
        assert resident() - before < CROWD * (size + (64 << 10))
        assert late[int(len(late) * 0.99)] < 1.5
        assert air.ask(f"/live/yard/source/{part}").status in {200, 404}
        assert not encoder.done.done()
        for connection in slow:
            connection.close()
        encoder.stop()


def test_an_flv_reader_that_takes_nothing_is_cut_off_and_what_it_lost_is_counted() -> None:
    from madang.servers.live.flv_client import FlvLimits
    from madang.servers.live.hub import LiveLimits

    limits = LiveLimits(flv=FlvLimits(behind=100_000, send_timeout=1.0))
    key = channel_key()
    tags = recording(size="640x360", bit_rate="2000k", key_frames=30)
    with on_the_air(live_limits=limits) as air:
        encoder = Encoder(air, key, tags)
        air.on_air("yard")
        (slow,) = crowd(air, "/live/yard.flv", 1)
        until(lambda: air.status("yard")["viewers"] == 1)
        until(lambda: air.status("yard")["viewers"] == 0)
        assert air.counters.flv_dropped_bytes > 0
        slow.settimeout(5)
        read_all(slow)  # ends, as the connection was cut
        encoder.stop()
