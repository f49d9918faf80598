from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from madang.station import logs
from madang.station.config.sections import LogSection


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def speak() -> None:
    log = logging.getLogger("madang.test")
    log.debug("quiet")
    log.info("마당 %s is on", "yard")
    try:
        raise ValueError("on purpose")
    except ValueError:
        log.exception("it failed")


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LogSection(level="info", format="json"))
    speak()
    said, failed = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert said["event"] == "마당 yard is on"
    assert said["level"] == "info"
    assert said["logger"] == "madang.test"
    assert said["timestamp"].endswith("Z")
    assert "ValueError: on purpose" in failed["exception"]


def test_the_console_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LogSection(level="debug", format="console"))
    speak()
    captured = capsys.readouterr()
    assert "quiet" in captured.err
    assert "마당 yard is on" in captured.err
    assert "ValueError: on purpose" in captured.err
    assert captured.out == ""


def test_configuring_again_does_not_say_everything_twice(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for _ in range(2):
        logs.configure(LogSection(level="info", format="json"))
    logging.getLogger("madang.test").info("once")
    assert capsys.readouterr().err.count("once") == 1
