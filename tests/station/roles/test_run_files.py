from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from madang.station.config.data_folder import prepare
from madang.station.config.fields import Address
from madang.station.config.settings import Settings, load
from madang.station.roles import run_files
from madang.station.roles.run_files import Runtime


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    settings = load(tmp_path, environ={})
    prepare(settings)
    return settings


def running(pid: int) -> Runtime:
    return Runtime(pid, Address("127.0.0.1", 8123), Address("::1", 1936))


def test_what_a_station_says_of_itself_is_read_back(here: Settings) -> None:
    assert run_files.read(here) is None
    run_files.write(here, running(os.getpid()))
    assert run_files.read(here) == running(os.getpid())
    run_files.remove(here)
    assert run_files.read(here) is None
    run_files.remove(here)


def test_a_station_whose_process_is_gone_does_not_run(here: Settings) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    run_files.write(here, running(ended.pid))
    assert run_files.read(here) is None


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"pid": 1, "http": "x", "rtmp": "y"}'])
def test_a_broken_file_is_no_station(here: Settings, text: str) -> None:
    (here.data / "run" / "station.json").write_text(text)
    assert run_files.read(here) is None


def test_commands_use_the_addresses_that_the_station_was_given(here: Settings) -> None:
    assert run_files.as_running(here) is here
    run_files.write(here, running(os.getpid()))
    settings = run_files.as_running(here)
    assert settings.watch_url("yard") == "http://127.0.0.1:8123/@yard"
    assert settings.publish_url == "rtmp://[::1]:1936/live"


def test_several_processes_of_chat_share_a_data_folder_and_others_do_not(here: Settings) -> None:
    from madang.station.roles.errors import CannotStart
    from madang.station.roles.serve import lock

    first, second = lock(here, "chat"), lock(here, "chat")
    web = lock(here, "web")
    with pytest.raises(CannotStart):
        lock(here, "web")
    with pytest.raises(CannotStart):
        lock(here, "all")
    for each in (*first, *second, *web):
        each.close()
    for each in lock(here, "all"):
        each.close()


def test_each_process_of_chat_has_a_run_file(here: Settings) -> None:
    """Those of this process and of its parent, which runs too."""
    run_files.write(here, running(os.getppid()), "chat")
    run_files.write(here, running(os.getpid()), "chat")
    assert {one.pid for one in run_files.running(here)} == {os.getppid(), os.getpid()}
    run_files.remove(here, "chat")
    assert [one.pid for one in run_files.running(here)] == [os.getppid()]
    ended = subprocess.Popen(["true"])
    ended.wait()
    (here.data / "run" / "chat.json").unlink()
    run_files.write(here, running(ended.pid), "chat")
    run_files.write(here, running(os.getpid()), "chat")
    assert [path.name for path in (here.data / "run").glob("*.json")] == ["chat.json"]
