"""Filters of the ladder: what comes out has the shape and the colours of what goes in."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg
import pytest

from madang.media.configs import video_track
from madang.media.track import Color, VideoTrack
from madang.wire.flv import FlvReader, PacketKind, TagType, parse_video
from tests.support.fmp4 import file_of
from tests.support.samples import sample

pytestmark = pytest.mark.usefixtures("station")


def source(name: str) -> VideoTrack:
    track = sample("bundled", name).track
    assert isinstance(track, VideoTrack)
    return track


def smaller(name: str, track: VideoTrack, folder: Path) -> VideoTrack:
    """Return what ffmpeg makes of a sample with the filters for `track`."""
    from madang.servers.live.ladder import filters

    path = folder / "source.mp4"
    path.write_bytes(file_of([(source(name), sample("bundled", name).units)]))
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path)]
    command += ["-vf", filters(track, 54), "-c:v", "libx264", "-pix_fmt", "yuv420p"]
    made = subprocess.run([*command, "-f", "flv", "pipe:1"], capture_output=True, check=True)
    for tag in FlvReader().receive(made.stdout):
        if tag.type is TagType.VIDEO:
            (packet,) = parse_video(tag.body)
            assert packet.kind is PacketKind.CONFIG
            return video_track(packet.codec, packet.data)
    raise AssertionError("no picture")


def test_fields_of_wide_pixels_become_whole_pictures_of_square_ones(tmp_path: Path) -> None:
    wide = source("avc-anamorphic")
    assert (wide.display_size, wide.interlaced) == ((192, 108), True)
    made = smaller("avc-anamorphic", wide, tmp_path)
    assert (made.width, made.height, made.pixel_aspect) == (96, 54, 1)
    assert not made.interlaced


def test_turned_pictures_become_upright(tmp_path: Path) -> None:
    made = smaller("avc", replace(source("avc"), rotation=90), tmp_path)
    assert made.display_size == (30, 54)


def test_colors_that_players_guess_by_the_size_are_stated_for_smaller_pictures(
    tmp_path: Path,
) -> None:
    plain = source("avc")
    assert smaller("avc", plain, tmp_path).color == Color()
    large = replace(plain, width=1280, height=720)
    assert smaller("avc", large, tmp_path).color == Color(1, 1, 1)
    stated = replace(large, color=Color(6, 6, 6))
    assert smaller("avc", stated, tmp_path).color == Color()
