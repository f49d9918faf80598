"""Streams of real ffmpeg, old and new, compared with a demuxer's view of the source."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import imageio_ffmpeg  # type: ignore[import-untyped]
import pytest

from madang.media.track import Codec
from madang.wire import flv
from madang.wire.flv import PacketKind, Tag, TagType
from madang.wire.rtmp import (
    Connected,
    Event,
    MediaReceived,
    MetadataReceived,
    PublishRequested,
    PublishStopped,
)
from tests.support.rtmp_publisher import read_flv
from tests.wire.rtmp.shell import listening

_NEW = imageio_ffmpeg.get_ffmpeg_exe()
_OLD = shutil.which("ffmpeg")

_SECONDS = 1.2
_PICTURE = f"testsrc2=size=128x96:rate=25:duration={_SECONDS}"
_SOUND = f"sine=frequency=440:sample_rate=48000:duration={_SECONDS}"

_X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "12")
_X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:pools=1")
_SVT_AV1 = ("-c:v", "libsvtav1", "-preset", "12")
_VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8")


@dataclass(frozen=True, slots=True)
class _Found:
    """Content of one track: its configuration, and (decode time, presentation time, data)."""

    codec: Codec
    config: bytes
    units: list[tuple[int, int, bytes]]


def _run(program: str, *arguments: str) -> None:
    subprocess.run([program, "-v", "error", "-nostdin", "-y", *arguments], check=True, timeout=60)


def _source(tmp_path: Path, *codecs: str, picture: bool = True, sound: int = 1) -> Path:
    path = tmp_path / "source.mp4"
    inputs = ["-f", "lavfi", "-i", _PICTURE] * picture + ["-f", "lavfi", "-i", _SOUND] * sound
    maps = [part for number in range(picture + sound) for part in ("-map", f"{number}")]
    _run(_NEW, *inputs, *maps, *codecs, "-threads", "1", "-strict", "-2", str(path))
    return path


async def _publish(program: str, source: Path, options: Sequence[str]) -> list[Event]:
    async with listening() as door:
        url = f"rtmp://127.0.0.1:{door.port}/live/key"
        process = await asyncio.create_subprocess_exec(
            program, "-v", "error", "-nostdin", "-i", str(source), "-map", "0", "-c", "copy",
            *options, "-f", "flv", url,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, errors = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, errors.decode()
        [shell] = door.shells
        return await shell.until(PublishStopped)


def _media(events: Sequence[Event]) -> list[Tag]:
    return [
        Tag(event.type, event.timestamp, event.body)
        for event in events
        if isinstance(event, MediaReceived)
    ]


def _video(tags: Sequence[Tag]) -> _Found:
    packets = [
        (tag.timestamp, packet)
        for tag in tags
        if tag.type is TagType.VIDEO
        for packet in flv.parse_video(tag.body)
    ]
    [config] = {packet.data for _, packet in packets if packet.kind is PacketKind.CONFIG}
    units = [
        (time, time + packet.composition, packet.data)
        for time, packet in packets
        if packet.kind is PacketKind.FRAME
    ]
    return _Found(packets[0][1].codec, config, units)


def _audio(tags: Sequence[Tag], track_id: int = 0) -> _Found:
    packets = [
        (tag.timestamp, packet)
        for tag in tags
        if tag.type is TagType.AUDIO
        for packet in flv.parse_audio(tag.body)
        if packet.track_id == track_id
    ]
    configs = {packet.data for _, packet in packets if packet.kind is PacketKind.CONFIG}
    units = [(time, time, p.data) for time, p in packets if p.kind is PacketKind.FRAME]
    return _Found(packets[0][1].codec, b"".join(configs), units)


def _demuxed(source: Path, index: int) -> tuple[bytes, list[tuple[float, float, bytes]]]:
    """Return configuration and units of a track by PyAV, with times in milliseconds."""
    with av.open(str(source)) as container:
        stream = container.streams[index]
        units = []
        for packet in container.demux(stream):
            if packet.dts is not None and packet.pts is not None:
                tick = float(packet.time_base * 1000)
                units.append((packet.dts * tick, packet.pts * tick, bytes(packet)))
        return stream.codec_context.extradata or b"", units


def _assert_same(found: _Found, source: Path, index: int, *, offset: float = 0.0) -> None:
    """Compare all bytes, and times up to one constant: a publisher cannot begin before zero."""
    _, units = _demuxed(source, index)
    assert len(units) >= _SECONDS * 20
    assert [data for _, _, data in found.units] == [data for _, _, data in units]
    shift = found.units[0][0] - units[0][0]
    for (dts, pts, _), (source_dts, source_pts, _) in zip(found.units, units, strict=True):
        assert abs(dts - source_dts - shift) <= 1
        assert abs(pts - source_pts - shift) <= 2
    assert abs(shift - offset) < 200


@pytest.mark.parametrize("program", [pytest.param(_OLD, id="5.1"), pytest.param(_NEW, id="9")])
def test_h264_and_aac_arrive_as_they_were_encoded(program: str | None, tmp_path: Path) -> None:
    if program is None:
        pytest.skip("no ffmpeg is installed beside the bundled one")
    source = _source(tmp_path, *_X264, "-c:a", "aac")
    events = asyncio.run(_publish(program, source, ()))
    assert isinstance(events[0], Connected)
    assert events[0].app == "live"
    assert isinstance(events[1], PublishRequested)
    assert events[1].texts[0] == "key"
    metadata = next(event for event in events if isinstance(event, MetadataReceived))
    assert metadata.values["width"] == 128.0
    video, audio = _video(_media(events)), _audio(_media(events))
    assert (video.codec, audio.codec) == (Codec.AVC, Codec.AAC)
    assert video.config == _demuxed(source, 0)[0]
    assert audio.config == _demuxed(source, 1)[0]
    assert any(pts > dts + 40 for dts, pts, _ in video.units)  # B-frames are present
    _assert_same(video, source, 0)
    _assert_same(audio, source, 1)


@pytest.mark.parametrize(
    ("encoder", "codec", "fourcc"),
    [
        pytest.param(_X265, Codec.HEVC, "hvc1", id="HEVC"),
        pytest.param(_SVT_AV1, Codec.AV1, "av01", id="AV1"),
        pytest.param(_VP9, Codec.VP9, "vp09", id="VP9"),
    ],
)
def test_video_of_enhanced_rtmp_arrives_as_it_was_encoded(
    encoder: tuple[str, ...], codec: Codec, fourcc: str, tmp_path: Path
) -> None:
    source = _source(tmp_path, *encoder, "-tag:v", fourcc, sound=0)
    events = asyncio.run(_publish(_NEW, source, ("-rtmp_enhanced_codecs", fourcc)))
    assert isinstance(events[0], Connected)
    assert events[0].fourccs == (fourcc,)
    video = _video(_media(events))
    assert video.codec is codec
    assert video.config
    _assert_same(video, source, 0)


@pytest.mark.parametrize(
    ("encoder", "codec"),
    [
        ("libopus", Codec.OPUS),
        ("flac", Codec.FLAC),
        ("ac3", Codec.AC3),
        ("eac3", Codec.EAC3),
        ("libmp3lame", Codec.MP3),
    ],
)
def test_audio_of_enhanced_rtmp_arrives_as_it_was_encoded(
    encoder: str, codec: Codec, tmp_path: Path
) -> None:
    source = _source(tmp_path, "-c:a", encoder, picture=False)
    audio = _audio(_media(asyncio.run(_publish(_NEW, source, ()))))
    assert audio.codec is codec
    _assert_same(audio, source, 0)


def test_a_second_sound_track_keeps_its_number(tmp_path: Path) -> None:
    source = _source(tmp_path, *_X264, "-c:a", "aac", sound=2)
    tags = _media(asyncio.run(_publish(_NEW, source, ())))
    _assert_same(_audio(tags, 0), source, 1)
    _assert_same(_audio(tags, 1), source, 2)


@pytest.mark.parametrize("program", [pytest.param(_OLD, id="5.1"), pytest.param(_NEW, id="9")])
def test_times_go_on_past_24_bits(program: str | None, tmp_path: Path) -> None:
    if program is None:
        pytest.skip("no ffmpeg is installed beside the bundled one")
    source = _source(tmp_path, *_X264, "-c:a", "aac")
    offset = 16_776.7
    events = asyncio.run(_publish(program, source, ("-output_ts_offset", str(offset))))
    video = _video(_media(events))
    assert video.units[0][0] < 0xFFFFFF < video.units[-1][0]
    _assert_same(video, source, 0, offset=offset * 1e3)
    _assert_same(_audio(_media(events)), source, 1, offset=offset * 1e3)


def test_a_connection_carries_the_same_tags_as_a_file(tmp_path: Path) -> None:
    source = _source(tmp_path, *_X265, "-tag:v", "hvc1", "-c:a", "libopus")
    path = tmp_path / "same.flv"
    _run(_NEW, "-i", str(source), "-c", "copy", "-flvflags", "no_duration_filesize", str(path))
    sent = _media(asyncio.run(_publish(_NEW, source, ("-rtmp_enhanced_codecs", "hvc1,Opus"))))
    assert sent == [tag for tag in read_flv(path) if tag.type is not TagType.SCRIPT]


def test_an_encoder_shows_the_words_of_a_refusal() -> None:
    async def story() -> tuple[int | None, bytes]:
        async with listening("This stream key is not valid.") as door:
            process = await asyncio.create_subprocess_exec(
                _NEW, "-v", "error", "-nostdin", "-f", "lavfi", "-i", _SOUND,
                "-f", "flv", f"rtmp://127.0.0.1:{door.port}/live/wrong",
                stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            _, errors = await asyncio.wait_for(process.communicate(), 30)
            return process.returncode, errors

    code, errors = asyncio.run(story())
    assert code != 0
    assert b"This stream key is not valid." in errors
