"""What a machine is, before anything is done to it, and whether it can be a station's. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from madang.ops.deploy.errors import DeployError

FREE_BYTES: Final = 3_000_000_000
"""Packages, two releases and their logs; below it a run would stop half way."""


@dataclass(frozen=True, slots=True)
class Platform:
    """A distribution that is supported, and the Python that it has for the station."""

    name: str
    python: str
    packages: tuple[str, ...] = ()


TARGETS: Final = {
    ("debian", "12"): Platform("Debian 12", "3.11"),
    ("debian", "13"): Platform("Debian 13", "3.13"),
    ("ubuntu", "22.04"): Platform("Ubuntu 22.04", "3.11", ("python3.11", "python3.11-venv")),
    ("ubuntu", "24.04"): Platform("Ubuntu 24.04", "3.12"),
}

QUESTION: Final = r"""
. /etc/os-release
printf '{"system": "%s", "version": "%s", ' "$ID" "$VERSION_ID"
printf '"machine": "%s", ' "$(uname -m)"
printf '"memory_kb": %s, ' "$(awk '$1 == "MemTotal:" {print $2}' /proc/meminfo)"
printf '"free_kb": %s, ' "$(df -Pk /var | awk 'NR == 2 {print $4}')"
printf '"python": "%s", ' "$(command -v python3)"
printf '"uid": %s, ' "$(id -u)"
roles=$(ls /opt/madang/roles 2>/dev/null)
[ -e /var/lib/madang-deploy/brought-back ] && roles=
printf '"station": %s, ' "$([ -n "$roles" ] && echo true || echo false)"
printf '"systemd": %s}\n' "$([ -d /run/systemd/system ] && echo true || echo false)"
"""
"""A shell script that prints one JSON object; needs nothing but what is essential in Debian."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A machine that can be a station's."""

    target: Platform
    machine: str
    memory: int
    """Bytes."""
    has_station: bool
    """Whether one runs here, or did, that was not brought back from a copy."""


def judge(host: str, answer: Mapping[str, Any]) -> Facts:
    """The machine that answered QUESTION so. Raises DeployError where it will not do."""
    target = TARGETS.get((answer["system"], answer["version"]))
    if target is None:
        names = ", ".join(known.name for known in TARGETS.values())
        raise DeployError(
            f"{host} runs {answer['system']} {answer['version']}; supported are {names}.",
            mend="Have the provider install one of them.",
        )
    if answer["uid"] != 0:
        raise DeployError(
            f"On {host} the user cannot become root.",
            mend="Set hosts.….user to root, or allow it sudo without a password.",
        )
    if not answer["systemd"]:
        raise DeployError(f"{host} does not run systemd, which looks after the station there.")
    free = answer["free_kb"] * 1024
    if free < FREE_BYTES:
        raise DeployError(
            f"{host} has {free / 1e9:.1f} GB free on the disk of /var; "
            f"{FREE_BYTES / 1e9:.0f} GB are needed.",
            mend="Make room there: journalctl --vacuum-size=200M, apt-get clean, old files.",
        )
    return Facts(target, answer["machine"], answer["memory_kb"] * 1024, answer["station"])
