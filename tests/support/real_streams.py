"""Streams of a real encoder as tags with times, made once per process and sent without sockets."""

from __future__ import annotations

import functools
import random
import subprocess
from collections.abc import Iterable, Iterator, Sequence
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


def bit_rate(sent: Sequence[Sent]) -> float:
    """Return bits per second of a stream."""
    return sum(len(item.tag.body) for item in sent) * 8 / sent[-1].at


def through_link(
    sent: Sequence[Sent], share: float, *, packet: int = 1448, changes: Sequence[float] = (1.0,)
) -> Iterator[Sent]:
    """Yield the tags as they arrive over a link that buffers without limit.

    The link has `share` of the stream's bit rate, times one of `changes` each second in turn. What
    is in a `packet` of so many bytes arrives at once.
    """
    rate = bit_rate(sent) * share
    free = 0.0
    left = 0
    for item in sent:
        free = max(free, item.at)
        left -= len(item.tag.body)
        while left < 0:
            free += packet * 8 / (rate * changes[int(free) % len(changes)])
            left += packet
        yield replace(item, at=free)


def from_slow_processor(sent: Iterable[Sent], speed: float) -> Iterator[Sent]:
    """Yield the tags as an encoder makes them that takes as long for every picture.

    It needs 1 / `speed` of the time that there is, more or less by a quarter.
    """
    varies = random.Random(1)
    made = last = 0.0
    for item in sent:
        made = max(item.at, made + (item.at - last) / speed * varies.uniform(0.75, 1.25))
        last = item.at
        yield replace(item, at=made)
