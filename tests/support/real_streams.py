"""Streams of a real encoder as tags with times, made once per process and sent without sockets."""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import replace

from madang.wire.flv import FlvReader
from tests.support.broadcast import Sent
from tests.support.samples import PROGRAMS

SIZE = "160x90"
RATE = 25
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-sc_threshold", "0")
AAC = ("-c:a", "aac", "-b:a", "64k")


@functools.cache
def real_stream(
    picture: tuple[str, ...] | None = (*X264, "-g", "50", "-bf", "0"),
    sound: tuple[str, ...] | None = AAC,
    *,
    seconds: float = 12.0,
    source: str = f"testsrc2=s={SIZE}:r={RATE}",
) -> tuple[Sent, ...]:
    """Return tags that arrive at the time of their stamps.

    `picture` and `sound` are encoder options, None for a stream without.
    """
    inputs: list[str] = []
    options: list[str] = []
    if picture is not None:
        inputs += ["-f", "lavfi", "-i", source]
        options += picture
    if sound is not None:
        inputs += ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]
        options += sound
    made = subprocess.run(
        [
            *(PROGRAMS["bundled"], "-v", "error", "-nostdin", *inputs, "-t", str(seconds)),
            *(*options, "-f", "flv", "-flvflags", "no_duration_filesize", "pipe:1"),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    tags = FlvReader().receive(made.stdout)
    return tuple(Sent(tag.timestamp / 1000, tag) for tag in tags)


def through_link(sent: Iterable[Sent], bits_per_second: float) -> Iterator[Sent]:
    """Yield the tags as they arrive over a link that buffers without limit."""
    free = 0.0
    for item in sent:
        free = max(free, item.at) + len(item.tag.body) * 8 / bits_per_second
        yield replace(item, at=free)
