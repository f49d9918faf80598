"""Small encoded streams of every codec, made by the available ffmpeg programs.

Each is made once per process, as an MP4 file, and read back with PyAV.
"""

from __future__ import annotations

import dataclasses
import functools
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import av
import imageio_ffmpeg

from madang.media.configs import audio_track, video_track
from madang.media.track import AccessUnit, Codec, Track

PROGRAMS = {"system": "ffmpeg", "bundled": imageio_ffmpeg.get_ffmpeg_exe()}

WIDTH, HEIGHT, FRAME_RATE = 160, 90, 30

_PICTURE = ["-f", "lavfi", "-i", f"testsrc2=s={WIDTH}x{HEIGHT}:r={FRAME_RATE}"]
_SOUND = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]
_SURROUND = ["-f", "lavfi", "-i", "anoisesrc=r=48000:a=0.1", "-ac", "6"]
_420 = ["-g", "12", "-pix_fmt", "yuv420p"]
_X264 = ["-c:v", "libx264", "-preset", "ultrafast", *_420]
_X265 = ["-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", *_420]
_AOM = ["-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", *_420]
_VPX = ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", *_420]

RECIPES: dict[str, tuple[Codec, list[str]]] = {
    "avc": (Codec.AVC, [*_PICTURE, *_X264]),
    "avc-b-frames": (Codec.AVC, [*_PICTURE, *_X264, "-bf", "3", "-b_strategy", "0"]),
    "avc-444": (Codec.AVC, [*_PICTURE, "-c:v", "libx264", "-pix_fmt", "yuv444p"]),
    "avc-interlaced": (
        Codec.AVC,
        [*_PICTURE, *_X264, "-vf", "scale=160:108", "-flags", "+ildct+ilme"],
    ),
    "avc-anamorphic": (
        Codec.AVC,
        [*_PICTURE, *_X264, "-vf", "scale=144:108,setsar=4/3", "-flags", "+ildct+ilme"],
    ),
    "avc-turned": (
        Codec.AVC,
        [
            *(*_PICTURE, *_X264, "-bsf:v"),
            "h264_metadata=display_orientation=insert:rotate=90",  # anticlockwise
        ],
    ),
    "hevc": (Codec.HEVC, [*_PICTURE, *_X265, "-x265-params", "log-level=error:bframes=2"]),
    "av1": (Codec.AV1, [*_PICTURE, "-c:v", "libsvtav1", "-preset", "8", "-pix_fmt", "yuv420p"]),
    "av1-aom": (Codec.AV1, [*_PICTURE, *_AOM]),
    "vp9": (Codec.VP9, [*_PICTURE, *_VPX]),
    "aac": (Codec.AAC, [*_SOUND, "-c:a", "aac"]),
    "aac-surround": (Codec.AAC, [*_SURROUND, "-c:a", "aac"]),
    "opus": (Codec.OPUS, [*_SOUND, "-c:a", "libopus"]),
    "opus-surround": (Codec.OPUS, [*_SURROUND, "-c:a", "libopus", "-mapping_family", "1"]),
    "flac": (Codec.FLAC, [*_SOUND, "-c:a", "flac"]),
    "flac-96k": (Codec.FLAC, [*_SOUND, "-ar", "96000", "-c:a", "flac"]),
    "ac3": (Codec.AC3, [*_SOUND, "-c:a", "ac3"]),
    "ac3-surround": (Codec.AC3, [*_SURROUND, "-c:a", "ac3"]),
    "eac3": (Codec.EAC3, [*_SOUND, "-c:a", "eac3"]),
    "eac3-surround": (Codec.EAC3, [*_SURROUND, "-c:a", "eac3"]),
    "mp3": (Codec.MP3, [*_SOUND, "-c:a", "libmp3lame"]),
    "mp3-mpeg2": (Codec.MP3, [*_SOUND, "-ar", "24000", "-c:a", "libmp3lame"]),
}

SAMPLES = [(program, name) for name in RECIPES for program in PROGRAMS]
"""Every stream from every program: parameters for tests."""

