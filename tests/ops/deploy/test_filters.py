"""Fail2ban's filters on log lines of a running station."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from madang.ops.deploy.texts import security
from tests.support.encoders import Recipe, publish, sample
from tests.support.station import Station

pytestmark = pytest.mark.e2e

HOST = r"(?P<host>[0-9a-f.:]+)"
"""The addresses in Fail2ban's expression for <HOST>."""


def pattern(text: str) -> re.Pattern[str]:
    """Compile the expression of a filter as Fail2ban does."""
    (line,) = re.findall(r"^failregex = (.*)$", text, re.MULTILINE)
    return re.compile(line.replace("<HOST>", HOST), re.MULTILINE)


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    made = Station(tmp_path_factory.mktemp("filters") / "data")
    made.data.mkdir()
    made.open_channels("yard")
    made.start("--no-demo")
    yield made
    made.stop()


def found(station: Station, text: str) -> list[str]:
    """Return the addresses that a filter finds in the log so far."""
    return [match["host"] for match in pattern(text).finditer(station.said())]


def test_a_wrong_stream_key_is_matched(station: Station) -> None:
    with publish(sample(Recipe()), f"{station.rtmp}/guess") as encoder:
        encoder.ended()
    assert found(station, security.FILTER_KEYS) == ["127.0.0.1"]
