"""`transcode`: how fast the smaller renditions of an uploaded video are made.

A file of 720p30 H.264, which browsers play, is uploaded; the station makes 480p and 360p of it.
Subjects, one core each: `madang`, and `ffmpeg`, the same program with the same settings of the
encoder, once for both renditions. Figures:

- `speed`: seconds of video for each second of work. The station's include the probe, chunks that
  survive a crash, joining, checks, and the measuring of loudness.
- `ready`: seconds from the last byte until the video plays, of the station.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import imageio_ffmpeg

from bench.figures import Report, say
from bench.processes import SERVER_CORE, BenchFailed
from bench.station import command, station, upload_file, upload_token
from bench.stream import LENGTH, looped, sample

BIT_RATE: Final = 4_000_000
SUBJECTS: Final = ("madang", "ffmpeg")
_LIMIT: Final = 1800.0
_LOOK: Final = 2.0
"""Seconds that a video may take, and between two looks at its jobs."""

_SIDES: Final = {480: 1_600_000, 360: 900_000}
"""Renditions by their height, and the bit rates that they may reach."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    parser.add_argument("--loops", type=int, default=15, help=f"of {LENGTH} s")
    parser.add_argument("--repeats", type=int, default=3)


def main(options: argparse.Namespace) -> None:
    """Measure with `options` and print the figures. Raises BenchFailed."""
    seconds = options.loops * LENGTH
    report = Report(
        "transcode", {"seconds": seconds, "file": "720p30 H.264", "heights": [480, 360]}
    )
    with tempfile.TemporaryDirectory(prefix="madang-bench-") as made:
        file = looped(sample(BIT_RATE), options.loops, Path(made))
        for repeat in range(options.repeats):
            for subject in SUBJECTS:
                say(f"transcode: {subject}, {repeat + 1} of {options.repeats}")
                with tempfile.TemporaryDirectory(dir=made) as folder:
                    if subject == "madang":
                        took = _madang(report, Path(folder), file)
                    else:
                        took = _ffmpeg(Path(folder), file)
                report.add(subject, "speed", seconds / took, "×")
                say(f"  {seconds / took:.2f} × real time")
    report.print({"madang": ["ffmpeg"]})


def _ffmpeg(folder: Path, file: Path) -> float:
    """Return the seconds that ffmpeg takes."""
    sizes = ";".join(f"[in{side}]scale=-2:{side}:flags=bicubic[out{side}]" for side in _SIDES)
    inputs = "".join(f"[in{side}]" for side in _SIDES)
    arguments = ["-i", str(file), "-filter_complex", f"[0:v]split={len(_SIDES)}{inputs};{sizes}"]
    for side, rate in _SIDES.items():
        arguments += [
            *("-map", f"[out{side}]", "-map", "0:a", "-c:a", "copy", "-c:v", "libx264"),
            *("-preset", "veryfast", "-profile:v", "high", "-crf", "23"),
            *("-maxrate", str(rate), "-bufsize", str(2 * rate), "-sc_threshold", "0"),
            *("-g", "9999", "-force_key_frames", "expr:gte(t,n_forced*4)"),
            str(folder / f"{side}.mp4"),
        ]
    began = time.monotonic()
    _run(arguments)
    return time.monotonic() - began


def _run(arguments: list[str]) -> None:
    program = imageio_ffmpeg.get_ffmpeg_exe()
    done = subprocess.run(
        [*("taskset", "-c", str(SERVER_CORE), program, "-loglevel", "error"), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchFailed(f"ffmpeg failed: {done.stderr[-1000:]}")


def _madang(report: Report, folder: Path, file: Path) -> float:
    """Return the seconds of the job that makes the renditions."""
    with station(folder) as ours:
        video = upload_file(ours, upload_token(folder), file)
        uploaded = time.time()
        deadline = time.monotonic() + _LIMIT
        while time.monotonic() < deadline:
            time.sleep(_LOOK)
            ours.child.check()
            jobs = _jobs(folder, video)
            if wrong := [
                each for each in jobs.values() if each["state"] in {"failed", "cancelled"}
            ]:
                raise BenchFailed(f"A job failed: {wrong[0]['error']}")
            if all(jobs.get(kind, {}).get("state") == "done" for kind in _KINDS):
                ready = _at(jobs["prepare-video"]["ended_at"]) - uploaded
                report.add("madang", "ready", ready, "s")
                job = jobs["transcode-video"]
                return _at(job["ended_at"]) - _at(job["started_at"])
    raise BenchFailed(f"The video was not done within {_LIMIT:g} s.")


_KINDS: Final = ("prepare-video", "transcode-video")


def _jobs(folder: Path, video: str) -> Mapping[str, Mapping[str, Any]]:
    rows = command(folder, "jobs", "list")
    return {row["kind"]: row for row in rows if row["subject"] == video}


def _at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
