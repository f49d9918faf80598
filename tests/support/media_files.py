"""Short files of many kinds, made by ffmpeg once for all tests of a process."""

from __future__ import annotations

import atexit
import shutil
import subprocess
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

from imageio_ffmpeg import get_ffmpeg_exe

SECONDS = 3
RATE = 25

PICTURE = ("-f", "lavfi", "-i", f"testsrc2=s=160x90:r={RATE}:d={SECONDS}")
SOUND = ("-f", "lavfi", "-i", f"sine=d={SECONDS}")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-pix_fmt", "yuv420p", "-g", "25")
BOTH = (*PICTURE, *SOUND)
_PQ = ("-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc")

CLOCK_SECONDS = 40
CLOCK = "geq=lum='20+4*floor(T)':cb=128:cr=128"
"""Filter that makes each second of a video brighter than the one before."""

KINDS: dict[str, tuple[str, ...]] = {
    "h264.mp4": (*BOTH, *H264, "-c:a", "aac"),
    "h264.mkv": (*BOTH, *H264, "-c:a", "libopus"),
    "h264.ts": (*BOTH, *H264, "-c:a", "aac"),
    "h264.avi": (*BOTH, *H264, "-c:a", "libmp3lame"),
    "pcm.mov": (*BOTH, *H264, "-c:a", "pcm_s16le"),
    "ten_bits.mp4": (*BOTH, *H264, "-pix_fmt", "yuv420p10le", "-c:a", "aac"),
    "hevc.mp4": (*BOTH, "-c:v", "libx265", "-preset", "ultrafast", "-c:a", "aac"),
    "vp9.webm": (*BOTH, "-c:v", "libvpx-vp9", "-cpu-used", "8", "-deadline", "realtime",
                 "-pix_fmt", "yuv420p", "-c:a", "libopus"),
    "av1.mp4": (*BOTH, "-c:v", "libsvtav1", "-preset", "13", "-pix_fmt", "yuv420p", "-c:a", "aac"),
    "prores.mov": (*BOTH, "-c:v", "prores_ks", "-c:a", "pcm_s16le"),
    "interlaced.mpg": (*BOTH, "-vf", "setfield=tff", "-flags", "+ildct+ilme", "-c:v", "mpeg2video",
                       "-c:a", "mp2"),
    "variable.mkv": ("-f", "lavfi", "-i", "testsrc2=s=160x90:r=25:d=4", "-vf",
                     "setpts='if(lt(N,50),N/25/TB,2/TB+(N-50)/5/TB)',trim=end=5",
                     "-fps_mode", "vfr", *H264, "-pix_fmt", "yuv422p"),
    "upright.mp4": ("-display_rotation", "90", "-i", "h264.mp4", "-c", "copy"),
    "wide.mp4": (*BOTH, "-vf", "scale=120:90,setsar=4/3", *H264, "-c:a", "aac"),
    "sound.m4a": (*SOUND, "-c:a", "aac"),
    "sound.wav": (*SOUND,),
    "two_tracks.mkv": (*BOTH, "-f", "lavfi", "-i", f"sine=f=880:d={SECONDS}", *H264,
                       "-map", "0", "-map", "1", "-map", "2", "-c:a", "aac",
                       "-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=kor",
                       "-disposition:a:0", "0", "-disposition:a:1", "default"),
    "hdr.mp4": (*BOTH, "-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le",
                "-x265-params", "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc", *_PQ,
                "-c:a", "aac"),
    "hdr_prores.mov": (*BOTH, "-c:v", "prores_ks", *_PQ, "-vf",
                       "setparams=color_trc=smpte2084:color_primaries=bt2020:colorspace=bt2020nc",
                       "-c:a", "aac"),
    "encrypted.mp4": ("-i", "h264.mp4", "-c", "copy", "-encryption_scheme", "cenc-aes-ctr",
                      "-encryption_key", "00" * 16, "-encryption_kid", "11" * 16),
    "large.mp4": ("-f", "lavfi", "-i", f"testsrc2=s=1280x720:r={RATE}:d={SECONDS}", *SOUND, *H264,
                  "-c:a", "aac"),
    "long.mkv": ("-f", "lavfi", "-i", "testsrc2=s=160x90:r=10:d=14", "-f", "lavfi", "-i",
                 "sine=d=14", *H264, "-pix_fmt", "yuv422p", "-c:a", "aac"),
    "odd.mkv": ("-f", "lavfi", "-i", "testsrc2=s=640x400:r=10:d=10", "-f", "lavfi", "-i",
                "sine=d=10", *H264, "-pix_fmt", "yuv422p", "-c:a", "ac3"),
    "one_key.mp4": ("-f", "lavfi", "-i", "testsrc2=s=160x90:r=2:d=36", *H264, "-g", "9999",
                    "-sc_threshold", "0"),
    "slides.mp4": ("-f", "lavfi", "-i", "testsrc2=s=160x90:r=1/10:d=30", "-f", "lavfi", "-i",
                   "sine=d=30", *H264, "-c:a", "aac"),
    "short_sound.mp4": (*PICTURE, "-f", "lavfi", "-i", "sine=d=1", *H264, "-c:a", "aac"),
    "long_sound.mp4": (*PICTURE, "-f", "lavfi", "-i", "sine=d=5", *H264, "-c:a", "aac"),
    "slow.mkv": ("-f", "lavfi", "-i", "testsrc2=s=160x90:r=1/5:d=25", "-f", "lavfi", "-i",
                 "sine=d=25", *H264, "-pix_fmt", "yuv422p", "-c:a", "aac"),
    "silence.wav": ("-f", "lavfi", "-i", f"anullsrc=d={SECONDS}",),
    "clock.mp4": ("-f", "lavfi", "-i", f"color=black:s=320x180:r=10:d={CLOCK_SECONDS}", "-vf",
                  CLOCK, *H264, "-g", "10"),
    "clock_upright.mp4": ("-display_rotation", "90", "-i", "clock.mp4", "-c", "copy"),
    "subtitles.mkv": ("-i", "h264.mkv", "-i", "ko.srt", "-i", "en.ass", "-map", "0", "-map", "1",
                      "-map", "2", "-c", "copy", "-metadata:s:s:0", "language=kor",
                      "-metadata:s:s:1", "language=eng", "-metadata:s:s:1", "title=For <all>"),
    "subtitles.mp4": ("-i", "subtitles.mkv", "-map", "0", "-c", "copy", "-c:a", "aac", "-c:s",
                      "mov_text"),
    "front.mp4": ("-i", "h264.mp4", "-c", "copy", "-movflags", "+faststart"),
}  # fmt: skip
"""Arguments of ffmpeg by file name; what begins with `-i` is made of another one."""


