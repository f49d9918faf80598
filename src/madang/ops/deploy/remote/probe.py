"""Sent to a machine and run by its own Python (3.10 or newer, standard library only).

Reads a JSON request from standard input and prints one JSON object; changes nothing.
"""

from __future__ import annotations

import grp
import hashlib
import json
import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Callable
from typing import Any

LONGEST_TEXT = 200_000
"""Longer texts are compared by digest alone."""
CHECK_SECONDS = 60
"""Limit for a check, after which it counts as failed."""


def run(*command: str) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return done.stdout.decode(errors="replace")


def name_of(database: Callable[[int], Any], number: int) -> str:
    try:
        return str(database(number)[0])
    except KeyError:
        return str(number)


def path_state(path: str, want_text: bool) -> dict[str, Any] | None:
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    state: dict[str, Any] = {
        "kind": "other",
        "mode": stat.S_IMODE(status.st_mode),
        "owner": name_of(pwd.getpwuid, status.st_uid),
        "group": name_of(grp.getgrgid, status.st_gid),
    }
    if stat.S_ISLNK(status.st_mode):
        state.update(kind="link", target=os.readlink(path))
    elif stat.S_ISDIR(status.st_mode):
        state.update(kind="folder")
    elif stat.S_ISREG(status.st_mode):
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        state.update(kind="file", digest=digest.hexdigest())
        if want_text and status.st_size <= LONGEST_TEXT:
            with open(path, "rb") as file:
                state["text"] = file.read().decode(errors="replace")
    return state


def installed_packages(names: list[str]) -> list[str]:
    # A package that is only known from a dependency has the state "un": not installed.
    form = "${db:Status-Abbrev} ${Package}\n"
    lines = run("dpkg-query", "-W", "-f", form, *names).splitlines() if names else []
    return sorted({line.split()[1] for line in lines if line.startswith(("ii", "hi"))})


def available_packages(names: list[str]) -> list[str]:
    lines = run("apt-cache", "policy", *names).splitlines() if names else []
    status: set[str] = set()
    name = ""
    for line in lines:
        if not line.startswith(" "):
            name = line.rstrip(":")
        elif line.strip().startswith("Candidate:") and "(none)" not in line:
            status.add(name)
    return sorted(status)


def account_state(name: str) -> dict[str, Any] | None:
    try:
        status = pwd.getpwnam(name)
    except KeyError:
        return None
    groups = sorted(group.gr_name for group in grp.getgrall() if name in group.gr_mem)
    return {"home": status.pw_dir, "shell": status.pw_shell, "groups": groups}


def unit_state(name: str) -> dict[str, bool]:
    fields = "ActiveState,UnitFileState,ConditionResult,ConditionTimestampMonotonic"
    lines = run("systemctl", "show", "-p", fields, name)
    shown = dict(line.split("=", 1) for line in lines.splitlines() if "=" in line)
    # A unit whose conditions exclude this machine (such as the clock in a container) is as desired.
    asked = shown.get("ConditionTimestampMonotonic", "0") != "0"
    skipped = asked and shown.get("ConditionResult") == "no"
    return {
        "active": skipped or shown.get("ActiveState") in ("active", "activating", "reloading"),
        "enabled": shown.get("UnitFileState") in ("enabled", "static", "generated", "indirect"),
    }


def run_check(command: str) -> bool:
    try:
        done = subprocess.run(
            ["sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=CHECK_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def main() -> None:
    request = json.load(sys.stdin)
    json.dump(
        {
            "places": {path: path_state(path, text) for path, text in request["places"].items()},
            "installed": installed_packages(request["packages"]),
            "available": available_packages(request["optional"]),
            "accounts": {name: account_state(name) for name in request["accounts"]},
            "units": {name: unit_state(name) for name in request["units"]},
            "checks": [run_check(command) for command in request["checks"]],
        },
        sys.stdout,
    )


main()
