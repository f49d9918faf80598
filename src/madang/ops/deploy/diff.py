"""Difference between desired resources and the observed state, without secrets. Pure."""

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
"""Limit of the lines shown; the rest is counted."""


@dataclass(frozen=True, slots=True)
class ObservedState:
    """State of one step's resources on one machine, as `remote.probe` reports it."""

    paths: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    installed: frozenset[str] = frozenset()
    available: frozenset[str] = frozenset()
    accounts: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    units: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    checks: Mapping[str, bool] = field(default_factory=dict)
    """Result by command."""


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """A resource that must change: name, description of the change, and differing lines."""

    what: str
    how: str
    lines: tuple[str, ...] = ()


def probe_request(resources: Iterable[Resource]) -> dict[str, Any]:
    """Return the JSON request to `remote.probe` for the state of `resources`."""
    paths: dict[str, bool] = {}
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
                paths[resource.path] = not (resource.secret or resource.tool or resource.source)
            case Folder() | Symlink() | AbsentFile():
                paths[resource.path] = False
            case SystemdUnit():
                units.append(resource.name)
                paths[resource.stamp_path] = True
            case CustomCommand():
                checks.append(resource.check)
    return {
        "places": paths,
        "packages": packages,
        "optional": optional,
        "accounts": accounts,
        "units": units,
        "checks": checks,
    }


def parse_observed(request_sent: Mapping[str, Any], answer: Mapping[str, Any]) -> ObservedState:
    """Parse the answer of `remote.probe` to a request."""
    return ObservedState(
        answer["places"],
        frozenset(answer["installed"]),
        frozenset(answer["available"]),
        answer["accounts"],
        answer["units"],
        dict(zip(request_sent["checks"], answer["checks"], strict=True)),
    )


def changing_keys(resources: Iterable[Resource], observed: ObservedState) -> frozenset[str]:
    """Return the keys of the resources that differ."""
    return frozenset(one.key for one in resources if difference(one, observed) is not None)


def difference(
    desired: Resource, observed: ObservedState, changing: frozenset[str] = frozenset()
) -> ResourceChange | None:
    """Return the change that `desired` needs, or None.

    `changing` are keys of resources that will have changed before, after which some run again.
    """
    match desired:
        case Packages():
            missing = [*missing_packages(desired, observed)]
            return ResourceChange(desired.key, f"install {' '.join(missing)}") if missing else None
        case UserAccount():
            return _account(desired, observed.accounts.get(desired.name))
        case Folder():
            return _folder(desired, observed.paths.get(desired.path))
        case ManagedFile():
            return _file(desired, observed.paths.get(desired.path))
        case Symlink():
            link = observed.paths.get(desired.path)
            if link is not None and link.get("target") == desired.target:
                return None
            return ResourceChange(desired.key, f"point to {desired.target}")
        case AbsentFile():
            if observed.paths.get(desired.path) is None:
                return None
            return ResourceChange(desired.key, "remove")
        case SystemdUnit():
            return _unit(desired, observed, changing)
        case CustomCommand():
            good = observed.checks.get(desired.check) and changing.isdisjoint(desired.after)
            return None if good else ResourceChange(desired.key, "run")


def missing_packages(desired: Packages, observed: ObservedState) -> list[str]:
    """Return the packages to install; optional ones only where the distribution has them."""
    return [
        name
        for name in (*desired.names, *desired.optional)
        if name not in observed.installed and (name in desired.names or name in observed.available)
    ]


def _account(desired: UserAccount, observed: Mapping[str, Any] | None) -> ResourceChange | None:
    if observed is None:
        return ResourceChange(desired.key, "make")
    wrong = [
        f"{name} {observed[name]} → {value}"
        for name, value in (("home", desired.home), ("shell", desired.shell))
        if observed[name] != value
    ]
    if lacking := sorted(set(desired.groups) - set(observed["groups"])):
        wrong.append(f"join {' '.join(lacking)}")
    return ResourceChange(desired.key, ", ".join(wrong)) if wrong else None


def _folder(desired: Folder, observed: Mapping[str, Any] | None) -> ResourceChange | None:
    if observed is None or observed["kind"] != "folder":
        return ResourceChange(desired.key, f"make, {_permissions(desired)}")
    wrong = _permission_changes(desired, observed)
    return ResourceChange(desired.key, wrong) if wrong else None


def _file(desired: ManagedFile, observed: Mapping[str, Any] | None) -> ResourceChange | None:
    if observed is None or observed["kind"] != "file":
        return ResourceChange(desired.key, f"write, {_permissions(desired)}", _lines(desired, ""))
    permissions = _permission_changes(desired, observed)
    if observed["digest"] == desired.digest:
        return ResourceChange(desired.key, permissions) if permissions else None
    how = ", ".join(filter(None, ("change", permissions)))
    return ResourceChange(desired.key, how, _lines(desired, observed.get("text")))


def _lines(desired: ManagedFile, before: str | None) -> tuple[str, ...]:
    if desired.secret:
        return ("(secret: not shown)",)
    if desired.tool or desired.source is not None or before is None:
        return ()
    compared = difflib.unified_diff(
        before.splitlines(), desired.content.splitlines(), lineterm="", n=1
    )
    lines = [line for line in compared if not line.startswith(("---", "+++"))]
    if len(lines) > DIFF_LINES:
        lines[DIFF_LINES:] = [f"(and {len(lines) - DIFF_LINES} more lines)"]
    return tuple(lines)


def _unit(
    desired: SystemdUnit, observed: ObservedState, changing: frozenset[str]
) -> ResourceChange | None:
    state = observed.units.get(desired.name, {})
    stamp = observed.paths.get(desired.stamp_path)
    loaded = stamp is not None and str(stamp.get("text", "")).strip() == desired.stamp
    wrong = []
    if not state.get("active"):
        wrong.append("start")
    elif not loaded or not changing.isdisjoint(file.key for file in desired.files):
        wrong.append("reload" if desired.reload else "restart")
    if desired.enable and not state.get("enabled"):
        wrong.append("enable")
    return ResourceChange(desired.key, ", ".join(wrong)) if wrong else None


def _permissions(desired: ManagedFile | Folder) -> str:
    return f"{desired.mode:04o} {desired.owner}:{desired.group}"


def _permission_changes(desired: ManagedFile | Folder, observed: Mapping[str, Any]) -> str:
    before = f"{observed['mode']:04o} {observed['owner']}:{observed['group']}"
    return "" if before == _permissions(desired) else f"{before} → {_permissions(desired)}"
