"""One attempt at a job, as its handler sees it."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final, Protocol, TypeVar

from django.db import Error

from madang.apps.jobs import leases
from madang.apps.jobs.errors import AttemptEnded
from madang.apps.jobs.leases import Lease, Report
from madang.apps.jobs.models import Job
from madang.infra.child_process import DEFAULT_LIMITS, ChildLimits, Tail, kill_group, spawn
from madang.infra.clock import SYSTEM_CLOCK, Clock
from madang.infra.database import database

T = TypeVar("T")

RETRY_SECONDS: Final = 1.0
"""Seconds between two attempts to reach a database that is away."""


class Handler(Protocol):
    """Does the jobs of one kind.

    A job may run again at any point, also after its end: results are published by `Task.publish`,
    which does nothing where they are there already.
    """

    @property
    def kind(self) -> str:
        """Kind of the jobs."""

    def run(self, task: Task) -> None:
        """Do a job. Raises JobFailed, or anything else, for an attempt that failed."""


@dataclass(frozen=True, slots=True)
class ChildResult:
    """End of a child: its exit code, negative for a signal, and the end of what it wrote."""

    returncode: int
    stdout: bytes
    stderr: bytes
    timed_out: bool = False


class Task:
    """One attempt at a job.

    `folder` is for files of this attempt and is deleted after it; `checkpoint_folder` is for files
    that the next attempt is to find, moved there inside `publish`, and is deleted with the end of
    the job. Both are in the storage, so that files are published by renaming them.
    """

    def __init__(self, job: Job, folder: Path, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self.id = job.pk
        self.kind = job.kind
        self.subject = job.subject
        self.arguments: Mapping[str, Any] = job.arguments
        self.attempt = job.attempt
        self.checkpoint: Mapping[str, Any] = job.checkpoint
        self.checkpoint_folder = folder / "checkpoint"
        self.folder = folder / str(job.epoch)
        self.lease = Lease(job.pk, job.epoch)
        self._clock = clock
        self._lock = threading.Lock()
        self._report = Report(job.progress, job.checkpoint)
        self._first: tuple[float, float] | None = None
        self._grown_at = clock.monotonic()
        self._highest = -1.0
        self._ending: AttemptEnded | None = None
        self._ended = threading.Event()
        self._children: set[subprocess.Popen[bytes]] = set()

    def report(self, progress: float, checkpoint: Mapping[str, Any] | None = None) -> None:
        """Note the progress, 0 to 1, and what the next attempt has to know to go on from here.

        Cheap: it is stored within seconds, and by the next `publish`. Raises AttemptEnded.
        """
        self.check()
        now = self._clock.monotonic()
        progress = min(max(progress, 0.0), 1.0)
        with self._lock:
            if progress > self._highest:
                self._highest, self._grown_at = progress, now
            if self._first is None:
                self._first = (progress, now)
            kept = self._report.checkpoint if checkpoint is None else dict(checkpoint)
            self._report = Report(progress, kept, self._remaining(progress, now))

    def check(self) -> None:
        """Raise AttemptEnded where the attempt was ended from outside."""
        if self._ending is not None:
            raise self._ending

    def publish(self, action: Callable[[], T]) -> T:
        """Run `action`, which is short, in a transaction that has checked the lease.

        Publications about one subject follow one after another. While the database is away this
        waits; an error of the database after `action` has begun is raised. Raises AttemptEnded.
        """
        began = False

        def once() -> T:
            nonlocal began
            began = True
            return action()

        while True:
            self.check()
            try:
                with database():
                    return leases.publish(self.lease, self.latest, once, self._now())
            except Error:
                if began:
                    raise
                self._ended.wait(RETRY_SECONDS)
            except AttemptEnded as error:
                self.end(error)
                raise

    @contextlib.contextmanager
    def child(
        self,
        argv: Sequence[str],
        *,
        limits: ChildLimits = DEFAULT_LIMITS,
        stdin: int | IO[bytes] = subprocess.DEVNULL,
        stdout: int | IO[bytes] = subprocess.PIPE,
        stderr: int | IO[bytes] | None = subprocess.PIPE,
        pass_fds: Sequence[int] = (),
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run a child of lowest priority during the block, and kill its process group at the end.

        It is also killed when the attempt is ended from outside, and when this process dies. Read
        its pipes to their ends. Raises AttemptEnded.
        """
        with self._lock:
            self.check()
            process = spawn(
                argv,
                limits=limits,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                pass_fds=pass_fds,
                cwd=cwd or self.folder,
                env=env,
            )
            self._children.add(process)
        try:
            yield process
        finally:
            kill_group(process)
            process.wait()
            with self._lock:
                self._children.discard(process)
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
        self.check()

    def run_child(
        self,
        argv: Sequence[str],
        *,
        limits: ChildLimits = DEFAULT_LIMITS,
        stdin: int | IO[bytes] = subprocess.DEVNULL,
        pass_fds: Sequence[int] = (),
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        on_line: Callable[[str], None] | None = None,
        timeout: float | None = None,
    ) -> ChildResult:
        """Run a child to its end and return how it ended.

        `on_line` gets each line of its output, which is otherwise in the result (the last
        64 KiB). After `timeout` seconds it is killed. Raises AttemptEnded.
        """
        with self.child(
            argv, limits=limits, stdin=stdin, pass_fds=pass_fds, cwd=cwd, env=env
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            errors = Tail(process.stderr)
            output = Tail(process.stdout) if on_line is None else None
            expired = threading.Event()
            timer = threading.Timer(timeout or 0.0, _expire, (process, expired))
            timer.daemon = True
            if timeout is not None:
                timer.start()
            try:
                if on_line is not None:
                    for line in process.stdout:
                        on_line(line.decode(errors="replace").rstrip("\n"))
                process.wait()
            finally:
                timer.cancel()
            kill_group(process)  # descendants would keep the pipes open
            return ChildResult(
                process.returncode,
                output.result() if output is not None else b"",
                errors.result(),
                expired.is_set(),
            )

    # --- for the runner ---------------------------------------------------------------------------

    @property
    def latest(self) -> Report:
        """The last report."""
        with self._lock:
            return self._report

    def end(self, reason: AttemptEnded) -> None:
        """End the attempt from another thread: its children are killed, its next call raises."""
        with self._lock:
            if self._ending is None:
                self._ending = reason
            for process in self._children:
                kill_group(process)
        self._ended.set()

    @property
    def ending(self) -> AttemptEnded | None:
        """Reason for which the attempt was ended from outside."""
        return self._ending

    def stalled_for(self) -> float:
        """Return the seconds since the progress last grew."""
        with self._lock:
            return self._clock.monotonic() - self._grown_at

    def _remaining(self, progress: float, now: float) -> float | None:
        assert self._first is not None
        begun, at = self._first
        if progress <= begun:
            return None
        return (now - at) * (1.0 - progress) / (progress - begun)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.wall(), UTC)


def _expire(process: subprocess.Popen[bytes], expired: threading.Event) -> None:
    expired.set()
    kill_group(process)
