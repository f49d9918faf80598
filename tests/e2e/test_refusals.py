"""Encoders that are not let in hear why, in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.encoders import publish
from tests.support.rtmp_publisher import PublishRefused, RtmpPublisher
from tests.support.station import Station, until

WRONG = "aaaaaaaa-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    """A station that takes one show at a time."""
    station = Station(tmp_path_factory.mktemp("strict") / "data", LIVE__MAX_PUBLISHERS="1")
    station.open_channels("first", "second", "revoked")
    with station.running():
        yield station


async def _refusal(station: Station, name: str, app: str = "live") -> PublishRefused:
    with pytest.raises(PublishRefused) as refused:
        async with RtmpPublisher("127.0.0.1", station.rtmp_port, app=app, name=name):
            pass
    return refused.value


async def test_a_wrong_key_is_called_wrong(strict: Station) -> None:
    refused = await _refusal(strict, WRONG)
    assert refused.code.startswith("NetStream.Publish.")
    assert "key is wrong" in refused.description
    assert "studio" in refused.description


async def test_a_name_that_is_no_key_is_called_missing(strict: Station) -> None:
    refused = await _refusal(strict, "stream")
    assert "There is no stream key" in refused.description


async def test_a_revoked_key_no_longer_opens(strict: Station) -> None:
    old = strict.keys["revoked"]
    strict.command("key", "rotate", "revoked")
    refused = await _refusal(strict, old)
    assert "was revoked" in refused.description


@pytest.mark.parametrize("program", ["system", "bundled"])
def test_ffmpeg_shows_the_words_of_a_refusal(strict: Station, picture: Path, program: str) -> None:
    with publish(picture, f"{strict.rtmp}/{WRONG}", program=program) as encoder:
        assert "key is wrong" in encoder.ended()


async def test_a_show_too_many_is_refused_until_there_is_room(
    strict: Station, picture: Path
) -> None:
    with publish(picture, strict.publish_url("first")):
        until(lambda: strict.command("status")["live"], "on the air", within=45)
        refused = await _refusal(strict, strict.keys["second"])
        assert "1 channels are on the air, which is this station's limit" in refused.description
