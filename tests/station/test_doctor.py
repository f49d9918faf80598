from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from madang.station import doctor
from madang.station.config.data_folder import prepare
from madang.station.config.fields import Address
from madang.station.config.settings import Settings, load
from madang.station.doctor import Check
from madang.station.roles import run_files
from madang.station.roles.run_files import Runtime


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return load(tmp_path / "data", environ={"MADANG_HTTP__BIND": "127.0.0.1:0"})


def assert_bad(check: Check) -> None:
    assert not check.ok
    assert check.mend


def test_a_fresh_machine_is_well(here: Settings) -> None:
    assert doctor.data_folder(here).ok
    assert doctor.disk_space(here).ok
    assert doctor.clock(here).ok
    assert doctor.http_port(here).ok
    assert doctor.database(here).ok
    assert not here.data.exists(), "looking changes nothing"


def test_the_bundled_ffmpeg_runs(here: Settings) -> None:
    check = doctor.ffmpeg(here)
    assert check.ok
    assert check.detail.startswith("ffmpeg version")


def test_an_ffmpeg_that_does_not_run_is_found(
    here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/nowhere/ffmpeg")
    assert_bad(doctor.ffmpeg(here))


def test_a_file_where_the_data_folder_should_be_is_found(here: Settings) -> None:
    here.data.write_text("")
    assert_bad(doctor.data_folder(here))


def test_a_port_that_somebody_else_has_is_found(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = load(tmp_path, environ={"MADANG_RTMP__BIND": f"127.0.0.1:{port}"})
        check = doctor.rtmp_port(settings)
        assert_bad(check)
        assert "rtmp.bind" in check.mend


@pytest.mark.parametrize("role", [run_files.ALL, "live"])
def test_the_ports_of_the_station_that_runs_are_no_trouble(tmp_path: Path, role: str) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as pages,
        socket.create_server(("127.0.0.1", 0)) as encoders,
    ):
        http, rtmp = (Address("127.0.0.1", each.getsockname()[1]) for each in (pages, encoders))
        binds = {"MADANG_HTTP__BIND": str(http), "MADANG_RTMP__BIND": str(rtmp)}
        settings = load(tmp_path, environ=binds)
        prepare(settings)
        run_files.write(settings, Runtime(os.getpid(), http, rtmp), role)
        for check in (doctor.http_port(settings), doctor.rtmp_port(settings)):
            assert check.ok
            assert "in use by this station" in check.detail
        run_files.remove(settings, role)
        assert_bad(doctor.http_port(settings))
        assert_bad(doctor.rtmp_port(settings))


def test_a_full_disk_is_found(here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "FREE_BYTES", 10**18)
    assert_bad(doctor.disk_space(here))


def test_a_clock_that_went_back_is_found(here: Settings) -> None:
    prepare(here)
    here.database_file.write_text("")
    tomorrow = here.database_file.stat().st_mtime + 86_400
    os.utime(here.database_file, (tomorrow, tomorrow))
    assert_bad(doctor.clock(here))


def test_a_database_in_use_is_sound(station: Settings) -> None:
    check = doctor.database(station)
    assert check.ok
    assert "up to date" in check.detail