@lru_cache(None)
def _folder() -> Path:
    folder = Path(mkdtemp(prefix="madang-media-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


TEXTS: dict[str, str] = {
    "ko.srt": "1\n00:00:00,500 --> 00:00:01,250\n뷁 <i>하나</i>\n\n2\n00:00:02,000 --> "
    "00:00:02,500\n<img src=x>둘\n",
    "en.ass": "[Script Info]\nScriptType: v4.00+\n\n[Events]\nFormat: Layer, Start, End, Style, "
    "Name, MarginL, MarginR, MarginV, Effect, Text\n"
    "Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\\an8}Hello\\Nthere\n",
}
"""Content of text files by name."""


@lru_cache(None)
def media_file(name: str) -> Path:
    """Return a file of a kind."""
    arguments = KINDS[name]
    for each in TEXTS.keys() & set(arguments):
        (_folder() / each).write_text(TEXTS[each])
    for other in KINDS:
        if other in arguments:
            media_file(other)
    path = _folder() / name
    run_ffmpeg([*arguments, path.name])
    return path


def run_ffmpeg(arguments: Sequence[str]) -> None:
    """Run ffmpeg in the folder of the files."""
    command = [get_ffmpeg_exe(), "-v", "error", "-y", "-nostdin", *arguments]
    subprocess.run(command, check=True, cwd=_folder(), timeout=60)


def cut(name: str, share: float) -> Path:
    """Return a file of which only the beginning is left."""
    data = media_file(name).read_bytes()
    path = _folder() / f"cut-{share}-{name}"
    path.write_bytes(data[: int(len(data) * share)])
    return path
