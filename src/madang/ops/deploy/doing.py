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

from madang.ops.deploy.difference import Seen, missing_packages
from madang.ops.deploy.resources import (
    STATE,
    Account,
    Command,
    File,
    Folder,
    Gone,
    Link,
    Packages,
    Resource,
    Unit,
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
class Run:
    """A shell command; what it reads from standard input may be secret."""

    command: str
    stdin: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of the operator's machine, to a path that only root reads."""

    source: Path
    path: str


Doing = Run | Upload


def doings(wanted: Resource, found: Seen, loaders: Mapping[str, Sequence[Unit]]) -> Iterator[Doing]:
    """What to do, in order, where `wanted` differs from `found`.

    `loaders` are the units that have loaded a file, by its path: they forget their stamp first.
    """
    match wanted:
        case Packages():
            names = " ".join(missing_packages(wanted, found))
            install = f"{APT} install --no-install-recommends {names}"
            yield Run(
                f"update() {{ {APT} update -o APT::Update::Error-Mode=any && touch {LISTED}; }}; "
                f'if [ -n "$(find {LISTED} -mmin -{LISTS_MINUTES} 2>/dev/null)" ]; '
                # What is listed may have been replaced since.
                f"then {install} || {{ update && {install}; }}; else update && {install}; fi"
            )
        case Account():
            yield from _account(wanted, found)
        case Folder():
            path = shlex.quote(wanted.path)
            yield Run(
                f"mkdir -p {path} && chown {wanted.owner}:{wanted.group} {path} "
                f"&& chmod {wanted.mode:04o} {path}"
            )
        case File():
            for unit in loaders.get(wanted.path, ()):
                yield Run(f"rm -f {shlex.quote(unit.stamp_path)}")
            yield from _file(wanted)
        case Link():
            draft = shlex.quote(f"{wanted.path}.new")
            yield Run(
                f"mkdir -p {shlex.quote(str(Path(wanted.path).parent))} && "
                f"ln -sfn {shlex.quote(wanted.target)} {draft} && "
                f"mv -fT {draft} {shlex.quote(wanted.path)}"
            )
        case Gone():
            yield Run(f"rm -f {shlex.quote(wanted.path)}")
        case Unit():
            yield from _unit(wanted, found)
        case Command():
            yield Run(wanted.run, wanted.stdin)


def _account(wanted: Account, found: Seen) -> Iterator[Doing]:
    name = wanted.name
    if found.accounts.get(name) is None:
        kind = "--system" if wanted.system else "--create-home"
        yield Run(
            f"useradd {kind} --user-group --home-dir {shlex.quote(wanted.home)} "
            f"--shell {wanted.shell} {name}"
        )
    else:
        yield Run(f"usermod --home {shlex.quote(wanted.home)} --shell {wanted.shell} {name}")
    for group in wanted.groups:
        yield Run(f"usermod --append --groups {group} {name}")


def _file(wanted: File) -> Iterator[Doing]:
    path, draft = shlex.quote(wanted.path), shlex.quote(f"{wanted.path}.madang-new")
    folder = shlex.quote(str(Path(wanted.path).parent))
    finish = (
        f"chown {wanted.owner}:{wanted.group} {draft} && chmod {wanted.mode:04o} {draft} "
        f"&& sync -d {draft} && mv -fT {draft} {path}"
    )
    if wanted.source is not None:
        incoming = f"{STATE}/incoming"
        yield Run(f"mkdir -p {folder}")
        yield Upload(wanted.source, incoming)
        yield Run(
            f"set -e; trap 'rm -f {incoming} {draft}' EXIT; mv -fT {incoming} {draft}; {finish}"
        )
        return
    yield Run(
        f"set -e; umask 077; mkdir -p -m 755 {folder}; trap 'rm -f {draft}' EXIT; "
        f"base64 -d > {draft}; {finish}",
        base64.b64encode(wanted.content.encode()).decode() + "\n",
    )


def _unit(wanted: Unit, found: Seen) -> Iterator[Doing]:
    state = found.units.get(wanted.name, {})
    stamp, name = shlex.quote(wanted.stamp_path), shlex.quote(wanted.name)
    if wanted.check:
        yield Run(wanted.check)
    yield Run("systemctl daemon-reload")
    verb = "reload-or-restart" if wanted.reload and state.get("active") else "restart"
    if wanted.enable and not state.get("enabled"):
        yield Run(f"systemctl enable --quiet {name}")
    # `restart` of a service of the kind that forks returns before it can fail.
    yield Run(
        f"set -e; rm -f {stamp}; systemctl reset-failed {name} 2>/dev/null || :; "
        f"systemctl {verb} {name}; "
        f"systemctl is-failed --quiet {name} && exit 1 || :; "
        f"mkdir -p {STATE}/loaded; echo {wanted.stamp} > {stamp}.new; mv -fT {stamp}.new {stamp}"
    )
