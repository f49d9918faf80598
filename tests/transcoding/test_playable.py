"""Which streams are packaged as they are, by more than the codec's name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from madang.transcoding.playable import copies_audio, copies_video
from madang.transcoding.source import INTERLACED, AudioStream, Source, VideoStream

H264 = VideoStream(0, "h264", "High", "avc1", "yuv420p", 1920, 1080)
MP4 = "mov,mp4,m4a,3gp,3g2,mj2"


@pytest.mark.parametrize(
    ("stream", "container", "copied"),
    [
        (H264, MP4, True),
        (H264, "matroska,webm", True),
        (H264, "avi", False),
        (replace(H264, profile="High 10", pixel_format="yuv420p10le"), MP4, False),
        (replace(H264, profile="High 4:2:2", pixel_format="yuv422p"), MP4, False),
        (replace(H264, profile="High", pixel_format="yuv422p"), MP4, False),
        (replace(H264, field_order=INTERLACED), MP4, False),
        (replace(H264, width=7680, height=4320), MP4, False),
        (replace(H264, codec="hevc", profile="Main"), MP4, True),
        (replace(H264, codec="hevc", profile="Main 10", pixel_format="yuv420p10le"), MP4, True),
        (replace(H264, codec="hevc", profile="Rext", pixel_format="yuv422p10le"), MP4, False),
        (replace(H264, codec="vp9", profile="Profile 0"), "matroska,webm", True),
        (replace(H264, codec="vp9", profile="Profile 1", pixel_format="yuv444p"), MP4, False),
        (replace(H264, codec="av1", profile="Main", pixel_format="yuv420p10le"), MP4, True),
        (replace(H264, codec="mpeg2video", profile="Main"), "mpeg", False),
        (replace(H264, codec="prores", profile="HQ", pixel_format="yuv422p10le"), MP4, False),
    ],
)
def test_pictures(stream: VideoStream, container: str, copied: bool) -> None:
    assert copies_video(Source(container, 1, 1.0, (stream,)), stream) is copied


@pytest.mark.parametrize(
    ("stream", "copied"),
    [
        (AudioStream(1, "aac", "LC", sample_rate=48000, channels=2), True),
        (AudioStream(1, "aac", "HE-AACv2", sample_rate=44100, channels=2), True),
        (AudioStream(1, "aac", "Main", sample_rate=44100, channels=2), False),
        (AudioStream(1, "aac", "LC", sample_rate=48000, channels=8), False),
        (AudioStream(1, "opus", sample_rate=48000, channels=2), True),
        (AudioStream(1, "mp3", sample_rate=8000, channels=1), False),
        (AudioStream(1, "pcm_s16be", tag="twos", sample_rate=48000, channels=2), False),
        (AudioStream(1, "ac3", sample_rate=48000, channels=6), False),
    ],
)
def test_sound(stream: AudioStream, copied: bool) -> None:
    assert copies_audio(stream) is copied
