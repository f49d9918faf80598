"""A station that is killed while it records."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.request import urlopen

import av
import pytest

from madang.live.rendition import SOURCE
from madang.recording.index import Kind
from madang.wire.hls import parse_media
from tests.support.encoders import Recipe, publish, sample
from tests.support.recorder import manifest_of, records_of
from tests.support.station import Station, until

pytestmark = pytest.mark.e2e

PARTS = 6
"""Parts of a segment, as the station cuts by itself."""


def videos(station: Station) -> dict[str, str]:
    """Return the state of each video."""
    with sqlite3.connect(f"file:{station.data / 'madang.db'}?mode=ro", uri=True) as database:
        return dict(database.execute("select id, state from videos_video"))


def edge(station: Station) -> tuple[int, int]:
    """Return segment and part that viewers got last."""
    with urlopen(f"{station.http}/live/yard/source/media.m3u8") as answer:
        playlist = parse_media(answer.read().decode())
    last = playlist.media_sequence + len(playlist.segments) - 1
    return last, len(playlist.segments[-1].parts) - 1


def test_a_killed_station_finishes_the_recording_at_its_next_start(tmp_path: Path) -> None:
    station = Station(tmp_path / "data", LIVE__GRACE="1")
    recordings = station.data / "media" / "recordings"
    station.start()
    try:
        station.open_channels("yard")
        with publish(sample(Recipe()), station.publish_url("yard")):
            until(lambda: videos(station), "a recording", within=45)
            (name,) = videos(station)
            folder = recordings / name
            until(lambda: len(records_of(folder)) > 9, "some parts", within=45)
            seen = edge(station)
            station.kill()
        assert manifest_of(folder).ended_at is None
        station.start()
        until(lambda: videos(station)[name] == "ready", "the repair", within=45)
        assert not (folder / "lock").exists()
        last = [(r.msn, r.index) for r in records_of(folder) if r.kind is Kind.PART][-1]
        # One part at most, but that parts may be on the way in a busy process.
        lost = PARTS * (seen[0] - last[0]) + seen[1] - last[1]
        assert lost <= 3
        with av.open(str(folder / SOURCE / "1.mp4")) as container:
            pictures = [packet for packet in container.demux(video=0) if packet.size]
        assert len(pictures) > 6 * 9
        station.stop()
    finally:
        if station.runs:
            station.kill()
