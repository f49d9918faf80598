"""Real encoders: samples made once by the available ffmpeg programs, published in real time.

Samples are copied, not encoded, when published (`ffmpeg -re -c copy`), which costs next to nothing.
"""

from __future__ import annotations

import functools
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.samples import PROGRAMS

FRAME_RATE = 30

AVC = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-sc_threshold", "0")
HEVC = ("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
HEVC_LOW_DELAY = ("-x265-params", "log-level=error:bframes=0:keyint=60:min-keyint=60:scenecut=0")
AV1 = ("-c:v", "libsvtav1", "-preset", "11", "-pix_fmt", "yuv420p")
AV1_LOW_DELAY = ("-svtav1-params", "pred-struct=1")
VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-pix_fmt", "yuv420p")
AAC = ("-c:a", "aac", "-b:a", "96k")
OPUS = ("-c:a", "libopus", "-b:a", "96k")
FLAC = ("-c:a", "flac", "-strict", "-2")
AC3 = ("-c:a", "ac3")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Recipe of a sample. `picture` and `sound` are encoder options; without them the stream lacks
    that medium. `height` in pixels (16:9), `key_interval` and `length` in seconds. A browser has to
    decode and paint every picture, so `frame_rate` is low where one watches."""

    picture: tuple[str, ...] = AVC
    sound: tuple[str, ...] = AAC
    program: str = "bundled"
    height: int = 180
    key_interval: float = 2.0
    length: float = 45.0
    frame_rate: int = FRAME_RATE


@functools.cache
def sample(recipe: Recipe) -> Path:
    """Return the file of a recipe, made once per process."""
    path = _folder() / f"{_folder_size()}.mkv"
    width = round(recipe.height * 16 / 9 / 2) * 2
    inputs: list[str] = []
    options: list[str] = []
    if recipe.picture:
        inputs += ["-f", "lavfi", "-i", f"testsrc2=s={width}x{recipe.height}:r={recipe.frame_rate}"]
        interval = str(round(recipe.key_interval * recipe.frame_rate))
        options += [*recipe.picture, "-g", interval, "-keyint_min", interval]
    if recipe.sound:
        inputs += ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]
        options += [*recipe.sound, "-ac", "2"]
    subprocess.run(
        [
            *(PROGRAMS[recipe.program], "-v", "error", "-nostdin", *inputs),
            *("-t", str(recipe.length), *options, str(path)),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return path


def flv(source: Path) -> Path:
    """Return the sample as an FLV file, for publishers that read tags."""
    path = source.with_suffix(".flv")
    if not path.exists():
        command = [PROGRAMS["bundled"], "-v", "error", "-nostdin", "-i", str(source)]
        subprocess.run([*command, "-c", "copy", str(path)], check=True, timeout=60)
    return path


class Encoder:
    """An ffmpeg that publishes until it is stopped or at the end of its input."""

    def __init__(self, command: list[str]) -> None:
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115  # closed by `close`
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._log
        )

    @property
    def running(self) -> bool:
        """True while the process runs."""
        return self._process.poll() is None

    def said(self) -> str:
        """Output of ffmpeg so far, which includes the station's reason of a refusal."""
        self._log.seek(0)
        return self._log.read()

    def ended(self, within: float = 45.0) -> str:
        """Wait until it ends by itself, and return its output."""
        self._process.wait(within)
        return self.said()

    def finish(self) -> None:
        """End the stream in order."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(10)

    def vanish(self) -> None:
        """Kill it: the connection breaks without notice."""
        self._process.kill()
        self._process.wait(10)

    def freeze(self) -> None:
        """Freeze it: no data, no close, like a cut cable."""
        self._process.send_signal(signal.SIGSTOP)

    def close(self) -> None:
        """Kill it and close its pipes."""
        if self.running:
            self._process.kill()  # also ends a frozen process
            self._process.wait(10)
        self._log.close()


@contextmanager
def publish(
    source: Path, url: str, *options: str, program: str = "bundled", loop: bool = False
) -> Iterator[Encoder]:
    """Publish the file `source` to `url` in real time; `options` go before the output.

    With `loop` it never ends.
    """
    encoder = Encoder(
        [
            *(PROGRAMS[program], "-hide_banner", "-nostdin", "-loglevel", "warning", "-re"),
            *(("-stream_loop", "-1") if loop else ()),
            *("-i", str(source), "-c", "copy", *options, "-f", "flv", url),
        ]
    )
    try:
        yield encoder
    finally:
        encoder.close()


@functools.cache
def _temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="madang-samples-")


def _folder() -> Path:
    return Path(_temporary().name)


def _folder_size() -> int:
    return sum(1 for _ in _folder().iterdir())
