"""Children that decode what strangers sent: limited, and never left behind. Linux only."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import time
from pathlib import Path

import imageio_ffmpeg
import pytest

from madang.infra import ffmpeg

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of processes are Linux's")

PROGRAM = imageio_ffmpeg.get_ffmpeg_exe()
JPEG = ("-f", "mp4", "-i", "pipe:0", "-frames:v", "1", "-f", "mjpeg", "pipe:1")


def script(folder: Path, text: str) -> str:
    """A program that does `text` whatever its arguments are."""
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return str(path)


def gone(pid: int) -> bool:
    """Return whether no process `pid` runs (a zombie does not)."""
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return True


def test_a_child_runs_in_its_own_session_at_the_lowest_priority_and_within_limits() -> None:
    async def look() -> None:
        process = await ffmpeg.start(PROGRAM, JPEG, cpu=7)
        try:
            assert os.getsid(process.pid) == process.pid != os.getsid(0)
            assert os.getpriority(os.PRIO_PROCESS, process.pid) >= ffmpeg.NICENESS
            limit = resource.prlimit
            assert limit(process.pid, resource.RLIMIT_AS) == (ffmpeg.MEMORY, ffmpeg.MEMORY)
            assert limit(process.pid, resource.RLIMIT_FSIZE) == (0, 0)
            assert limit(process.pid, resource.RLIMIT_CPU) == (7, 7)
        finally:
            ffmpeg.kill(process)
            assert await process.wait() < 0

    asyncio.run(look())


def test_a_child_reads_pipes_and_neither_files_nor_the_network(tmp_path: Path) -> None:
    picture = tmp_path / "picture.pgm"
    picture.write_bytes(b"P5 2 2 255\n" + bytes(4))

    def convert(source: str) -> bytes:
        arguments = ("-f", "pgm_pipe", "-i", source, "-frames:v", "1", "-f", "mjpeg", "pipe:1")
        work = ffmpeg.convert(PROGRAM, arguments, picture.read_bytes(), timeout=10)
        return asyncio.run(work)

    assert convert("pipe:0").startswith(b"\xff\xd8")
    for source in (str(picture), f"file:{picture}", "http://127.0.0.1:9/"):
        with pytest.raises(ffmpeg.FfmpegFailed, match="Invalid argument"):
            convert(source)


def test_damaged_input_is_an_error_in_words() -> None:
    with pytest.raises(ffmpeg.FfmpegFailed, match="ffmpeg failed: "):
        asyncio.run(ffmpeg.convert(PROGRAM, JPEG, bytes(1000), timeout=10))


def test_a_program_that_is_not_there_is_an_error_with_a_mend() -> None:
    with pytest.raises(ffmpeg.FfmpegFailed, match="cannot be started") as failed:
        asyncio.run(ffmpeg.convert("/nowhere/ffmpeg", JPEG, b"", timeout=10))
    assert "madang doctor" in str(failed.value)


def test_a_timeout_ends_the_child_and_what_it_started(tmp_path: Path) -> None:
    # Told through a pipe: files are closed to the child by its limits.
    told = tmp_path / "told"
    os.mkfifo(told)
    reading = os.open(told, os.O_RDWR | os.O_NONBLOCK)
    program = script(tmp_path, f"sleep 60 & echo $! $$ > {told}; wait")
    try:
        with pytest.raises(ffmpeg.FfmpegFailed, match="longer than 2 s"):
            asyncio.run(ffmpeg.convert(program, [], b"", timeout=2))
        pids = [int(word) for word in os.read(reading, 100).split()]
    finally:
        os.close(reading)
    assert len(pids) == 2
    deadline = time.monotonic() + 5
    while not all(map(gone, pids)):
        assert time.monotonic() < deadline, "something that the child started goes on"
        time.sleep(0.02)
