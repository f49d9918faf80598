"""Facts of a machine before deployment, and the check that it is supported. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from madang.ops.deploy.errors import DeployError

FREE_BYTES: Final = 3_000_000_000
"""Space for packages, two releases and their logs; less would fail half way."""


@dataclass(frozen=True, slots=True)
class Platform:
    """A supported distribution and its Python for the station."""

    name: str
    python: str
    nginx: tuple[int, int]
    """Its version."""
    packages: tuple[str, ...] = ()


SUPPORTED_PLATFORMS: Final = {
    ("debian", "12"): Platform("Debian 12", "3.11", (1, 22)),
    ("debian", "13"): Platform("Debian 13", "3.13", (1, 26)),
    ("ubuntu", "22.04"): Platform(
        "Ubuntu 22.04", "3.11", (1, 18), ("python3.11", "python3.11-venv")
    ),
    ("ubuntu", "24.04"): Platform("Ubuntu 24.04", "3.12", (1, 24)),
}

FACTS_SCRIPT: Final = r"""
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
"""Shell script that prints one JSON object, with essential packages of Debian alone."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A machine that is supported."""

    platform: Platform
    architecture: str
    memory: int
    """Bytes."""
    has_station: bool
    """True if a station runs or ran here that was not restored from a copy."""


def parse_facts(host: str, answer: Mapping[str, Any]) -> Facts:
    """Parse the answer to FACTS_SCRIPT. Raises DeployError for an unsupported machine."""
    platform = SUPPORTED_PLATFORMS.get((answer["system"], answer["version"]))
    if platform is None:
        names = ", ".join(known.name for known in SUPPORTED_PLATFORMS.values())
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
    return Facts(platform, answer["machine"], answer["memory_kb"] * 1024, answer["station"])
