"""Subprocesses of ffmpeg: an own session, lowest priority, resource limits.

A crash or a hostile stream ends the child, not the station. Children can use pipes only, no file or
network protocols.
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
"""Nice value: below everything that serves viewers."""

MEMORY: Final = 3 << 30
"""Bytes of address space; a 4K decoder with its threads needs much less."""

PIPE_TIMEOUT: Final = 1.0
"""Seconds to drain a pipe of a child that has ended."""

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
    """Start `program` with pipes for output and errors.

    `stdin` is a descriptor or PIPE, `cpu` the maximum of processor seconds. Raises FfmpegFailed
    where the program cannot be started.
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
    with contextlib.suppress(ProcessLookupError):  # it has ended already; `wait` returns how
        os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
        resource.prlimit(process.pid, resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))
        if cpu is not None:
            resource.prlimit(process.pid, resource.RLIMIT_CPU, (cpu, cpu))
    return process


def kill(process: Process) -> None:
    """Kill the child and its descendants."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


async def end(process: Process) -> None:
    """Kill the child and its descendants, reap it and close its pipes."""
    kill(process)
    await process.wait()
    for pipe in (process.stdout, process.stderr):
        assert pipe is not None  # `start` made it
        with contextlib.suppress(TimeoutError):  # a descendant in another session has the pipe
            async with asyncio.timeout(PIPE_TIMEOUT):
                while await pipe.read(1 << 16):
                    pass


async def convert(program: str, arguments: Sequence[str], data: bytes, *, timeout: float) -> bytes:
    """Pass `data` to the program's standard input and return its standard output.

    Raises FfmpegFailed with the last line of its errors, and after `timeout` seconds.
    """
    process = await start(program, arguments, cpu=max(1, int(timeout)))
    try:
        async with asyncio.timeout(timeout):
            output, errors = await process.communicate(data)
    except TimeoutError:
        raise FfmpegFailed(f"ffmpeg took longer than {timeout:g} s.") from None
    except RuntimeError as error:  # raised by uvloop when the child has already ended
        raise FfmpegFailed(f"ffmpeg failed: {error}.") from error
    finally:
        await end(process)
    if process.returncode != 0:
        lines = errors.decode(errors="replace").strip().splitlines()
        raise FfmpegFailed(f"ffmpeg failed: {lines[-1] if lines else process.returncode}.")
    return output
