"""What the engine's parent tells it to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from madang.ops.deploy.model.resources import SetupStep, SystemdUnit
from madang.ops.deploy.model.station_file import Host

SILENCE_SECONDS: Final = 20.0
"""What a machine has not acknowledged by then has not arrived: it is gone (RFC 5482)."""


@dataclass(frozen=True, slots=True)
class JobTarget:
    """One machine and what it shall have."""

    host: Host
    steps: tuple[SetupStep, ...] = ()
    loaders: Mapping[str, Sequence[SystemdUnit]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Job:
    """`facts`: ask what the machines are. `plan`: say what differs. `apply`: mend it, too.
    `run`: one command with its standard input on each machine, by name."""

    kind: Literal["facts", "plan", "apply", "run"]
    targets: Mapping[str, JobTarget]
    title: str = ""
    who: str = ""
    secrets: tuple[str, ...] = ()
    commands: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    silence: float = SILENCE_SECONDS
