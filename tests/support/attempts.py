"""An attempt at a job, without the engine and its database."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass
class LocalAttempt:
    """Does at once what an attempt asks for. `die_after`: publications after which it is over."""

    storage: Path
    subject: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    checkpoint: Mapping[str, Any] = field(default_factory=dict)
    number: int = 1
    die_after: int | None = None
    progress: list[float] = field(default_factory=list)
    commands: list[Sequence[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.checkpoint_folder.mkdir(exist_ok=True)

    @property
    def folder(self) -> Path:
        """Files of this attempt."""
        return self.storage / "jobs" / self.subject / str(self.number)

    @property
    def checkpoint_folder(self) -> Path:
        """Files of all attempts."""
        return self.storage / "jobs" / self.subject / "checkpoint"

    def again(self) -> LocalAttempt:
        """Return the next attempt."""
        return LocalAttempt(
            self.storage, self.subject, self.arguments, self.checkpoint, self.number + 1
        )

    def report(self, progress: float, checkpoint: Mapping[str, Any] | None = None) -> None:
        """Note the progress."""
        self.progress.append(progress)
        if checkpoint is not None:
            self.checkpoint = checkpoint

    def publish(self, action: Callable[[], T]) -> T:
        """Run the action."""
        if self.die_after is not None:
            if not self.die_after:
                raise KeyboardInterrupt
            self.die_after -= 1
        return action()

    @contextlib.contextmanager
    def child(self, argv: Sequence[str], **pipes: Any) -> Iterator[subprocess.Popen[bytes]]:
        """Run a child."""
        self.commands.append(argv)
        with subprocess.Popen(argv, **pipes) as process:
            try:
                yield process
            finally:
                process.kill()
