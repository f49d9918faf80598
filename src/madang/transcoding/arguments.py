"""Commands of ffmpeg. Times of what they make begin at an origin, whatever the file began at.

Files are given as descriptors that are open already. Output is fragmented MP4 on descriptors.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from madang.transcoding.playable import copies_audio
from madang.transcoding.renditions import SEGMENT_SECONDS, Rendition
from madang.transcoding.source import INTERLACED, AudioStream, Source, TextStream, VideoStream

_LEAST_ORIGIN: Final = 20
_REORDERED: Final = 20
"""Seconds, and pictures, that are before the first at least: see `origin_of`."""

LONGEST_FRAGMENT: Final = 10.0
"""Seconds after which a fragment ends, key frame or not."""

SOUND_BITRATE: Final = 160_000
_MAX_CHANNELS: Final = 2
_RATES: Final = (48_000, 44_100, 32_000, 24_000, 22_050, 16_000)
"""Sample rates of sound that is encoded, in Hz; others become the first."""

_TIMESCALE: Final = 90_000

_SEEK_MARGIN: Final = 1.0
"""Seconds before the first picture at which decoding begins at the latest."""

_LEAST_INTERVAL: Final = 0.0005
"""Seconds that are less than those between two pictures, and more than a rounded time is off."""

_KEY_FRAMES: Final = (
    f"expr:if(isnan(prev_forced_t),1,gte(floor((t+{_LEAST_INTERVAL})/{SEGMENT_SECONDS}),"
    f"floor((prev_forced_t+{_LEAST_INTERVAL})/{SEGMENT_SECONDS})+1))"
)
"""One in each segment; `t` is the time since the first picture that is encoded."""

_SLOW: Final = 5
"""Pictures per second below which none waits for the next one."""

_THREADS: Final = "4"
"""Threads of each decoder, encoder and filter graph: memory grows with them."""

POSTER_WIDTH: Final = 1280

_INTEGRATED: Final = re.compile(r"^ *I: +(-?[\d.]+|-?inf|-?nan) LUFS", re.MULTILINE)

_TAGS: Final = {"hevc": "hvc1"}
"""Sample entries where ffmpeg's own is one that Apple's players refuse."""

_TO_SDR: Final = (
    "zscale=tin={transfer}:pin=bt2020:min=bt2020nc:rin={range}:t=linear:npl=100",
    "format=gbrpf32le",
    "zscale=p=bt709",
    "tonemap=hable:desat=0",
    "zscale=t=bt709:m=bt709:r=limited",
)
_TRANSFERS: Final = {"PQ": "smpte2084", "HLG": "arib-std-b67"}

# `delay_moov`: of a transport stream the configuration is known behind the first samples.
_FLAGS: Final = "empty_moov+delay_moov+default_base_moof+frag_keyframe+frag_discont+skip_trailer"
_FRAGMENTED: Final = (
    *("-movflags", _FLAGS),
    *(
        "-write_tmcd",
        "0",
        "-use_editlist",
        "0",
        "-avoid_negative_ts",
        "disabled",
        "-flush_packets",
        "0",
        "-f",
        "mp4",
    ),
)
_COMMON: Final = ("-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning")


@dataclass(frozen=True, slots=True)
class Input:
    """A file by its descriptor and its container, as ffmpeg names it. `truncated`: its last
    picture may be there in part."""

    descriptor: int
    format: str
    truncated: bool = False

    @property
    def arguments(self) -> tuple[str, ...]:
        """Arguments that open it, and nothing else whatever is in it."""
        whole = ("-fflags", "+discardcorrupt") if self.truncated else ()
        return (
            *whole,
            *("-protocol_whitelist", "fd,pipe", "-format_whitelist", self.format),
            *("-fd", str(self.descriptor), "-i", "fd:"),
        )


def origin_of(picture: VideoStream | None) -> int:
    """Return the time in seconds at which the media of a file begins in what is made of it.

    Decode times are before presentation times, by some pictures, and encoders of sound begin with
    some silence: none of them may be negative.
    """
    rate = None if picture is None else picture.average_rate
    return _LEAST_ORIGIN if rate is None else max(_LEAST_ORIGIN, math.ceil(_REORDERED / rate))


def package(source: Source, file: Input, out: int) -> list[str]:
    """Return the arguments that package picture and sound as they are; sound that browsers do not
    play is encoded."""
    arguments = [*_COMMON, *file.arguments]
    if (picture := source.picture) is not None:
        arguments += ["-map", f"0:{picture.index}", "-c:v", "copy"]
        if picture.codec in _TAGS:
            arguments += ["-tag:v", _TAGS[picture.codec]]
    if (sound := source.sound) is not None:
        arguments += ["-map", f"0:{sound.index}", *_sound(sound)]
    return [*arguments, *_output(out, origin_of(picture), sound_alone=picture is None)]


def join(picture: Input, sound: Input | None, origin: float, out: int) -> list[str]:
    """Return the arguments that join pictures, at the times that they have, and the sound of a
    file whose first second is at `origin`."""
    arguments = [*_COMMON, "-copyts", *picture.arguments]
    maps = ["-map", "0:v:0"]
    if sound is not None:
        arguments += ["-itsoffset", f"{origin:.6f}", *sound.arguments]
        maps += ["-map", "1:a:0?"]
    arguments += [*maps, "-c", "copy"]
    return [*arguments, *_output(out, None, sound_alone=False)]


def sound_alone(sound: AudioStream, file: Input, origin: float, out: int) -> list[str]:
    """Return the arguments that package one sound track; the first second of the file is at
    `origin`."""
    arguments = [*_COMMON, *file.arguments, "-map", f"0:{sound.index}", *_sound(sound)]
    return [*arguments, *_output(out, origin, sound_alone=True)]


def transcode(
    picture: VideoStream,
    file: Input,
    outputs: Sequence[tuple[Rendition, int]],
    *,
    origin: float,
    begin: float = 0.0,
) -> list[str]:
    """Return the arguments that encode the pictures from `begin` on, in seconds from the first of
    the file, for all outputs at once: a rendition and the descriptor for it.

    The first second of the file is at `origin` in the outputs. Each picture stays at its time and
    none is added, so that all outputs have the same; key frames are in the first of every
    SEGMENT_SECONDS.
    """
    arguments = [*_COMMON, "-filter_complex_threads", _THREADS, "-copyts", "-start_at_zero"]
    if begin:
        arguments += ["-noaccurate_seek", "-ss", f"{max(0.0, begin - _SEEK_MARGIN):.6f}"]
    arguments += [
        "-threads",
        _THREADS,
        *file.arguments,
        "-filter_complex",
        _graph(picture, outputs, begin),
    ]
    slow = picture.average_rate is not None and picture.average_rate < _SLOW
    for number, (rendition, out) in enumerate(outputs):
        rate = rendition.peak_bitrate
        arguments += [
            *("-map", f"[out{number}]", "-c:v", "libx264", "-threads", _THREADS),
            *("-preset", "veryfast", "-profile:v", "high", "-crf", "23"),
            *("-maxrate", str(rate), "-bufsize", str(2 * rate)),
            *(("-bf", "0") if slow else ()),
            *("-sc_threshold", "0", "-g", "9999", "-forced-idr", "1"),
            *("-force_key_frames", _KEY_FRAMES, "-fps_mode", "passthrough"),
            *("-enc_time_base", "filter", "-video_track_timescale", str(_TIMESCALE)),
            *_output(out, origin, sound_alone=False),
        ]
    return arguments


def loudness(sound: AudioStream, file: Input, out: int) -> list[str]:
    """Return the arguments that measure the loudness of a track and print it at the end; progress
    is written to `out`."""
    arguments = [
        *_COMMON,
        "-progress",
        f"pipe:{out}",
        "-loglevel",
        "info",
        *file.arguments,
        "-map",
        f"0:{sound.index}",
    ]
    return [*arguments, "-vn", "-af", "ebur128=framelog=quiet", "-f", "null", "-"]


def read_loudness(text: str) -> float | None:
    """Return the integrated loudness that ffmpeg printed, in LUFS (EBU R 128); None for silence.

    The filter's lower gate is -70: what is not louder was not measured.
    """
    found = _INTEGRATED.findall(text)
    loudness = float(found[-1]) if found else -70.0
    return loudness if -70.0 < loudness < 70.0 else None


def read_progress(line: str) -> float | None:
    """Return the seconds that a line of ffmpeg's progress says are done."""
    name, _, value = line.strip().partition("=")
    return int(value) / 1e6 if name == "out_time_us" and value.isdecimal() else None