_BOXES = {
    Codec.AVC: b"avcC",
    Codec.HEVC: b"hvcC",
    Codec.AV1: b"av1C",
    Codec.VP9: b"vpcC",
    Codec.OPUS: b"dOps",
    Codec.FLAC: b"dfLa",
    Codec.AC3: b"dac3",
    Codec.EAC3: b"dec3",
}
_BEFORE_STREAMINFO = 8


@dataclass(frozen=True, slots=True)
class Sample:
    """One stream.

    `config` is the configuration in Enhanced RTMP. `box_config` is the payload of the configuration
    box written by ffmpeg (STREAMINFO alone for FLAC; empty for AAC and MP3, which have another
    form). `stream` is PyAV's description of the file.
    """

    codec: Codec
    config: bytes
    box_config: bytes
    units: tuple[AccessUnit, ...]
    stream: Description

    @property
    def track(self) -> Track:
        """Track parsed by Madang."""
        if self.codec.is_video:
            return video_track(self.codec, self.config, self.units[0].data)
        return audio_track(self.codec, self.config, self.units[0].data)


@dataclass(frozen=True, slots=True)
class Description:
    """Codec parameters of a container, read by PyAV."""

    codec: str
    profile: str | None
    extradata: bytes
    timescale: int
    width: int = 0
    height: int = 0
    sample_rate: int = 0
    channels: int = 0


@dataclass(frozen=True, slots=True)
class Demuxed:
    """One stream of a container. The units' `duration` is set for video too."""

    stream: Description
    units: tuple[AccessUnit, ...]


def demux(source: Path) -> list[Demuxed]:
    """Return the streams of a file with all their packets, as stored in the container.

    Edit lists are ignored, and so are guesses of FFmpeg's parsers.
    """
    options = {"ignore_editlist": "1", "fflags": "noparse"}
    with av.open(str(source), options=options) as container:
        packets: list[list[AccessUnit]] = [[] for _ in container.streams]
        for packet in container.demux():
            if packet.size and packet.dts is not None and packet.pts is not None:
                packets[packet.stream.index].append(
                    AccessUnit(
                        dts=packet.dts,
                        pts=packet.pts,
                        key=packet.is_keyframe,
                        data=bytes(packet),
                        duration=packet.duration or 0,
                    )
                )
        return [
            Demuxed(_describe(stream), tuple(units))
            for stream, units in zip(container.streams, packets, strict=True)
        ]


@functools.cache
def sample(program: str, name: str) -> Sample:
    """Return a second of the stream `name` of `RECIPES`, encoded by `program` of `PROGRAMS`."""
    codec, arguments = RECIPES[name]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sample.mp4")
        quiet = [PROGRAMS[program], "-hide_banner", "-loglevel", "error"]
        output = ["-t", "1", "-strict", "experimental", "-video_track_timescale", "90000"]
        subprocess.run(
            [*quiet, *arguments, *output, str(path)], check=True, capture_output=True, timeout=120
        )
        (stream,) = demux(path)
        box_config = _box_payload(path.read_bytes(), codec)
    config = box_config if codec.is_video else stream.stream.extradata
    if codec is Codec.FLAC:
        box_config = box_config[_BEFORE_STREAMINFO:]
        config = b"fLaC\x80\0\0\x22" + config
    return Sample(codec, config, box_config, stream.units, stream.stream)


def _box_payload(data: bytes, codec: Codec) -> bytes:
    if codec not in _BOXES:
        return b""
    at = data.index(_BOXES[codec])
    return data[at + 4 : at - 4 + int.from_bytes(data[at - 4 : at], "big")]


def _describe(stream: av.stream.Stream) -> Description:
    assert stream.time_base is not None
    context = stream.codec_context
    known = Description(
        codec=context.name,
        profile=context.profile,
        extradata=context.extradata or b"",
        timescale=stream.time_base.denominator,
    )
    match stream:
        case av.VideoStream():
            return dataclasses.replace(known, width=stream.width, height=stream.height)
        case av.AudioStream():
            return dataclasses.replace(
                known, sample_rate=stream.sample_rate, channels=stream.channels
            )
    return known
