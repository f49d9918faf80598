"""Shape and colours of pictures: from the stream to the boxes that ffmpeg writes for it."""

from __future__ import annotations

import subprocess
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import pytest

from madang.media.configs import video_track
from madang.media.track import Codec, Color, VideoTrack
from madang.wire.fmp4 import init_segment
from tests.support.fmp4 import boxes
from tests.support.samples import PROGRAMS

PQ = (
    "-vf",
    "format=yuv420p,setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc",
)
WIDE = ("-vf", "setsar=64/45")
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error")
AV1 = ("-c:v", "libsvtav1", "-preset", "11", "-pix_fmt", "yuv420p")
VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-pix_fmt", "yuv420p")


def made(codec: Codec, *options: str) -> tuple[bytes, VideoTrack]:
    """Return a file of ffmpeg's, and the track that its configuration describes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "made.mp4")
        command = [PROGRAMS["bundled"], "-v", "error", "-f", "lavfi", "-i"]
        command += ["testsrc2=s=720x576:r=25", "-frames:v", "3", *options, str(path)]
        subprocess.run(command, check=True, timeout=60)
        data = path.read_bytes()
        with av.open(str(path)) as container:
            packet = next(container.demux())
    kind = {Codec.AVC: b"avcC", Codec.HEVC: b"hvcC", Codec.AV1: b"av1C", Codec.VP9: b"vpcC"}
    at = data.index(kind[codec])
    config = data[at + 4 : at - 4 + int.from_bytes(data[at - 4 : at], "big")]
    return data, video_track(codec, config, bytes(packet))


def payloads(data: bytes, wanted: bytes) -> list[bytes]:
    return [data[begin:end] for kind, begin, end in boxes(data) if kind == wanted]


def in_sample_entry(data: bytes, wanted: bytes) -> bytes:
    """Return the payload of a box in the description of a file's only track, empty without it."""
    (table,) = payloads(data, b"stsd")
    at = table.find(wanted)
    return table[at + 4 : at - 4 + int.from_bytes(table[at - 4 : at], "big")] if at > 0 else b""


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        (Codec.AVC, (*X264, *WIDE)),
        (Codec.AVC, (*X264, *PQ)),
        (Codec.HEVC, (*X265, "-tag:v", "hvc1", *PQ)),
        (Codec.AV1, (*AV1, *PQ)),
        (Codec.VP9, (*VP9, *PQ)),
    ],
)
def test_the_boxes_are_those_that_ffmpeg_writes(codec: Codec, options: tuple[str, ...]) -> None:
    data, track = made(codec, *options)
    init = init_segment([track])
    stated = [in_sample_entry(data, kind) for kind in (b"pasp", b"colr")]
    # ffmpeg also states that pixels are square, which is the default.
    expected = [b"" if each == b"\0\0\0\1" * 2 else each for each in stated]
    assert any(expected)
    assert [in_sample_entry(init, kind) for kind in (b"pasp", b"colr")] == expected


def test_a_wide_picture_is_shown_wide() -> None:
    data, track = made(Codec.AVC, *X264, *WIDE)
    assert (track.width, track.height, track.pixel_aspect) == (720, 576, Fraction(64, 45))
    assert track.display_size == (1024, 576)
    size = {each[-8:] for each in payloads(init_segment([track]), b"tkhd")}
    assert size == {each[-8:] for each in payloads(data, b"tkhd")}
    assert size == {(1024 << 16).to_bytes(4, "big") + (576 << 16).to_bytes(4, "big")}


@pytest.mark.parametrize(
    ("options", "interlaced"),
    [
        (X264, False),
        ((*X264, "-flags", "+ildct+ilme"), True),
        ((*X265, "-tag:v", "hvc1"), False),
        (("-c:v", "libx265", "-x265-params", "log-level=error:interlace=1"), True),
    ],
)
def test_interlaced_pictures_are_known(options: tuple[str, ...], interlaced: bool) -> None:
    codec = Codec.AVC if "libx264" in options else Codec.HEVC
    assert made(codec, *options)[1].interlaced == interlaced


def test_dynamic_ranges_have_the_names_of_hls() -> None:
    assert made(Codec.HEVC, *X265, "-tag:v", "hvc1", *PQ)[1].color == Color(9, 16, 9)
    ranges = [Color(transfer=transfer).video_range for transfer in (1, 2, 16, 18)]
    assert ranges == ["SDR", "SDR", "PQ", "HLG"]
