"""Programs that read files of strangers, and what they write to pipes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Protocol, TypeVar

from madang.infra import sandbox
from madang.infra.child_process import Tail
from madang.infra.sandbox import Limits

T = TypeVar("T")

LIMITS: Final = Limits(memory=6 << 30, descriptors=128)
"""Limits of ffmpeg: decoder, filters and four encoders of 4K have some 2 GB of threads' stacks and
pictures."""

PIPE_SIZE: Final = 1 << 20
ERRORS: Final = 32 << 10
"""Bytes of a pipe, and of the end of what a program says that is kept."""


class Children(Protocol):
    """Port to what runs programs."""

    def child(
        self,
        argv: Sequence[str],
        *,
        stdin: int = ...,
        stdout: int = ...,
        stderr: int = ...,
        pass_fds: Sequence[int] = ...,
    ) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """Run a child during the block."""


class Attempt(Children, Protocol):
    """Port to the attempt at a job (`madang.work.task.Task`)."""

    subject: str
    arguments: Mapping[str, Any]
    checkpoint: Mapping[str, Any]
    folder: Path
    checkpoint_folder: Path

    def report(self, progress: float, checkpoint: Mapping[str, Any] | None = None) -> None:
        """Note the progress, and what the next attempt has to know."""

    def publish(self, action: Callable[[], T]) -> T:
        """Run `action` in a transaction, unless the attempt was overtaken by another."""


@dataclass(frozen=True, slots=True)
class Ended:
    """End of a program: its exit code, negative for a signal, and the end of what it said."""

    returncode: int
    errors: str

    @property
    def last_words(self) -> str:
        """The last line of what it said, or its exit code."""
        lines = self.errors.strip().splitlines()
        return lines[-1] if lines else f"exit code {self.returncode}"


def run(
    attempt: Children,
    command: Callable[[Sequence[int]], Sequence[str]],
    *,
    inputs: Sequence[int] = (),
    readers: Sequence[Callable[[IO[bytes]], None]] = (),
    meanwhile: Callable[[], None] | None = None,
) -> Ended:
    """Run a program to its end, with a pipe to each of `readers`, which run on threads.

    `command` returns its arguments, given the descriptors of these pipes. `inputs` are descriptors
    that it gets as they are. `meanwhile` is called on this thread and returns when the readers
    have. Where one of them raises, the program is killed and the error raised.
    """
    for each in inputs:
        os.lseek(each, 0, os.SEEK_SET)  # programs share the place with those before them
    with ExitStack() as stack, ExitStack() as theirs:
        pipes = [_pipe(stack) for _ in readers]
        writes = [write for _, write in pipes]
        for write in writes:
            theirs.callback(os.close, write)
        process = stack.enter_context(
            attempt.child(
                command(writes),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=(*inputs, *writes),
            )
        )
        theirs.close()
        assert process.stderr is not None
        tail = Tail(process.stderr, ERRORS)
        with ThreadPoolExecutor(max(1, len(readers)), thread_name_prefix="video") as threads:
            running = [
                threads.submit(_read, read, pipe, process)
                for read, (pipe, _) in zip(readers, pipes, strict=True)
            ]
            if meanwhile is not None:
                try:
                    meanwhile()
                except BaseException:
                    process.kill()
                    raise
        for future in running:
            future.result()
        code = process.wait()
        return Ended(code, tail.result().decode(errors="replace"))


def confined(argv: Sequence[str]) -> list[str]:
    """Return the command that runs a program within LIMITS, and lets it open no files."""
    return sandbox.command(LIMITS, argv)


def _pipe(stack: ExitStack) -> tuple[IO[bytes], int]:
    read, write = os.pipe()
    with contextlib.suppress(OSError):  # more than the user may have
        fcntl.fcntl(read, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
    return stack.enter_context(os.fdopen(read, "rb", PIPE_SIZE)), write


def _read(
    read: Callable[[IO[bytes]], None], pipe: IO[bytes], process: subprocess.Popen[bytes]
) -> None:
    try:
        read(pipe)
    except BaseException:
        process.kill()
        raise
    while pipe.read(PIPE_SIZE):  # what a reader has no use for
        pass