def poster(picture: VideoStream, file: Input, at: float, out: int) -> list[str]:
    """Return the arguments that write one picture as JPEG, at most POSTER_WIDTH wide."""
    chain = [*_corrected(picture), *_sdr(picture), f"scale='min({POSTER_WIDTH},iw*sar)':-2"]
    return [
        *(*_COMMON, "-ss", f"{at:.3f}", *file.arguments, "-map", "0:v:0", "-frames:v", "1"),
        *("-vf", ",".join((*chain, "setsar=1")), "-c:v", "mjpeg", "-q:v", "4"),
        *("-pix_fmt", "yuvj420p", "-f", "image2pipe", f"pipe:{out}"),
    ]


def subtitles(file: Input, outputs: Sequence[tuple[TextStream, int]]) -> list[str]:
    """Return the arguments that write text tracks as WebVTT, each to its descriptor."""
    arguments = [*_COMMON, *file.arguments]
    for stream, out in outputs:
        arguments += ["-map", f"0:{stream.index}", "-c:s", "webvtt", "-f", "webvtt", f"pipe:{out}"]
    return arguments


def sheets(
    file: Input,
    out: int,
    *,
    size: tuple[int, int],
    tile: tuple[int, int],
    grid: tuple[int, int],
    count: int,
    video_range: str,
) -> list[str]:
    """Return the arguments that write `count` sheets of pictures as JPEG, one behind the other.

    `file` has a picture for each second; one that cannot be decoded is the one before. Each is
    scaled to `size`, in the middle of a `tile`; `grid` has columns and rows.
    """
    chain = [
        "fps=1:start_time=0",
        "scale={}:{}".format(*size),  # before tone mapping, which costs most
        *_tone_mapped(video_range, "limited"),
        "setsar=1",
        "pad={}:{}:(ow-iw)/2:(oh-ih)/2".format(*tile),
        "tile={}x{}".format(*grid),
    ]
    return [
        *(*_COMMON, "-copyts", "-threads", _THREADS, *file.arguments, "-map", "0:v:0"),
        *("-vf", ",".join(chain), "-frames:v", str(count), "-c:v", "mjpeg", "-q:v", "5"),
        *("-pix_fmt", "yuvj420p", "-f", "image2pipe", f"pipe:{out}"),
    ]


