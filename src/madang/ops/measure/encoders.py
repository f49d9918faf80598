"""Cost of encoding: CPU seconds per second of video with the motion of a camera picture."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from madang.ops.measure.errors import MeasureFailed

VIDEO_SECONDS: Final = 4
"""Length of the encoded video: two key-frame intervals."""

_VIDEO_SOURCE: Final = "testsrc2=s=1280x720:r=30,noise=alls=12:allf=t,format=yuv420p"
_AUDIO_SOURCE: Final = "sine=f=330:r=48000"


def make_video(program: str, path: Path, rate: int, seconds: int = VIDEO_SECONDS) -> Path:
    """Encode 720p30 at `rate` bits per second: H.264 with key frames every 2 s, and AAC."""
    _run(
        [
            *(program, "-y", "-loglevel", "error", "-nostdin"),
            *("-f", "lavfi", "-i", _VIDEO_SOURCE, "-f", "lavfi", "-i", _AUDIO_SOURCE),
            *("-t", str(seconds), "-c:v", "libx264", "-preset", "superfast"),
            *("-profile:v", "main", "-g", "60", "-keyint_min", "60", "-sc_threshold", "0"),
            *("-bf", "0", "-b:v", str(rate)),
            *("-minrate", str(rate), "-maxrate", str(rate), "-bufsize", str(rate)),
            *("-x264-params", "nal-hrd=cbr", "-c:a", "aac", "-b:a", "64000", "-f", "flv"),
            str(path),
        ]
    )
    return path


def ladder(program: str, source: Path, heights: Sequence[int]) -> float:
    """Return the cores for live renditions of these heights, decoding included."""
    command = [program, "-y", "-loglevel", "error", "-nostdin", "-i", str(source)]
    for height in heights:
        rate = round(height * height * 16 / 9 * 30 * 0.09)
        command += [
            *("-map", "0:v:0", "-vf", f"scale=-2:{height}", "-c:v", "libx264"),
            *("-preset", "veryfast", "-tune", "zerolatency", "-b:v", str(rate)),
            *("-maxrate", str(rate * 5 // 4), "-bufsize", str(rate), "-f", "null", "-"),
        ]
    return _run(command) / VIDEO_SECONDS


def archive(program: str, source: Path, codec: str) -> float:
    """Return the core-hours for an hour of video archived in `codec`, h265 or av1."""
    encoder = {
        "h265": ("libx265", "-preset", "fast", "-crf", "26", "-x265-params", "log-level=none"),
        "av1": ("libsvtav1", "-preset", "8", "-crf", "35"),
    }[codec]
    command = [program, "-y", "-loglevel", "error", "-nostdin", "-i", str(source), "-map", "0:v:0"]
    quiet = {**os.environ, "SVT_LOG": "1"}
    return _run([*command, "-c:v", *encoder, "-f", "null", "-"], quiet) / VIDEO_SECONDS


def _run(command: Sequence[str], environment: dict[str, str] | None = None) -> float:
    """Run the command and return its CPU seconds. Raises MeasureFailed."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
    except OSError as error:
        raise MeasureFailed(f"{command[0]} cannot be started: {error.strerror}.") from None
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise MeasureFailed(f"ffmpeg ended with {process.returncode}.")
    return usage.ru_utime + usage.ru_stime
