"""OBS Studio as most people use it: it publishes, and comes back when the station does."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.obs import SIZE, obs
from tests.support.station import Station, until

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(
        not (shutil.which("obs") and shutil.which("Xvfb")), reason="needs obs-studio and xvfb"
    ),
]


def test_obs_publishes_and_is_back_after_the_station_was_killed(tmp_path: Path) -> None:
    station = Station(tmp_path / "data")
    station.open_channels("studio")

    def live() -> dict[str, Any] | None:
        try:
            reply = httpx.get(f"{station.http}/live/studio/status.json", trust_env=False)
        except httpx.TransportError:
            return None
        status: dict[str, Any] = reply.json()
        return status if status["state"] == "live" else None

    with station.running(), obs(tmp_path, station.rtmp, station.keys["studio"]) as process:
        first = until(live, "OBS on the air", within=30)
        (source,) = first["renditions"]
        assert (source["width"], source["height"]) == SIZE
        assert [each.partition(".")[0] for each in source["codecs"].split(",")] == ["avc1", "mp4a"]

        station.kill()
        station.start()
        second = until(live, "OBS back on the air", within=30)
        assert second["since"] > first["since"]
        assert process.poll() is None