def _sound(sound: AudioStream) -> list[str]:
    if copies_audio(sound):
        unframed = ["-bsf:a", "aac_adtstoasc"] if sound.codec == "aac" else []
        return ["-c:a", "copy", *unframed]
    rate = sound.sample_rate if sound.sample_rate in _RATES else _RATES[0]
    channels = max(1, min(sound.channels, _MAX_CHANNELS))
    encoder = ["-c:a", "aac", "-b:a", str(SOUND_BITRATE)]
    return [*encoder, "-ar", str(rate), "-ac", str(channels)]


def _output(out: int, origin: float | None, *, sound_alone: bool) -> list[str]:
    longest = SEGMENT_SECONDS if sound_alone else LONGEST_FRAGMENT
    shift = [] if origin is None else ["-output_ts_offset", f"{origin:.6f}"]
    return [*_FRAGMENTED, *shift, "-frag_duration", str(round(longest * 1e6)), f"pipe:{out}"]


def _graph(picture: VideoStream, outputs: Sequence[tuple[Rendition, int]], begin: float) -> str:
    """Return the filters: what all need once, and then a size for each."""
    largest = outputs[0][0]
    once = [f"trim=start={begin - _LEAST_INTERVAL:.6f}"] if begin else []
    once += _corrected(picture)
    if picture.hdr:
        # Of fewer pixels: it is what costs most.
        once += [f"scale={largest.width}:{largest.height}:flags=bicubic", *_sdr(picture)]
    pads = [f"[pad{number}]" for number in range(len(outputs))]
    once += ["format=yuv420p", f"split={len(outputs)}"]
    graph = [f"[0:{picture.index}]" + ",".join(once) + "".join(pads)]
    for number, (rendition, _) in enumerate(outputs):
        size = f"{rendition.width}:{rendition.height}"
        scale = f"scale={size}:flags=bicubic:out_range=limited"
        graph.append(f"{pads[number]}{scale},format=yuv420p,setsar=1[out{number}]")
    return ";".join(graph)


def _corrected(picture: VideoStream) -> list[str]:
    return ["bwdif=mode=send_frame:deint=all"] if picture.field_order == INTERLACED else []


def _sdr(picture: VideoStream) -> list[str]:
    full = "full" if picture.color.full_range else "limited"
    return _tone_mapped(picture.color.video_range, full)


def _tone_mapped(video_range: str, levels: str) -> list[str]:
    transfer = _TRANSFERS.get(video_range)
    if transfer is None:
        return []
    return [_TO_SDR[0].format(transfer=transfer, range=levels), *_TO_SDR[1:]]
