"""Wanted against seen: what would change, in words that are safe to show. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from madang.ops.deploy.model.resources import (
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

DIFF_LINES: Final = 200
"""A difference longer than this is read by nobody; its rest is counted."""


@dataclass(frozen=True, slots=True)
class ObservedState:
    """What `remote.probe` saw of one step's resources on one machine."""

    places: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    installed: frozenset[str] = frozenset()
    available: frozenset[str] = frozenset()
    accounts: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    units: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    checks: Mapping[str, bool] = field(default_factory=dict)
    """Outcome by command."""


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """One resource that is not as it shall be: what would be done, and the lines that differ."""

    what: str
    how: str
    lines: tuple[str, ...] = ()


def request(resources: Iterable[Resource]) -> dict[str, Any]:
    """What `remote.probe` must be asked to judge `resources`, as a JSON value."""
    places: dict[str, bool] = {}
    packages: list[str] = []
    optional: list[str] = []
    accounts: list[str] = []
    units: list[str] = []
    checks: list[str] = []
    for resource in resources:
        match resource:
            case Packages():
                packages += [*resource.names, *resource.optional]
                optional += resource.optional
            case UserAccount():
                accounts.append(resource.name)
            case ManagedFile():
                # The text of a secret file never leaves its machine.
                places[resource.path] = not (resource.secret or resource.tool or resource.source)
            case Folder() | Symlink() | AbsentFile():
                places[resource.path] = False
            case SystemdUnit():
                units.append(resource.name)
                places[resource.stamp_path] = True
            case CustomCommand():
                checks.append(resource.check)
    return {
        "places": places,
        "packages": packages,
        "optional": optional,
        "accounts": accounts,
        "units": units,
        "checks": checks,
    }


def seen(asked: Mapping[str, Any], answer: Mapping[str, Any]) -> ObservedState:
    """The answer of `remote.probe` to the request `asked`."""
    return ObservedState(
        answer["places"],
        frozenset(answer["installed"]),
        frozenset(answer["available"]),
        answer["accounts"],
        answer["units"],
        dict(zip(asked["checks"], answer["checks"], strict=True)),
    )


def difference(wanted: Resource, found: ObservedState) -> ResourceChange | None:
    """What must change for `wanted`; None where all is as it shall be."""
    match wanted:
        case Packages():
            missing = [*missing_packages(wanted, found)]
            return ResourceChange(wanted.key, f"install {' '.join(missing)}") if missing else None
        case UserAccount():
            return _account(wanted, found.accounts.get(wanted.name))
        case Folder():
            return _folder(wanted, found.places.get(wanted.path))
        case ManagedFile():
            return _file(wanted, found.places.get(wanted.path))
        case Symlink():
            place = found.places.get(wanted.path)
            if place is not None and place.get("target") == wanted.target:
                return None
            return ResourceChange(wanted.key, f"point to {wanted.target}")
        case AbsentFile():
            if found.places.get(wanted.path) is None:
                return None
            return ResourceChange(wanted.key, "remove")
        case SystemdUnit():
            return _unit(wanted, found)
        case CustomCommand():
            return None if found.checks.get(wanted.check) else ResourceChange(wanted.key, "run")


def missing_packages(wanted: Packages, found: ObservedState) -> list[str]:
    """Those of `wanted` to install; an optional one only where the distribution has it."""
    return [
        name
        for name in (*wanted.names, *wanted.optional)
        if name not in found.installed and (name in wanted.names or name in found.available)
    ]


def _account(wanted: UserAccount, found: Mapping[str, Any] | None) -> ResourceChange | None:
    if found is None:
        return ResourceChange(wanted.key, "make")
    wrong = [
        f"{name} {found[name]} → {value}"
        for name, value in (("home", wanted.home), ("shell", wanted.shell))
        if found[name] != value
    ]
    if lacking := sorted(set(wanted.groups) - set(found["groups"])):
        wrong.append(f"join {' '.join(lacking)}")
    return ResourceChange(wanted.key, ", ".join(wrong)) if wrong else None


def _folder(wanted: Folder, found: Mapping[str, Any] | None) -> ResourceChange | None:
    if found is None or found["kind"] != "folder":
        return ResourceChange(wanted.key, f"make, {_rights(wanted)}")
    wrong = _wrong_rights(wanted, found)
    return ResourceChange(wanted.key, wrong) if wrong else None


def _file(wanted: ManagedFile, found: Mapping[str, Any] | None) -> ResourceChange | None:
    if found is None or found["kind"] != "file":
        return ResourceChange(wanted.key, f"write, {_rights(wanted)}", _lines(wanted, ""))
    rights = _wrong_rights(wanted, found)
    if found["digest"] == wanted.digest:
        return ResourceChange(wanted.key, rights) if rights else None
    how = ", ".join(filter(None, ("change", rights)))
    return ResourceChange(wanted.key, how, _lines(wanted, found.get("text")))


def _lines(wanted: ManagedFile, before: str | None) -> tuple[str, ...]:
    if wanted.secret:
        return ("(secret: not shown)",)
    if wanted.tool or wanted.source is not None or before is None:
        return ()
    compared = difflib.unified_diff(
        before.splitlines(), wanted.content.splitlines(), lineterm="", n=1
    )
    lines = [line for line in compared if not line.startswith(("---", "+++"))]
    if len(lines) > DIFF_LINES:
        lines[DIFF_LINES:] = [f"(and {len(lines) - DIFF_LINES} more lines)"]
    return tuple(lines)


def _unit(wanted: SystemdUnit, found: ObservedState) -> ResourceChange | None:
    state = found.units.get(wanted.name, {})
    stamp = found.places.get(wanted.stamp_path)
    wrong = []
    if not state.get("active"):
        wrong.append("start")
    elif stamp is None or str(stamp.get("text", "")).strip() != wanted.stamp:
        wrong.append("reload" if wanted.reload else "restart")
    if wanted.enable and not state.get("enabled"):
        wrong.append("enable")
    return ResourceChange(wanted.key, ", ".join(wrong)) if wrong else None


def _rights(wanted: ManagedFile | Folder) -> str:
    return f"{wanted.mode:04o} {wanted.owner}:{wanted.group}"


def _wrong_rights(wanted: ManagedFile | Folder, found: Mapping[str, Any]) -> str:
    before = f"{found['mode']:04o} {found['owner']}:{found['group']}"
    return "" if before == _rights(wanted) else f"{before} → {_rights(wanted)}"
