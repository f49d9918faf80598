"""A worker of tests as a process: `python -m tests.support.job_worker DATA NAME`.

It does jobs of the kind `encode` in ten chunks; each is a child that writes one, which waits while
there is a file `hold` in the storage. The last chunk is published with a line in `published`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.station import ROOT

if TYPE_CHECKING:
    from madang.station.config.settings import Settings
    from madang.work.task import Task

CHUNKS = 4
HELD = 2
"""Number of the chunk that waits."""

WRITE_CHUNK = """
import pathlib, sys, time
hold, out = map(pathlib.Path, sys.argv[1:])
while hold.exists():
    time.sleep(0.02)
out.write_text(out.name)
"""


class Encode:
    """Chunks by children, joined at the end."""

    kind = "encode"

    def __init__(self, media: Path, name: str) -> None:
        self._media = media
        self._name = name

    def run(self, task: Task) -> None:
        """Do a job."""
        self._note("chunk", str(task.checkpoint.get("chunk", 0)))
        for number in range(task.checkpoint.get("chunk", 0), CHUNKS):
            part = task.folder / f"{number}"
            hold = self._media / ("hold" if number == HELD else "none")
            with task.child(
                [sys.executable, "-c", WRITE_CHUNK, str(hold), str(part)], stderr=None
            ) as child:
                if number == HELD:
                    self._note("child", str(child.pid))
                child.wait()
            assert part.exists()
            task.report((number + 1) / CHUNKS, {"chunk": number + 1})
            task.publish(lambda part=part: part.rename(task.checkpoint_folder / part.name))
        try:
            task.publish(lambda: self._note("published", self._joined(task)))
        except Exception as error:
            self._note("refused", type(error).__name__)
            raise

    def _joined(self, task: Task) -> str:
        return "".join((task.checkpoint_folder / f"{n}").read_text() for n in range(CHUNKS))

    def _note(self, what: str, text: str) -> None:
        with (self._media / what).open("a") as file:
            file.write(f"{self._name} {text}\n")


def notes(media: Path, what: str) -> list[str]:
    """Return what workers noted."""
    file = media / what
    return file.read_text().splitlines() if file.exists() else []


@contextmanager
def worker(
    settings: Settings, store: dict[str, str], media: Path, name: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker process for the block; it is killed at the end."""
    environment = os.environ | store | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.job_worker", str(settings.data), str(media), name],
        cwd=ROOT,
        env=environment,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()


def main(data: str, media: str, name: str) -> None:
    """Work until the process is killed."""
    from madang.infra import child_exec
    from madang.station import boot
    from madang.station.config import settings
    from madang.station.config.sections import LogSection
    from madang.station.logs import configure

    child_exec.die_with_parent(os.getppid())
    configure(LogSection())
    boot.start_django(settings.load(Path(data)), 6)
    from madang.infra.storage import make_storage_id
    from madang.work.runner import Lane, Runner, RunnerTiming

    make_storage_id(Path(media))
    lanes = [Lane("long", 1, (Encode(Path(media), name),))]
    timing = RunnerTiming(poll=0.05, heartbeat=0.1, lease=1.0)
    Runner(lanes, media=Path(media), worker=name, timing=timing).start()
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
