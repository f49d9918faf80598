"""How each kind of resource is brought about: shell commands in order. Pure.

Every file is written beside its place and renamed into it, so that a run which is cut off, or a
disk that is full, leaves the old one whole. Contents travel on standard input: they are in no
command line, no log and no file that others could read.
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
"""Never asks, waits for the nightly updates to finish, keeps files that somebody has changed."""

LISTED: Final = f"{STATE}/listed"
"""When the distribution's lists of packages were read last."""
LISTS_MINUTES: Final = 30
"""For so long they are good enough: one run has many steps with packages."""


@dataclass(frozen=True, slots=True)
class ShellCommand:
    """A shell command; what it reads from standard input may be secret."""

    command: str
    stdin: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of the operator's machine, to a path that only root reads."""

    source: Path
    path: str


Doing = ShellCommand | Upload


def operations(
    wanted: Resource, found: ObservedState, loaders: Mapping[str, Sequence[SystemdUnit]]
) -> Iterator[Doing]:
    """What to do, in order, where `wanted` differs from `found`.

    `loaders` are the units that have loaded a file, by its path: they forget their stamp first.
    """
    match wanted:
        case Packages():
            names = " ".join(missing_packages(wanted, found))
            install = f"{APT} install --no-install-recommends {names}"
            yield ShellCommand(
                f"update() {{ {APT} update -o APT::Update::Error-Mode=any && touch {LISTED}; }}; "
                f'if [ -n "$(find {LISTED} -mmin -{LISTS_MINUTES} 2>/dev/null)" ]; '
                # What is listed may have been replaced since.
                f"then {install} || {{ update && {install}; }}; else update && {install}; fi"
            )
        case UserAccount():
            yield from _account(wanted, found)
        case Folder():
            path = shlex.quote(wanted.path)
            yield ShellCommand(
                f"mkdir -p {path} && chown {wanted.owner}:{wanted.group} {path} "
                f"&& chmod {wanted.mode:04o} {path}"
            )
        case ManagedFile():
            for unit in loaders.get(wanted.path, ()):
                yield ShellCommand(f"rm -f {shlex.quote(unit.stamp_path)}")
            yield from _file(wanted)
        case Symlink():
            draft = shlex.quote(f"{wanted.path}.new")
            yield ShellCommand(
                f"mkdir -p {shlex.quote(str(Path(wanted.path).parent))} && "
                f"ln -sfn {shlex.quote(wanted.target)} {draft} && "
                f"mv -fT {draft} {shlex.quote(wanted.path)}"
            )
        case AbsentFile():
            yield ShellCommand(f"rm -f {shlex.quote(wanted.path)}")
        case SystemdUnit():
            yield from _unit(wanted, found)
        case CustomCommand():
            yield ShellCommand(wanted.run, wanted.stdin)


def _account(wanted: UserAccount, found: ObservedState) -> Iterator[Doing]:
    name = wanted.name
    if found.accounts.get(name) is None:
        kind = "--system" if wanted.system else "--create-home"
        yield ShellCommand(
            f"useradd {kind} --user-group --home-dir {shlex.quote(wanted.home)} "
            f"--shell {wanted.shell} {name}"
        )
    else:
        yield ShellCommand(
            f"usermod --home {shlex.quote(wanted.home)} --shell {wanted.shell} {name}"
        )
    for group in wanted.groups:
        yield ShellCommand(f"usermod --append --groups {group} {name}")


def _file(wanted: ManagedFile) -> Iterator[Doing]:
    path, draft = shlex.quote(wanted.path), shlex.quote(f"{wanted.path}.madang-new")
    folder = shlex.quote(str(Path(wanted.path).parent))
    finish = (
        f"chown {wanted.owner}:{wanted.group} {draft} && chmod {wanted.mode:04o} {draft} "
        f"&& sync -d {draft} && mv -fT {draft} {path}"
    )
    if wanted.source is not None:
        incoming = f"{STATE}/incoming"
        yield ShellCommand(f"mkdir -p {folder}")
        yield Upload(wanted.source, incoming)
        yield ShellCommand(
            f"set -e; trap 'rm -f {incoming} {draft}' EXIT; mv -fT {incoming} {draft}; {finish}"
        )
        return
    yield ShellCommand(
        f"set -e; umask 077; mkdir -p -m 755 {folder}; trap 'rm -f {draft}' EXIT; "
        f"base64 -d > {draft}; {finish}",
        base64.b64encode(wanted.content.encode()).decode() + "\n",
    )


def _unit(wanted: SystemdUnit, found: ObservedState) -> Iterator[Doing]:
    state = found.units.get(wanted.name, {})
    stamp, name = shlex.quote(wanted.stamp_path), shlex.quote(wanted.name)
    if wanted.check:
        yield ShellCommand(wanted.check)
    yield ShellCommand("systemctl daemon-reload")
    verb = "reload-or-restart" if wanted.reload and state.get("active") else "restart"
    if wanted.enable and not state.get("enabled"):
        yield ShellCommand(f"systemctl enable --quiet {name}")
    # `restart` of a service of the kind that forks returns before it can fail.
    yield ShellCommand(
        f"set -e; rm -f {stamp}; systemctl reset-failed {name} 2>/dev/null || :; "
        f"systemctl {verb} {name}; "
        f"systemctl is-failed --quiet {name} && exit 1 || :; "
        f"mkdir -p {STATE}/loaded; echo {wanted.stamp} > {stamp}.new; mv -fT {stamp}.new {stamp}"
    )
