"""An encoder whose picture tells when it was drawn: `python -m bench.clock_publisher URL`.

Every frame shows the clock of `madang.station.demo`, drawn when the frame is due, as digits and as
blocks that the page's meter reads back. x264 works without look-ahead (`zerolatency`); the sound
is made as fast as the pictures come, so that it never holds them back.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Final

from bench.stream import FRAME_RATE, KEY_INTERVAL, ffmpeg
from madang.station.demo import clock

WIDTH: Final = 1280
HEIGHT: Final = 720
BIT_RATE: Final = 2_500_000

_CLOCK_HEIGHT: Final = round(clock.HEIGHT * WIDTH / clock.WIDTH / 2) * 2
"""Full width, even height as the subsampled chroma requires."""

_TOP: Final = (HEIGHT - _CLOCK_HEIGHT) // 2


def layout() -> dict[str, float]:
    """Return position and size of the blocks as shares of the picture, and their number of bits."""
    blocks_middle = clock.HEIGHT - clock.MARGIN - clock.BLOCK / 2
    return {
        "left": clock.MARGIN / clock.WIDTH,
        "width": clock.BITS * clock.BLOCK / clock.WIDTH,
        "middle": (_TOP + blocks_middle / clock.HEIGHT * _CLOCK_HEIGHT) / HEIGHT,
        "height": clock.BLOCK / 2 / clock.HEIGHT * _CLOCK_HEIGHT / HEIGHT,
        "bits": clock.BITS,
        "timeBits": clock.TIME_BITS,
    }


def arguments(url: str) -> list[str]:
    """Return the encoder's command, which reads clocks as grey pictures on standard input."""
    gop = str(round(FRAME_RATE * KEY_INTERVAL))
    graph = (
        f"[0:v]scale={WIDTH}:{_CLOCK_HEIGHT}:flags=neighbor,format=yuv420p,"
        f"pad={WIDTH}:{HEIGHT}:0:{_TOP},noise=c0s=10:c0f=t[picture]"
    )
    return [
        *(ffmpeg(), "-loglevel", "error"),
        *("-probesize", "32", "-analyzeduration", "0", "-fflags", "nobuffer"),
        *("-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{clock.WIDTH}x{clock.HEIGHT}"),
        *("-r", str(FRAME_RATE), "-i", "pipe:0"),
        *("-f", "lavfi", "-i", "sine=f=330:r=48000"),
        *("-filter_complex", graph, "-map", "[picture]", "-map", "1:a", "-shortest"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency"),
        *("-profile:v", "main", "-g", gop, "-keyint_min", gop, "-sc_threshold", "0"),
        *("-b:v", str(BIT_RATE), "-maxrate", str(BIT_RATE), "-bufsize", str(BIT_RATE // 4)),
        *("-c:a", "aac", "-b:a", "128k", "-ac", "2", "-flush_packets", "1", "-f", "flv", url),
    ]


def main(url: str) -> int:
    """Publish to `url` until SIGTERM or the end of the encoder; return its exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    encoder = subprocess.Popen(arguments(url), stdin=subprocess.PIPE)
    assert encoder.stdin is not None
    began = time.monotonic()
    frame = 0
    try:
        while encoder.poll() is None:
            now = datetime.now(UTC)
            text = now.strftime("%H:%M:%S.") + f"{now.microsecond // 1000:03d}"
            encoder.stdin.write(clock.draw(text, round(now.timestamp() * 1000)))
            encoder.stdin.flush()
            frame += 1
            time.sleep(max(0.0, began + frame / FRAME_RATE - time.monotonic()))
    except BrokenPipeError:
        pass  # the encoder ended: its exit code is the reason
    finally:
        encoder.terminate()
        with contextlib.suppress(BrokenPipeError):
            encoder.stdin.close()
        code = encoder.wait()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
