"""The job that the engine receives from its parent process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from madang.ops.deploy.model.resources import SetupStep, SystemdUnit
from madang.ops.deploy.model.station_file import Host

LOST_AFTER_SECONDS: Final = 20.0
"""Time without a TCP acknowledgement after which a machine counts as lost (RFC 5482)."""


@dataclass(frozen=True, slots=True)
class DeployTarget:
    """One machine and its desired state."""

    host: Host
    steps: tuple[SetupStep, ...] = ()
    units_by_file: Mapping[str, Sequence[SystemdUnit]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeployJob:
    """A job for all machines.

    `facts` asks what the machines are, `plan` reports differences, `apply` also changes them, `run`
    runs one command on each machine named in `commands`.
    """

    kind: Literal["facts", "plan", "apply", "run"]
    targets: Mapping[str, DeployTarget]
    title: str = ""
    operator: str = ""
    secrets: tuple[str, ...] = ()
    commands: Mapping[str, str] = field(default_factory=dict)
    lost_after: float = LOST_AFTER_SECONDS
