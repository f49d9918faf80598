"""`madang bench` in small: a real station, clients and encoders."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from madang.ops.measure import bench, encoders, load_rounds
from madang.ops.measure.clients import LoadCounters, PollingClient
from madang.ops.measure.errors import MeasureFailed
from madang.ops.measure.processes import cpu_seconds
from madang.ops.measure.station import StationProcess, publish, run_station, wait_for

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StationProcess]:
    with run_station(tmp_path_factory.mktemp("measure"), ("low",)) as running:
        yield running


def test_api_clients_count_answers_and_cpu_time(station: StationProcess) -> None:
    result = station.load("api", load_rounds.API_PATH, 4, 1.0)
    assert result.count > 20
    assert result.received > result.count * 100
    assert 0 < result.cpu < 3


def test_a_paced_load_keeps_its_rate(station: StationProcess) -> None:
    result = station.load("api", load_rounds.API_PATH, 4, 2.0, rate=40)
    # Delayed clients catch up; without a rate they make hundreds of requests.
    assert 20 < result.count / result.seconds < 60


def test_an_error_answer_fails_the_load(station: StationProcess) -> None:
    with pytest.raises(MeasureFailed, match="404"):
        station.load("api", "/nowhere", 1, 0.5)


def test_chat_guests_count_received_messages(station: StationProcess) -> None:
    result = station.load("chat", "low", 20, 2.0, rate=5)
    assert 20 * 5 * result.seconds * 0.5 < result.count <= 20 * 5 * (result.seconds + 1)


def test_viewers_follow_a_stream_part_by_part(station: StationProcess, tmp_path: Path) -> None:
    program = get_ffmpeg_exe()
    film = encoders.make_video(program, tmp_path / "film.flv", 300_000, 4)
    with publish(program, film, station, "low"):
        path = wait_for("the stream", lambda: load_rounds.playlist(station, "low"))
        result = station.load("live", path, 5, 2.0)
    parts = result.count / 5 / result.seconds
    assert 1.5 < parts < 5, "three a second"
    assert 100_000 < result.received * 8 / result.seconds / 5 < 800_000


def test_more_renditions_take_more_cpu_time(tmp_path: Path) -> None:
    program = get_ffmpeg_exe()
    film = encoders.make_video(program, tmp_path / "film.flv", 1_000_000, 1)
    one = encoders.ladder(program, film, [360])
    assert 0 < one < encoders.ladder(program, film, [480, 360])
    with pytest.raises(MeasureFailed, match="cannot be started"):
        encoders.make_video("/nowhere/ffmpeg", tmp_path / "x.flv", 1_000_000)


def test_the_disk_is_measured_and_the_file_removed(tmp_path: Path) -> None:
    assert bench._disk(tmp_path) > 1e6
    assert not list(tmp_path.iterdir())


def test_cpu_time_of_a_missing_process_is_an_error() -> None:
    assert cpu_seconds(os.getpid()) > 0
    with pytest.raises(MeasureFailed):
        cpu_seconds(2**22 - 1)


def test_an_answer_in_pieces_is_counted_once() -> None:
    async def read() -> int:
        counters = LoadCounters(counting=True)
        reader = PollingClient(counters, 1, "/", 0.0)

        class Sink(asyncio.Transport):
            def write(self, data: bytes | bytearray | memoryview) -> None:
                pass

        reader.connection_made(Sink())
        for piece in (b"HTTP/1.1 200 OK\r\nContent-Le", b"ngth: 4\r\n\r\nab", b"cd"):
            assert counters.count == 0
            reader.data_received(piece)
        return counters.count

    assert asyncio.run(read()) == 1
