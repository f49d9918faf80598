"""Pictures made to cost much: a small file that unpacks to gigabytes."""

from __future__ import annotations

import io
import resource
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from PIL import Image

if TYPE_CHECKING:
    from madang.station.config.settings import Settings


def gif(side: int, frames: int) -> bytes:
    """A GIF whose frames change one pixel each of a large canvas: some 23 bytes a frame."""
    head = b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"\x21\xf9\x04\x08\x02\x00\x00\x00\x2c%b\x02\x02\x44\x01\x00"
    return (
        head
        + b"".join(frame % struct.pack("<HHHHB", at, 0, 1, 1, 0) for at in range(frames))
        + b";"
    )


def png(side: int) -> bytes:
    output = io.BytesIO()
    Image.new("1", (side, side)).save(output, "PNG")
    return output.getvalue()


@pytest.mark.parametrize(
    ("data", "limit"),
    [
        (gif(4096, 60), "pixels"),
        (gif(600, 60), "pixels"),
        (gif(10, 61), "frames"),
        (png(4097), "side"),
    ],
)
def test_a_bomb_is_refused_by_its_headers(data: bytes, limit: str) -> None:
    from madang.apps.chat import emote_decoder

    assert len(data) < 60_000
    with pytest.raises(emote_decoder.Refused) as refused:
        emote_decoder.scaled(data)
    assert refused.value.limit == limit


def test_the_largest_picture_fits_the_limits_of_the_decoder(station: Settings) -> None:
    from madang.apps.chat import emotes

    picture, width, height = emotes.resized(png(4096))
    assert (width, height) == (112, 112)
    assert picture.startswith(b"RIFF")


def test_a_decoder_has_limits_and_no_environment(station: Settings) -> None:
    from madang.apps.chat import emote_decoder, emotes

    probe = (
        "import runpy, resource, sys\n"
        "module = runpy.run_path(sys.argv[1])\n"
        "module['limit_resources']()\n"
        "for name in ('RLIMIT_CPU', 'RLIMIT_FSIZE'):\n"
        "    print(resource.getrlimit(getattr(resource, name)))\n"
        "try: bytearray(module['MEMORY'])\n"
        "except MemoryError: print('no memory')\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", probe, str(emotes.DECODER)],
        capture_output=True, text=True, check=True, env={},
    )  # fmt: skip
    cpu = emote_decoder.CPU
    assert done.stdout == f"({cpu}, {cpu})\n(0, 0)\nno memory\n"
    assert resource.getrlimit(resource.RLIMIT_FSIZE) != (0, 0)


def test_one_picture_is_decoded_at_a_time(station: Settings) -> None:
    from madang.apps.chat import emotes
    from madang.apps.chat.errors import DecoderBusy

    with emotes.DECODING, pytest.raises(DecoderBusy):
        emotes.resized(png(10), patience=0.0)
    with emotes.UPLOADS, emotes.UPLOADS, emotes.UPLOADS, pytest.raises(DecoderBusy):
        emotes.resized(png(10))
    assert emotes.resized(png(10))[1:] == (112, 112)
