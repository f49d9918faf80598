"""ffmpeg reads recordings from the station's own server: every packet is what was sent."""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from madang.live.rendition import SOURCE
from tests.support import shows
from tests.support.broadcast import Broadcast, Sent, new_show
from tests.support.recordings import MemoryRecording, recorded
from tests.support.samples import PROGRAMS
from tests.support.vod import Vod, folder_of, serving

pytestmark = [
    pytest.mark.usefixtures("station"),
    pytest.mark.skipif("bundled" not in PROGRAMS, reason="needs ffmpeg"),
]


@functools.cache
def show() -> Broadcast:
    """Return a show of pictures and sound that can be decoded."""
    made = Broadcast(new_show(segment=1.0))
    made.connect()
    made.send([Sent(tag.timestamp / 1000, tag) for tag in shows.recording(seconds=6)])
    made.end()
    return made


def recording() -> MemoryRecording:
    (made,) = recorded(show().events, SOURCE)
    return made


@pytest.fixture
def vod(tmp_path: Path) -> Iterator[Vod]:
    with serving(tmp_path) as made:
        yield made


def packets(url: str) -> list[list[bytes]]:
    """Return the packets of picture and sound at an address."""
    with av.open(url, timeout=20) as container:
        streams = [container.streams.video[0], container.streams.audio[0]]
        places = {stream.index: place for place, stream in enumerate(streams)}
        found: list[list[bytes]] = [[], []]
        for packet in container.demux(streams):
            if packet.size:
                found[places[packet.stream.index]].append(bytes(packet))
    return found


def copied(url: str) -> list[int]:
    """Return the sizes of all packets that the ffmpeg of the station reads at an address."""
    done = subprocess.run(
        [
            *(PROGRAMS["bundled"], "-nostdin", "-v", "error", "-i", url),
            *("-map", "0", "-c", "copy", "-f", "framemd5", "-"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    rows = [line.split(",") for line in done.stdout.splitlines() if not line.startswith("#")]
    return sorted(int(row[4]) for row in rows)


def decoded(url: str) -> str:
    """Return what ffmpeg says while it decodes all of an address."""
    done = subprocess.run(
        [PROGRAMS["bundled"], "-nostdin", "-v", "warning", "-i", url, "-f", "null", "-"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stderr


def test_ffmpeg_reads_playlist_and_file_of_a_finished_recording(tmp_path: Path, vod: Vod) -> None:
    folder_of(tmp_path, {SOURCE: [recording()]})
    sent = [[unit.data for unit in units] for units in show().viewer.all_units().values()]
    for path in ("index.m3u8", "source/media.m3u8", "source.mp4"):
        assert packets(vod.url(path)) == sent, path
        assert copied(vod.url(path)) == sorted(len(data) for units in sent for data in units), path
    assert decoded(vod.url("source.mp4")) == ""
    assert decoded(vod.url("index.m3u8")) == ""


def test_ffmpeg_reads_what_is_there_of_a_recording_that_grows(tmp_path: Path, vod: Vod) -> None:
    made = recording()
    folder = folder_of(tmp_path, {SOURCE: [made]}, ended=False, whole=False)
    folder.append(made, SOURCE, 1, len(made.records) - 3)
    sent = [[unit.data for unit in units] for units in show().viewer.all_units().values()]
    read = packets(vod.url("source/1.mp4"))
    assert [len(each) for each in read] > [10, 10]
    for found, expected in zip(read, sent, strict=True):
        assert found == expected[: len(found)]
    assert decoded(vod.url("source/1.mp4")) == ""
