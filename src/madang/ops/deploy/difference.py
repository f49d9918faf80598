"""Wanted against seen: what would change, in words that are safe to show. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from madang.ops.deploy.resources import (
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

DIFF_LINES: Final = 200
"""A difference longer than this is read by nobody; its rest is counted."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What `looker` saw of one step's resources on one machine."""

    places: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    installed: frozenset[str] = frozenset()
    available: frozenset[str] = frozenset()
    accounts: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    units: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    checks: Mapping[str, bool] = field(default_factory=dict)
    """Outcome by command."""


@dataclass(frozen=True, slots=True)
class Change:
    """One resource that is not as it shall be: what would be done, and the lines that differ."""

    what: str
    how: str
    lines: tuple[str, ...] = ()


def request(resources: Iterable[Resource]) -> dict[str, Any]:
    """What `looker` must be asked to judge `resources`, as a JSON value."""
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
            case Account():
                accounts.append(resource.name)
            case File():
                # The text of a secret file never leaves its machine.
                places[resource.path] = not (resource.secret or resource.tool or resource.source)
            case Folder() | Link() | Gone():
                places[resource.path] = False
            case Unit():
                units.append(resource.name)
                places[resource.stamp_path] = True
            case Command():
                checks.append(resource.check)
    return {
        "places": places,
        "packages": packages,
        "optional": optional,
        "accounts": accounts,
        "units": units,
        "checks": checks,
    }


def seen(asked: Mapping[str, Any], answer: Mapping[str, Any]) -> Seen:
    """The answer of `looker` to the request `asked`."""
    return Seen(
        answer["places"],
        frozenset(answer["installed"]),
        frozenset(answer["available"]),
        answer["accounts"],
        answer["units"],
        dict(zip(asked["checks"], answer["checks"], strict=True)),
    )


def difference(wanted: Resource, found: Seen) -> Change | None:
    """What must change for `wanted`; None where all is as it shall be."""
    match wanted:
        case Packages():
            missing = [*missing_packages(wanted, found)]
            return Change(wanted.key, f"install {' '.join(missing)}") if missing else None
        case Account():
            return _account(wanted, found.accounts.get(wanted.name))
        case Folder():
            return _folder(wanted, found.places.get(wanted.path))
        case File():
            return _file(wanted, found.places.get(wanted.path))
        case Link():
            place = found.places.get(wanted.path)
            if place is not None and place.get("target") == wanted.target:
                return None
            return Change(wanted.key, f"point to {wanted.target}")
        case Gone():
            if found.places.get(wanted.path) is None:
                return None
            return Change(wanted.key, "remove")
        case Unit():
            return _unit(wanted, found)
        case Command():
            return None if found.checks.get(wanted.check) else Change(wanted.key, "run")


def missing_packages(wanted: Packages, found: Seen) -> list[str]:
    """Those of `wanted` to install; an optional one only where the distribution has it."""
    return [
        name
        for name in (*wanted.names, *wanted.optional)
        if name not in found.installed and (name in wanted.names or name in found.available)
    ]


def _account(wanted: Account, found: Mapping[str, Any] | None) -> Change | None:
    if found is None:
        return Change(wanted.key, "make")
    wrong = [
        f"{name} {found[name]} → {value}"
        for name, value in (("home", wanted.home), ("shell", wanted.shell))
        if found[name] != value
    ]
    if lacking := sorted(set(wanted.groups) - set(found["groups"])):
        wrong.append(f"join {' '.join(lacking)}")
    return Change(wanted.key, ", ".join(wrong)) if wrong else None


def _folder(wanted: Folder, found: Mapping[str, Any] | None) -> Change | None:
    if found is None or found["kind"] != "folder":
        return Change(wanted.key, f"make, {_rights(wanted)}")
    wrong = _wrong_rights(wanted, found)
    return Change(wanted.key, wrong) if wrong else None


def _file(wanted: File, found: Mapping[str, Any] | None) -> Change | None:
    if found is None or found["kind"] != "file":
        return Change(wanted.key, f"write, {_rights(wanted)}", _lines(wanted, ""))
    rights = _wrong_rights(wanted, found)
    if found["digest"] == wanted.digest:
        return Change(wanted.key, rights) if rights else None
    how = ", ".join(filter(None, ("change", rights)))
    return Change(wanted.key, how, _lines(wanted, found.get("text")))


def _lines(wanted: File, before: str | None) -> tuple[str, ...]:
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


def _unit(wanted: Unit, found: Seen) -> Change | None:
    state = found.units.get(wanted.name, {})
    stamp = found.places.get(wanted.stamp_path)
    wrong = []
    if not state.get("active"):
        wrong.append("start")
    elif stamp is None or str(stamp.get("text", "")).strip() != wanted.stamp:
        wrong.append("reload" if wanted.reload else "restart")
    if wanted.enable and not state.get("enabled"):
        wrong.append("enable")
    return Change(wanted.key, ", ".join(wrong)) if wrong else None


def _rights(wanted: File | Folder) -> str:
    return f"{wanted.mode:04o} {wanted.owner}:{wanted.group}"


def _wrong_rights(wanted: File | Folder, found: Mapping[str, Any]) -> str:
    before = f"{found['mode']:04o} {found['owner']}:{found['group']}"
    return "" if before == _rights(wanted) else f"{before} → {_rights(wanted)}"
