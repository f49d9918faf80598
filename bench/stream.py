"""Streams sent to every server: made once, cached in `.local/bench`, sent in real time."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import imageio_ffmpeg

from bench.processes import LOAD_CORE, BenchFailed, Child, running

CACHE: Final = Path(__file__).resolve().parent.parent / ".local" / "bench"
FRAME_RATE: Final = 30
KEY_INTERVAL: Final = 2.0
"""Seconds between key frames, as platforms ask of encoders."""

AUDIO_RATE: Final = 128_000
LENGTH: Final = 20
"""Seconds; played in a loop."""


def ffmpeg() -> str:
    """Return the system's ffmpeg, else the one that comes with the station."""
    return shutil.which("ffmpeg") or str(imageio_ffmpeg.get_ffmpeg_exe())


@dataclass(frozen=True, slots=True)
class Sample:
    """720p30 H.264 and AAC of `bit_rate` bits per second in an FLV file."""

    path: Path
    bit_rate: int

    @property
    def conditions(self) -> dict[str, object]:
        """Return what reports say of it."""
        description = "720p30 H.264 and AAC, a key frame every 2 s"
        return {"stream": description, "bit_rate": self.bit_rate}


def sample(bit_rate: int) -> Sample:
    """Return the sample of about `bit_rate`, made if it is not cached. Raises BenchFailed."""
    path = CACHE / f"720p30-{bit_rate // 1000}k.flv"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".part")
        done = subprocess.run(
            [*_encode(bit_rate - AUDIO_RATE), str(draft)], capture_output=True, check=False
        )
        if done.returncode:
            raise BenchFailed(f"ffmpeg made no sample: {done.stderr.decode(errors='replace')}")
        draft.rename(path)
    return Sample(path, round(path.stat().st_size * 8 / LENGTH))


def looped(stream: Sample, loops: int, folder: Path) -> Path:
    """Return an MP4 file in `folder` with `stream` so many times. Raises BenchFailed."""
    file = folder / "file.mp4"
    done = subprocess.run(
        [
            *(ffmpeg(), "-loglevel", "error", "-stream_loop", str(loops - 1), "-i", stream.path),
            *("-c", "copy", "-movflags", "+faststart", file),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise BenchFailed(f"ffmpeg made no file: {done.stderr.decode(errors='replace')}")
    return file


def _encode(video_rate: int) -> list[str]:
    gop = str(round(FRAME_RATE * KEY_INTERVAL))
    # Noise makes every frame cost its share, as in a camera's picture.
    picture = f"testsrc2=s=1280x720:r={FRAME_RATE},noise=alls=12:allf=t,format=yuv420p"
    return [
        *(ffmpeg(), "-y", "-loglevel", "error", "-nostdin"),
        *("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "sine=f=330:r=48000"),
        *("-t", str(LENGTH), "-c:v", "libx264", "-preset", "superfast", "-profile:v", "main"),
        *("-g", gop, "-keyint_min", gop, "-sc_threshold", "0", "-bf", "0"),
        *("-b:v", str(video_rate), "-minrate", str(video_rate), "-maxrate", str(video_rate)),
        *("-bufsize", str(video_rate), "-x264-params", "nal-hrd=cbr"),
        *("-c:a", "aac", "-b:a", str(AUDIO_RATE), "-ac", "2", "-f", "flv"),
    ]


@contextlib.contextmanager
def publishing(stream: Sample, url: str, folder: Path) -> Iterator[Child]:
    """Send `stream` to `url` over RTMP in real time, over and over, while the block lasts."""
    command: list[str | Path] = [
        *(ffmpeg(), "-loglevel", "error", "-nostdin", "-re", "-stream_loop", "-1"),
        *("-i", stream.path, "-c", "copy", "-f", "flv", url),
    ]
    with running("the publisher", command, core=LOAD_CORE, log=folder / "publisher.log") as child:
        yield child
