"""Program that reads a picture from standard input and writes an emote to standard output, or with
the argument `poster` the poster of a video.

Pictures come from strangers, and a file of a kilobyte can unpack to gigabytes. So they are decoded
in a process that has limits of its own, and no secrets: it is started by its path, imports nothing
of the station and gets no environment. `emotes` starts it.

The output is one line of JSON, `{"width", "height"}` or `{"refused", "most"}`, and the file: WebP
for an emote, JPEG for a poster.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import warnings
from typing import Any, Final

CPU: Final = 5
"""Seconds of processor time; the largest picture that is accepted takes a tenth of it."""

MEMORY: Final = 768 << 20
"""Bytes of address space; `MOST_PIXELS` and their copies take a third of it."""

NICENESS: Final = 10

LARGEST_SIDE: Final = 4096
"""Pixels of an upload."""

MOST_PIXELS: Final = 20_000_000
"""Pixels of all frames together: 4096 x 4096, or 60 frames of 512 x 512."""

MOST_FRAMES: Final = 60

WIDEST: Final = 3
"""Times its height."""

HEIGHT: Final = 112
"""Pixels: four times the height in a line of text, for dense screens."""

POSTER: Final = "poster"
POSTER_SIZE: Final = (1280, 1280)
"""Argument for a poster, and its size at most."""

FORMATS: Final = ("PNG", "GIF", "WEBP", "JPEG")


class Refused(Exception):
    """The picture exceeds the limit `limit`, whose value is `most`."""

    def __init__(self, limit: str, most: int) -> None:
        super().__init__(limit)
        self.limit = limit
        self.most = most


def limit_resources() -> None:
    """Limit processor time, memory and files of this process."""
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU, CPU))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def scaled(data: bytes) -> tuple[bytes, int, int]:
    """Return a picture as WebP with `HEIGHT`, and its width and height in pixels.

    The format comes from the content. Raises Refused, and what Pillow raises for broken files.
    """
    from PIL import Image, ImageSequence  # after the limits are in force

    warnings.simplefilter("error", Image.DecompressionBombWarning)
    with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
        width, height = _checked(opened)
        size = (max(1, round(width * HEIGHT / height)), HEIGHT)
        frames: list[Image.Image] = []
        times: list[int] = []
        for frame in ImageSequence.Iterator(opened):
            times.append(int(frame.info.get("duration", 100) or 100))
            frames.append(frame.convert("RGBA").resize(size, Image.Resampling.LANCZOS))
    output = io.BytesIO()
    moving = {"save_all": True, "append_images": frames[1:], "duration": times, "loop": 0}
    frames[0].save(output, "WEBP", quality=85, method=4, **(moving if len(frames) > 1 else {}))
    return output.getvalue(), *size


def poster(data: bytes) -> tuple[bytes, int, int]:
    """Return a picture upright as JPEG within POSTER_SIZE, never enlarged, and its width and height
    in pixels. Of one that moves it is the first frame. Raises as `scaled` does."""
    from PIL import Image, ImageOps  # after the limits are in force

    warnings.simplefilter("error", Image.DecompressionBombWarning)
    with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
        _checked(opened)
        upright = ImageOps.exif_transpose(opened).convert("RGBA")
    upright.thumbnail(POSTER_SIZE, Image.Resampling.LANCZOS)
    plain = Image.new("RGB", upright.size)
    plain.paste(upright, mask=upright)
    output = io.BytesIO()
    plain.save(output, "JPEG", quality=85)
    return output.getvalue(), *plain.size


def _checked(opened: Any) -> tuple[int, int]:
    """Return width and height of a picture. Raises Refused."""
    width, height = opened.size
    if max(width, height) > LARGEST_SIDE or min(width, height) < 1:
        raise Refused("side", LARGEST_SIDE)
    if width > WIDEST * height or height > WIDEST * width:
        raise Refused("shape", WIDEST)
    count = getattr(opened, "n_frames", 1)  # reads the headers of all frames, no pixels
    if count > MOST_FRAMES:
        raise Refused("frames", MOST_FRAMES)
    if count * width * height > MOST_PIXELS:
        raise Refused("pixels", MOST_PIXELS)
    return width, height


def main() -> None:
    """Convert standard input. A broken picture ends the program with a traceback."""
    limit_resources()
    try:
        convert = poster if sys.argv[1:] == [POSTER] else scaled
        picture, width, height = convert(sys.stdin.buffer.read())
    except Refused as refused:
        answer, picture = {"refused": refused.limit, "most": refused.most}, b""
    else:
        answer = {"width": width, "height": height}
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + picture)


if __name__ == "__main__":
    main()
