"""Shell commands that change a resource to its desired state. Pure.

Files are written beside their path and renamed, so that an interrupted run or a full disk leaves
the old file. Contents travel on standard input, so that they are in no command line, log or
readable file.
"""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from madang.ops.deploy.diff import ObservedState, missing_packages
from madang.ops.deploy.model.resources import (
    STATE,
    AbsentFile,
    CustomCommand,
    Folder,
    ManagedFile,
    Packages,
    Resource,
    Symlink,
    SystemdUnit,
    UserAccount,
)

APT: Final = (
    "DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get -y -qq "
    "-o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confdef "
    "-o Dpkg::Options::=--force-confold"
)
"""Never prompts, waits for a nightly update to finish, keeps modified configuration files."""

APT_STAMP: Final = f"{STATE}/listed"
"""Modification time: the last update of the package lists."""
APT_STAMP_MINUTES: Final = 30
"""Age at which the package lists are updated again; one run has many steps with packages."""


@dataclass(frozen=True, slots=True)
class ShellCommand:
    """A shell command; its standard input may be secret."""

    command: str
    stdin: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """A local file to copy to a path that only root can read."""

    source: Path
    path: str


Operation = ShellCommand | Upload


def operations(
    desired: Resource, observed: ObservedState, units_by_file: Mapping[str, Sequence[SystemdUnit]]
) -> Iterator[Operation]:
    """Yield the operations that change `observed` to `desired`, in order.

    `units_by_file` are the units that have loaded a file, by path: their stamps are removed first.
    """
    match desired:
        case Packages():
            names = " ".join(missing_packages(desired, observed))
            install = f"{APT} install --no-install-recommends {names}"
            yield ShellCommand(
                f"update() {{ {APT} update -o APT::Update::Error-Mode=any && "
                f"touch {APT_STAMP}; }}; "
                f'if [ -n "$(find {APT_STAMP} -mmin -{APT_STAMP_MINUTES} 2>/dev/null)" ]; '
                # A listed version may have been replaced since.
                f"then {install} || {{ update && {install}; }}; else update && {install}; fi"
            )
        case UserAccount():
            yield from _account(desired, observed)
        case Folder():
            path = shlex.quote(desired.path)
            yield ShellCommand(
                f"mkdir -p {path} && chown {desired.owner}:{desired.group} {path} "
                f"&& chmod {desired.mode:04o} {path}"
            )
        case ManagedFile():
            for unit in units_by_file.get(desired.path, ()):
                yield ShellCommand(f"rm -f {shlex.quote(unit.stamp_path)}")
            yield from _file(desired)
        case Symlink():
            draft = shlex.quote(f"{desired.path}.new")
            yield ShellCommand(
                f"mkdir -p {shlex.quote(str(Path(desired.path).parent))} && "
                f"ln -sfn {shlex.quote(desired.target)} {draft} && "
                f"mv -fT {draft} {shlex.quote(desired.path)}"
            )
        case AbsentFile():
            yield ShellCommand(f"rm -f {shlex.quote(desired.path)}")
        case SystemdUnit():
            yield from _unit(desired, observed)
        case CustomCommand():
            yield ShellCommand(desired.run, desired.stdin)


def _account(desired: UserAccount, observed: ObservedState) -> Iterator[Operation]:
    name = desired.name
    if observed.accounts.get(name) is None:
        kind = "--system" if desired.system else "--create-home"
        yield ShellCommand(
            f"useradd {kind} --user-group --home-dir {shlex.quote(desired.home)} "
            f"--shell {desired.shell} {name}"
        )
    else:
        yield ShellCommand(
            f"usermod --home {shlex.quote(desired.home)} --shell {desired.shell} {name}"
        )
    for group in desired.groups:
        yield ShellCommand(f"usermod --append --groups {group} {name}")


def _file(desired: ManagedFile) -> Iterator[Operation]:
    path, draft = shlex.quote(desired.path), shlex.quote(f"{desired.path}.madang-new")
    folder = shlex.quote(str(Path(desired.path).parent))
    finish = (
        f"chown {desired.owner}:{desired.group} {draft} && chmod {desired.mode:04o} {draft} "
        f"&& sync -d {draft} && mv -fT {draft} {path}"
    )
    if desired.source is not None:
        incoming = f"{STATE}/incoming"
        yield ShellCommand(f"mkdir -p {folder}")
        yield Upload(desired.source, incoming)
        yield ShellCommand(
            f"set -e; trap 'rm -f {incoming} {draft}' EXIT; mv -fT {incoming} {draft}; {finish}"
        )
        return
    yield ShellCommand(
        f"set -e; umask 077; mkdir -p -m 755 {folder}; trap 'rm -f {draft}' EXIT; "
        f"base64 -d > {draft}; {finish}",
        base64.b64encode(desired.content.encode()).decode() + "\n",
    )


def _unit(desired: SystemdUnit, observed: ObservedState) -> Iterator[Operation]:
    state = observed.units.get(desired.name, {})
    stamp, name = shlex.quote(desired.stamp_path), shlex.quote(desired.name)
    if desired.check:
        yield ShellCommand(desired.check)
    yield ShellCommand("systemctl daemon-reload")
    verb = "reload-or-restart" if desired.reload and state.get("active") else "restart"
    if desired.enable and not state.get("enabled"):
        yield ShellCommand(f"systemctl enable --quiet {name}")
    # `restart` of a forking service returns before it can fail.
    yield ShellCommand(
        f"set -e; rm -f {stamp}; systemctl reset-failed {name} 2>/dev/null || :; "
        f"systemctl {verb} {name}; "
        f"systemctl is-failed --quiet {name} && exit 1 || :; "
        f"mkdir -p {STATE}/loaded; echo {desired.stamp} > {stamp}.new; mv -fT {stamp}.new {stamp}"
    )
