"""Sent to a machine and run there by its own Python (3.10 or newer, standard library only).

Reads a JSON request from standard input, prints one JSON object; changes nothing.
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
"""Longer texts are compared by digest alone; no configuration file is near it."""
CHECK_SECONDS = 60
"""A check looks; one that takes this long hangs."""


def said(*command: str) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return done.stdout.decode(errors="replace")


def name_of(database: Callable[[int], Any], number: int) -> str:
    try:
        return str(database(number)[0])
    except KeyError:
        return str(number)


def place(path: str, want_text: bool) -> dict[str, Any] | None:
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    seen: dict[str, Any] = {
        "kind": "other",
        "mode": stat.S_IMODE(found.st_mode),
        "owner": name_of(pwd.getpwuid, found.st_uid),
        "group": name_of(grp.getgrgid, found.st_gid),
    }
    if stat.S_ISLNK(found.st_mode):
        seen.update(kind="link", target=os.readlink(path))
    elif stat.S_ISDIR(found.st_mode):
        seen.update(kind="folder")
    elif stat.S_ISREG(found.st_mode):
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        seen.update(kind="file", digest=digest.hexdigest())
        if want_text and found.st_size <= LONGEST_TEXT:
            with open(path, "rb") as file:
                seen["text"] = file.read().decode(errors="replace")
    return seen


def packages(names: list[str]) -> list[str]:
    # A package that another one merely mentions has the state "un": not installed.
    form = "${db:Status-Abbrev} ${Package}\n"
    lines = said("dpkg-query", "-W", "-f", form, *names).splitlines() if names else []
    return sorted({line.split()[1] for line in lines if line.startswith(("ii", "hi"))})


def available(names: list[str]) -> list[str]:
    lines = said("apt-cache", "policy", *names).splitlines() if names else []
    found: set[str] = set()
    name = ""
    for line in lines:
        if not line.startswith(" "):
            name = line.rstrip(":")
        elif line.strip().startswith("Candidate:") and "(none)" not in line:
            found.add(name)
    return sorted(found)


def account(name: str) -> dict[str, Any] | None:
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        return None
    groups = sorted(group.gr_name for group in grp.getgrall() if name in group.gr_mem)
    return {"home": found.pw_dir, "shell": found.pw_shell, "groups": groups}


def unit(name: str) -> dict[str, bool]:
    fields = "ActiveState,UnitFileState,ConditionResult,ConditionTimestampMonotonic"
    lines = said("systemctl", "show", "-p", fields, name)
    shown = dict(line.split("=", 1) for line in lines.splitlines() if "=" in line)
    # A unit that looked at this machine and found it has nothing to do here (the clock of a
    # container is its host's) is as it shall be.
    asked = shown.get("ConditionTimestampMonotonic", "0") != "0"
    skipped = asked and shown.get("ConditionResult") == "no"
    return {
        "active": skipped or shown.get("ActiveState") in ("active", "activating", "reloading"),
        "enabled": shown.get("UnitFileState") in ("enabled", "static", "generated", "indirect"),
    }


def check(command: str) -> bool:
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
            "places": {path: place(path, text) for path, text in request["places"].items()},
            "installed": packages(request["packages"]),
            "available": available(request["optional"]),
            "accounts": {name: account(name) for name in request["accounts"]},
            "units": {name: unit(name) for name in request["units"]},
            "checks": [check(command) for command in request["checks"]],
        },
        sys.stdout,
    )


main()
