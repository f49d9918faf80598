"""The process that runs jobs: started by the first one, and told the others."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import weakref
from collections.abc import Callable
from typing import Any

from madang.ops.deploy.errors import DeployError
from madang.ops.deploy.job import DeployJob

EventHandler = Callable[[dict[str, Any]], None]
"""Receives each event of the engine."""


class Engine:
    """`madang.ops.deploy.engine` as a process, whose start takes longer than most jobs.

    It ends with this object, and after a job that failed.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, job: DeployJob, on_event: EventHandler) -> dict[str, Any] | None:
        """Run `job`; return the event that says why it failed, if it did.

        Raises DeployError if the process ends without a word.
        """
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = None  # until the job has ended in order
        try:
            pickle.dump(job, process.stdin)
            process.stdin.flush()
            for line in process.stdout:
                event = json.loads(line)
                on_event(event)
                if event["event"] == "end":
                    self._process = process
                    return None
                if event["event"] == "failed":
                    failure: dict[str, Any] = event
                    process.wait()
                    return failure
        except BrokenPipeError:
            process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
        raise DeployError(
            "The deployment was cut off before it had ended.",
            mend="Run it again: it goes on where it stopped.",
        )

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "madang.ops.deploy.engine"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        weakref.finalize(self, _end, process)
        return process


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process that waits for its next job, or has ended."""
    with process:  # closes its input, and waits
        pass
