"""Every kind of recording in every player, over HTTP: HLS by byte ranges and finished files.

A player opens as many addresses as it can in one process; `script/test --long` has one process for
each address too.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain

import av
import pytest

from madang.live.events import InitChanged
from madang.live.rendition import SOURCE
from tests.support.broadcast import Broadcast, Sent, new_show, shifted
from tests.support.real_streams import AAC, RATE, X264, real_stream
from tests.support.recordings import MemoryRecording, recorded
from tests.support.samples import PROGRAMS
from tests.support.sizes import sized
from tests.support.vod import Control, Video, Vod, folder_of, serving

pytestmark = [
    pytest.mark.usefixtures("station"),
    pytest.mark.skipif("bundled" not in PROGRAMS, reason="needs ffmpeg"),
]

SECONDS = 4.0
AVC = (*X264, "-g", "50", "-bf", "0")
B_FRAMES = (*X264, "-g", "50", "-bf", "3", "-b_strategy", "0")
AV1 = ("-c:v", "libsvtav1", "-preset", "11", "-pix_fmt", "yuv420p", "-g", "50")
AV1_LOW_DELAY = (*AV1, "-svtav1-params", "pred-struct=1")
OPUS = ("-c:a", "libopus", "-b:a", "64k")
LARGER = f"testsrc2=s=320x180:r={RATE}"

stream = functools.partial(real_stream, seconds=SECONDS)

KINDS: dict[str, Callable[[], list[tuple[Sent, ...]]]] = {
    "avc-aac": lambda: [stream(AVC, AAC)],
    "b-frames": lambda: [stream(B_FRAMES, AAC)],
    "av1-opus": lambda: [stream(AV1_LOW_DELAY, OPUS)],
    "avc-opus": lambda: [stream(AVC, OPUS)],
    "sound": lambda: [stream(None, AAC)],
    "picture": lambda: [stream(AVC, None)],
    "size-change": lambda: [stream(AVC, AAC), stream(AVC, AAC, source=LARGER)],
    "codec-change": lambda: [stream(AVC, AAC), stream(AV1_LOW_DELAY, AAC)],
}
"""Streams of a show, one after another."""


@dataclass(frozen=True)
class Recorded:
    """A show, its files, and where they are."""

    show: Broadcast
    files: list[MemoryRecording]
    address: str

    @property
    def hls(self) -> str:
        return f"{self.address}/index.m3u8"

    @property
    def downloads(self) -> list[str]:
        """Addresses of ordinary MP4 files."""
        if len(self.files) == 1:
            return [f"{self.address}/source.mp4"]
        return [f"{self.address}/source/{n + 1}.mp4" for n in range(len(self.files))]


@pytest.fixture(scope="module")
def kinds(
    station: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Recorded]]:
    """Return every kind, served by one port."""
    root = tmp_path_factory.mktemp("matrix")
    names = {kind: f"abcdefghijk{number + 1}" for number, kind in enumerate(KINDS)}
    shows = {kind: show(*streams()) for kind, streams in KINDS.items()}
    files = {kind: recorded(made.events, SOURCE) for kind, made in shows.items()}
    for kind, made in files.items():
        folder_of(root, {SOURCE: made}, name=names[kind])
    with serving(root, Control({name: Video() for name in names.values()})) as vod:
        yield {
            kind: Recorded(shows[kind], files[kind], address(vod, names[kind])) for kind in KINDS
        }


def address(vod: Vod, name: str) -> str:
    return f"http://{vod.port.host}:{vod.port.number}/vod/{name}"


def show(*streams: tuple[Sent, ...]) -> Broadcast:
    made = Broadcast(new_show(segment=1.0))
    for number, sent in enumerate(streams):
        made.connect()
        made.send(shifted(sent, round(number * (SECONDS + 1) * 1000)))
        made.leave()
    made.end()
    return made


@dataclass(frozen=True)
class Packet:
    """Data, decode time from that of the first packet on, time from decoding to presentation."""

    data: bytes
    at: Fraction
    delay: Fraction


def packets(place: str) -> list[list[Packet]]:
    """Return the packets of each stream at an address."""
    with av.open(place, timeout=20) as container:
        found: list[list[av.Packet]] = [[] for _ in container.streams]
        for packet in container.demux():
            if packet.size:
                found[packet.stream_index].append(packet)
        return [
            as_packets([(bytes(p), p.dts or 0, p.pts or 0) for p in each], stream.time_base)
            for stream, each in zip(container.streams, found, strict=True)
        ]


def as_packets(found: list[tuple[bytes, int, int]], base: Fraction | None) -> list[Packet]:
    assert base is not None
    first = found[0][1]
    return [Packet(data, (dts - first) * base, (pts - dts) * base) for data, dts, pts in found]


def sent(made: Recorded) -> list[list[Packet]]:
    """Return what viewers got live."""
    init = next(event for event in made.show.events if isinstance(event, InitChanged))
    units = made.show.viewer.all_units().values()
    return [
        as_packets([(u.data, u.dts, u.pts) for u in each], Fraction(1, track.timescale))
        for each, track in zip(units, init.tracks.all, strict=True)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_every_packet_is_what_was_sent_byte_for_byte_and_tick_for_tick(
    kinds: dict[str, Recorded], kind: str
) -> None:
    made = kinds[kind]
    expected = sent(made)
    assert packets(made.hls) == expected
    files = [packets(place) for place in made.downloads]
    for track, units in enumerate(expected):
        assert [p.data for file in files for p in file[track]] == [p.data for p in units]
        begin = 0
        for file in files:
            here = units[begin : begin + len(file[track])]
            first = here[0].at
            assert file[track] == [replace(p, at=p.at - first) for p in here]
            begin += len(here)


def places(kinds: dict[str, Recorded]) -> list[str]:
    """Return the addresses of all files, and of the playlists with one init section.

    libavformat, which is that of mpv too, reads the packets behind another init section, but
    decodes them as if they were of the first ("Found duplicated MOOV Atom. Skipped it"); GStreamer
    1.22 plays them, but for a time in ten at which it hangs.
    """
    playlists = [made.hls for made in kinds.values() if len(made.files) == 1]
    return playlists + [place for made in kinds.values() for place in made.downloads]


def ffmpeg(program: str, found: list[str]) -> list[str]:
    inputs = chain.from_iterable(("-i", place) for place in found)
    maps = chain.from_iterable(("-map", str(number)) for number in range(len(found)))
    return [program, "-nostdin", "-v", "warning", *inputs, *maps, "-f", "null", "-"]


def ffprobe(program: str, found: list[str]) -> list[str]:
    return [program, "-v", "warning", "-count_packets", "-show_entries", "chapter=id", *found]


def mpv(program: str, found: list[str]) -> list[str]:
    # cplayer warns where a busy machine lets picture and sound fall apart.
    quiet = ("--no-config", "--no-input-terminal", "--msg-level=all=warn,cplayer=error")
    sinks = ("--vo=null", "--ao=null", "--ao-null-untimed", "--untimed", "--audio-display=no")
    return [program, *quiet, *sinks, *found]


def gstreamer(program: str, found: list[str]) -> list[str]:
    # Not playbin3: hlsdemux2 of GStreamer 1.22 asks for a map from the beginning of its file on.
    sinks = ("video-sink=fakesink", "audio-sink=fakesink")
    players = chain.from_iterable(("playbin", f"uri={place}", *sinks) for place in found)
    return [program, "-q", *players]


@dataclass(frozen=True)
class Player:
    """A program, its command for addresses, and how many of those it takes at once."""

    program: str
    command: Callable[[str, list[str]], list[str]]
    at_once: int = 100


PLAYERS = {
    "ffmpeg": Player("ffmpeg", ffmpeg),
    "ffmpeg-bundled": Player(PROGRAMS.get("bundled", ""), ffmpeg),
    "ffprobe": Player("ffprobe", ffprobe, at_once=1),
    "mpv": Player("mpv", mpv),
    # libsoup opens ten connections to a host at most: of more players some wait for others.
    "gstreamer": Player("gst-launch-1.0", gstreamer, at_once=4),
}


@pytest.mark.parametrize("name", PLAYERS)
def test_players_play_everything_and_complain_of_nothing(
    kinds: dict[str, Recorded], name: str
) -> None:
    player = PLAYERS[name]
    if shutil.which(player.program) is None:
        pytest.skip(f"needs {player.program}")
    found = places(kinds)
    for at_once in sized([player.at_once], [player.at_once, 1]):
        for begin in range(0, len(found), at_once):
            command = player.command(player.program, found[begin : begin + at_once])
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            assert (done.returncode, done.stderr[-2000:], done.stdout[-2000:]) == (0, "", "")
