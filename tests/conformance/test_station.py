"""The real station under the oracle's eyes, with every kind of stream that encoders send.

Streams are watched several at a time, as each needs a while of real time and little else; a test
per stream then says what was seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from madang.wire.flv import Tag
from madang.wire.hls import MultivariantPlaylist, parse_multivariant
from tests.conformance.oracle import check_wait_limit, watch
from tests.conformance.report import Report
from tests.conformance.rewind import watch_event
from tests.support import encoders
from tests.support.data_plane import Loop
from tests.support.encoders import Recipe, publish
from tests.support.rtmp_publisher import RtmpPublisher, read_flv
from tests.support.station import Station

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.whole_file]

AT_ONCE = 8
"""Streams watched together: more, and the oracle itself is late on two cores."""

WINDOW = "14"
SECONDS = 20.0
"""The playlist is short enough, and watched for long enough, to see segments leave it; it is
longer than six target durations, so that there are delta updates."""

SLACK = 1.5
"""Seconds by which everything may be late while so many processes share two cores."""

ENHANCED = ("-rtmp_enhanced_codecs", "hvc1,av01,vp09,Opus,fLaC,ac-3,ec-3")
BEFORE_24_BITS = 16_777 - 8
"""Seconds: 4 h 39 min, so that 2**24 - 1 ms is passed while somebody watches."""
BEFORE_32_BITS = 2**32 - 8_000
"""Milliseconds: the clock of RTMP goes back to zero while somebody watches."""


REWIND_SECONDS = {
    "avc-aac-bundled": SECONDS + 12.0,
    "b-frames": SECONDS,
    "sound-only": SECONDS,
    "ladder": SECONDS,
}
"""Streams whose long playlist is watched as well, while the show is on. One is watched for longer
than its skip boundary: six target durations of four seconds."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Stream to send, way of sending, and the CODECS that the multivariant playlist must name.

    With `shift` (milliseconds) it is replayed by tags, otherwise ffmpeg publishes it.
    """

    recipe: Recipe
    codecs: tuple[str, ...]
    options: tuple[str, ...] = ()
    program: str = "bundled"
    shift: int | None = None


STREAMS: dict[str, Stream] = {
    "avc-aac-system": Stream(Recipe(program="system"), ("avc1.", "mp4a.40.2"), program="system"),
    "avc-aac-bundled": Stream(Recipe(), ("avc1.", "mp4a.40.2")),
    "hevc-aac": Stream(
        Recipe((*encoders.HEVC, *encoders.HEVC_LOW_DELAY)), ("hvc1.1.", "mp4a.40.2"), ENHANCED
    ),
    "av1-opus": Stream(
        Recipe((*encoders.AV1, *encoders.AV1_LOW_DELAY), encoders.OPUS),
        ("av01.0.", "opus"),
        ENHANCED,
    ),
    "vp9-opus": Stream(Recipe(encoders.VP9, encoders.OPUS), ("vp09.00.", "opus"), ENHANCED),
    "avc-opus": Stream(Recipe(sound=encoders.OPUS), ("avc1.", "opus"), ENHANCED),
    "avc-flac": Stream(Recipe(sound=encoders.FLAC), ("avc1.", "flac"), ENHANCED),
    "avc-ac3": Stream(Recipe(sound=encoders.AC3), ("avc1.", "ac-3"), ENHANCED),
    "sound-only": Stream(Recipe(picture=()), ("mp4a.40.2",)),
    "picture-only": Stream(Recipe(sound=(), program="system"), ("avc1.",), program="system"),
    "b-frames": Stream(
        Recipe((*encoders.AVC, "-bf", "3", "-b_strategy", "0"), program="system"),
        ("avc1.", "mp4a.40.2"),
        program="system",
    ),
    "key-frames-10-s-apart": Stream(Recipe(key_interval=10.0), ("avc1.", "mp4a.40.2")),
    "past-24-bits": Stream(
        Recipe(), ("avc1.", "mp4a.40.2"), ("-output_ts_offset", str(BEFORE_24_BITS))
    ),
    "past-24-bits-system": Stream(
        Recipe(program="system"),
        ("avc1.", "mp4a.40.2"),
        ("-output_ts_offset", str(BEFORE_24_BITS)),
        program="system",
    ),
    "past-32-bits": Stream(Recipe(), ("avc1.", "mp4a.40.2"), shift=BEFORE_32_BITS),
    "ladder": Stream(Recipe(height=240), ("avc1.", "mp4a.40.2")),
}


@dataclass(slots=True)
class Seen:
    """Return the reports of the oracle and the multivariant playlist on one stream."""

    report: Report
    playlist: MultivariantPlaylist
    encoder_said: str = field(default="")
    rewind: Report | None = None


@pytest.fixture(scope="module")
def real_station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    """A station with a channel for every stream and one rung, for those above 180 pixels."""
    station = Station(
        tmp_path_factory.mktemp("conformance") / "data", LIVE__LADDER="[180]", LIVE__WINDOW=WINDOW
    )
    station.open_channels(*STREAMS, "paused")
    with station.running():
        yield station


@pytest.fixture(scope="module")
def seen(real_station: Station) -> dict[str, Seen | BaseException]:
    """Every stream published and watched; what went wrong stands in place of what was seen."""
    found: dict[str, Seen | BaseException] = {}
    names = list(STREAMS)
    for first in range(0, len(names), AT_ONCE):
        batch = names[first : first + AT_ONCE]
        files = {name: encoders.sample(STREAMS[name].recipe) for name in batch}
        found |= asyncio.run(_watch_together(real_station, files))
    return found


async def _watch_together(
    station: Station, files: dict[str, Path]
) -> dict[str, Seen | BaseException]:
    watches = (_publish_and_watch(station, name, file) for name, file in files.items())
    return dict(zip(files, await asyncio.gather(*watches, return_exceptions=True), strict=True))


async def _publish_and_watch(station: Station, name: str, file: Path) -> Seen:
    stream = STREAMS[name]
    url = f"{station.http}/live/{name}/index.m3u8"
    async with AsyncExitStack() as stack:
        said: Callable[[], str] = str
        if stream.shift is None:
            encoder = stack.enter_context(
                publish(file, station.publish_url(name), *stream.options, program=stream.program)
            )
            said = encoder.said
        else:
            tags = read_flv(await asyncio.to_thread(encoders.flv, file))
            # In a thread of its own: the oracle, busy with all streams, must not keep it waiting.
            loop = Loop()
            stack.callback(loop.close)
            playing = loop.start(_replay(station, name, tags, stream.shift))
            said = lambda: repr(playing.exception()) if playing.done() else ""  # noqa: E731
        variants = 2 if name == "ladder" else 1
        playlist = await _on_the_air(url, variants, said)
        report, rewind = await asyncio.gather(
            watch(url, seconds=SECONDS, slack=SLACK), _watch_rewind(station, name)
        )
        return Seen(report, playlist, said(), rewind)


async def _watch_rewind(station: Station, name: str) -> Report | None:
    if name not in REWIND_SECONDS:
        return None
    async with httpx.AsyncClient(trust_env=False) as client:
        status = (await client.get(f"{station.http}/live/{name}/status.json")).json()
    url = f"{station.http}{status['rewind_url']}"
    await _on_the_air(url, 1, str)
    return await watch_event(url, seconds=REWIND_SECONDS[name])


async def _replay(station: Station, name: str, tags: list[Tag], shift: int) -> None:
    async with RtmpPublisher("127.0.0.1", station.rtmp_port, name=station.keys[name]) as publisher:
        await publisher.play(tags, shift=shift)


async def _on_the_air(url: str, variants: int, said: Callable[[], str]) -> MultivariantPlaylist:
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(200):
            reply = await client.get(url)
            if reply.status_code == 200:
                playlist = parse_multivariant(reply.text)
                if len(playlist.variants) >= variants:
                    return playlist
            await asyncio.sleep(0.1)
    raise AssertionError(f"not on the air after 20 s: {reply.status_code} {reply.text} {said()}")


@pytest.mark.parametrize("name", STREAMS)
def test_every_kind_of_stream_is_served_by_the_rules(
    seen: dict[str, Seen | BaseException], name: str
) -> None:
    what = seen[name]
    if isinstance(what, BaseException):
        raise what
    what.report.check()
    statistics = what.report.statistics
    assert statistics.parts > SECONDS / 0.5
    assert statistics.hints > 0
    if STREAMS[name].recipe.key_interval == Recipe().key_interval:
        # Segments of ten seconds would have to be watched for minutes.
        assert statistics.segments > float(WINDOW) / 2
        assert statistics.deltas > 0


@pytest.mark.parametrize("name", REWIND_SECONDS)
def test_the_rewind_playlist_of_a_running_show_keeps_the_rules(
    seen: dict[str, Seen | BaseException], name: str
) -> None:
    what = seen[name]
    if isinstance(what, BaseException):
        raise what
    assert what.rewind is not None
    what.rewind.check()
    statistics = what.rewind.statistics
    assert statistics.playlists > SECONDS / 4
    assert statistics.segments > SECONDS / 4
    assert (statistics.deltas > 0) is (REWIND_SECONDS[name] > SECONDS)


@pytest.mark.parametrize("name", STREAMS)
def test_the_multivariant_playlist_names_the_codecs_of_every_stream(
    seen: dict[str, Seen | BaseException], name: str
) -> None:
    what = seen[name]
    if isinstance(what, BaseException):
        raise what
    for variant in what.playlist.variants:
        named = variant.codecs.split(",")
        assert len(named) == len(STREAMS[name].codecs)
        for codec, expected in zip(named, STREAMS[name].codecs, strict=True):
            assert codec.startswith(expected)


def test_the_playlist_has_a_dated_latency_of_about_a_part(
    seen: dict[str, Seen | BaseException],
) -> None:
    what = seen["avc-aac-bundled"]
    assert isinstance(what, Seen)
    assert what.report.statistics.latency is not None
    assert 0.0 <= what.report.statistics.latency < 1.5


def test_whoever_waits_for_an_encoder_that_pauses_is_told_so_in_time(
    real_station: Station,
) -> None:
    url = f"{real_station.http}/live/paused/index.m3u8"

    async def story() -> None:
        file = await asyncio.to_thread(encoders.sample, Recipe())
        with publish(file, real_station.publish_url("paused")) as encoder:
            await _on_the_air(url, 1, encoder.said)
            await asyncio.sleep(1.0)
            encoder.freeze()
            await asyncio.sleep(1.0)  # what is under way arrives first
            (await check_wait_limit(f"{url.removesuffix('index.m3u8')}source/media.m3u8")).check()

    asyncio.run(story())
