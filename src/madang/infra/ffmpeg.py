"""Starting the ffmpeg program: its own session, lowest priority, limits on what it may take.

A crash or a hostile stream ends the child, not the station. Children read pipes only: file and
network protocols are closed to them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from typing import Final

from madang.base.errors import MadangError

NICENESS: Final = 10
"""Helpers give way to whatever serves viewers."""

MEMORY: Final = 3 << 30
"""Bytes of address space; a 4K decoder with its threads stays well below."""

PIPE_TIMEOUT: Final = 1.0
"""Seconds until a pipe of a child that has ended is given up."""

_COMMON: Final = ("-hide_banner", "-nostdin", "-loglevel", "error", "-protocol_whitelist", "pipe")


class FfmpegFailed(MadangError):
    """The ffmpeg program ended with an error, took too long, or could not be started."""


async def start(
    program: str,
    arguments: Sequence[str],
    *,
    stdin: int = PIPE,
    pass_fds: Sequence[int] = (),
    cpu: int | None = None,
) -> Process:
    """Start `program` with pipes for output, errors and, where `stdin` is no descriptor, input;
    `cpu` caps its processor seconds.

    Raises FfmpegFailed where it cannot be started.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            *_COMMON,
            *arguments,
            stdin=stdin,
            stdout=PIPE,
            stderr=PIPE,
            start_new_session=True,
            pass_fds=pass_fds,
        )
    except OSError as error:
        raise FfmpegFailed(
            f"{program} cannot be started: {error.strerror}.", mend="Run `madang doctor`."
        ) from error
    with contextlib.suppress(ProcessLookupError):  # it has ended already: `wait` says how
        os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
        resource.prlimit(process.pid, resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))
        if cpu is not None:
            resource.prlimit(process.pid, resource.RLIMIT_CPU, (cpu, cpu))
    return process


def kill(process: Process) -> None:
    """End the child and whatever it started."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


async def end(process: Process) -> None:
    """End the child and whatever it started, and let go of its pipes."""
    kill(process)
    await process.wait()
    for pipe in (process.stdout, process.stderr):
        assert pipe is not None  # `start` made it
        with contextlib.suppress(TimeoutError):  # somebody it started has escaped with the pipe
            async with asyncio.timeout(PIPE_TIMEOUT):
                while await pipe.read(1 << 16):
                    pass


async def convert(program: str, arguments: Sequence[str], data: bytes, *, timeout: float) -> bytes:
    """Give `data` to the program's standard input and return what it writes.

    Raises FfmpegFailed with the last line of its errors.
    """
    process = await start(program, arguments, cpu=max(1, int(timeout)))
    try:
        output, errors = await asyncio.wait_for(process.communicate(data), timeout)
    except TimeoutError:
        raise FfmpegFailed(f"ffmpeg took longer than {timeout:g} s.") from None
    except RuntimeError as error:  # uvloop's, for writing to a child that has ended already
        raise FfmpegFailed(f"ffmpeg failed: {error}.") from error
    finally:
        await end(process)
    if process.returncode != 0:
        lines = errors.decode(errors="replace").strip().splitlines()
        raise FfmpegFailed(f"ffmpeg failed: {lines[-1] if lines else process.returncode}.")
    return output
