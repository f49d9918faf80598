"""`madang bench` on a small scale: a real station, real clients, real encoders."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from madang.ops.measure import bench, encoders, load_rounds
from madang.ops.measure.clients import PollingClient, Tally
from madang.ops.measure.errors import MeasureFailed
from madang.ops.measure.processes import cpu_seconds
from madang.ops.measure.station import Measured, publishing, station, wait_for

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    with station(tmp_path_factory.mktemp("measure"), ("low",)) as running:
        yield running


def test_api_clients_count_answers_and_the_stations_processor_time(measured: Measured) -> None:
    seen = measured.load("api", load_rounds.API_PATH, 4, 1.0)
    assert seen.count > 20
    assert seen.received > seen.count * 100
    assert 0 < seen.cpu < 3


def test_a_paced_load_asks_as_often_as_it_should(measured: Measured) -> None:
    seen = measured.load("api", load_rounds.API_PATH, 4, 2.0, rate=40)
    # Clients that were held up catch up with what they owe; unpaced they ask hundreds of times.
    assert 20 < seen.count / seen.seconds < 60


def test_an_error_page_is_not_a_fast_answer(measured: Measured) -> None:
    with pytest.raises(MeasureFailed, match="404"):
        measured.load("api", "/nowhere", 1, 0.5)


def test_guests_of_a_chat_count_what_reaches_them(measured: Measured) -> None:
    seen = measured.load("chat", "low", 20, 2.0, rate=5)
    assert 20 * 5 * seen.seconds * 0.5 < seen.count <= 20 * 5 * (seen.seconds + 1)


def test_viewers_follow_a_stream_part_by_part(measured: Measured, tmp_path: Path) -> None:
    program = get_ffmpeg_exe()
    film = encoders.film(program, tmp_path / "film.flv", 300_000, 4)
    with publishing(program, film, measured, "low"):
        path = wait_for("the stream", lambda: load_rounds.playlist(measured, "low"))
        seen = measured.load("live", path, 5, 2.0)
    parts = seen.count / 5 / seen.seconds
    assert 1.5 < parts < 5, "three a second"
    assert 100_000 < seen.received * 8 / seen.seconds / 5 < 800_000


def test_encoders_take_processor_time(tmp_path: Path) -> None:
    program = get_ffmpeg_exe()
    film = encoders.film(program, tmp_path / "film.flv", 1_000_000, 1)
    one = encoders.ladder(program, film, [360])
    assert 0 < one < encoders.ladder(program, film, [480, 360])
    with pytest.raises(MeasureFailed, match="cannot be started"):
        encoders.film("/nowhere/ffmpeg", tmp_path / "x.flv", 1_000_000)


def test_a_disk_has_a_speed(tmp_path: Path) -> None:
    assert bench._disk(tmp_path) > 1e6
    assert not list(tmp_path.iterdir())


def test_processor_time_of_a_process_that_is_gone_is_an_error() -> None:
    assert cpu_seconds(os.getpid()) > 0
    with pytest.raises(MeasureFailed):
        cpu_seconds(2**22 - 1)


def test_an_answer_may_come_in_pieces() -> None:
    async def read() -> int:
        tally = Tally(counting=True)
        reader = PollingClient(tally, 1, "/", 0.0)

        class Sink(asyncio.Transport):
            def write(self, data: bytes | bytearray | memoryview) -> None:
                pass

        reader.connection_made(Sink())
        for piece in (b"HTTP/1.1 200 OK\r\nContent-Le", b"ngth: 4\r\n\r\nab", b"cd"):
            assert tally.count == 0
            reader.data_received(piece)
        return tally.count

    assert asyncio.run(read()) == 1
