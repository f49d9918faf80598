"""Installed on a machine; switches the release of roles, or rolls back. Standard library only.

    switch.py SECONDS check ID ROLE...   exit 0: these roles run release ID
    switch.py SECONDS to ID ROLE...      try it, switch; roll back if it does not become ready
    switch.py SECONDS back ROLE...       to the release that ran before
    switch.py SECONDS status             one JSON object

Runs under systemd, so that an operator's lost connection does not interrupt it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

Roles = dict[str, dict[str, Any]]

PROGRAM = pathlib.Path("/opt/madang")
STATE = pathlib.Path("/var/lib/madang-deploy")
DATA = pathlib.Path("/var/lib/madang")
ROLES_FILE = STATE / "roles.json"
"""Unit, sockets and /readyz address by role, written by `madang deploy`."""
TRIAL_SECONDS = 40.0
TIMED_OUT = 124
"""Exit code of timeout(1) for a command that it ended."""
RELEASES_KEPT = 3
"""Number of releases kept besides those in use, for two rollbacks."""


class NotReady(Exception):
    """The release does not become ready; the text has the reason."""


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, text=True, capture_output=True)


def print_progress(message: str) -> None:
    print(message, flush=True)


def release_link(role: str) -> pathlib.Path:
    return PROGRAM / "roles" / role


def linked_release(role: str) -> str | None:
    try:
        return os.path.basename(os.readlink(release_link(role)))
    except FileNotFoundError:
        return None


def running_release_file(role: str) -> pathlib.Path:
    return STATE / "running" / role


def running_release(role: str) -> str | None:
    try:
        return running_release_file(role).read_text().strip()
    except FileNotFoundError:
        return None


def write(path: pathlib.Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.write_text(text)
    os.replace(draft, path)


def link_release(role: str, release: str) -> None:
    link = release_link(role)
    link.parent.mkdir(parents=True, exist_ok=True)
    draft = link.with_name(role + ".new")
    with contextlib.suppress(FileNotFoundError):
        draft.unlink()
    draft.symlink_to(PROGRAM / "releases" / release)
    os.replace(draft, link)


def has_role(release: str, role: str) -> bool:
    """Return true if the program of `release` has `role`; the first releases have no list."""
    try:
        return role in (PROGRAM / "releases" / release / "roles").read_text().split()
    except FileNotFoundError:
        return role != "files"


def is_active(unit: str) -> bool:
    return run("systemctl", "is-active", "--quiet", unit).returncode == 0


def runs(role: str, release: str, plan: Roles) -> bool:
    releases = {linked_release(role), running_release(role)}
    return releases == {release} and is_active(plan[role]["unit"])


def is_ready(url: str) -> tuple[bool, str]:
    """Return true if the role is ready, and the reason if not. Without a URL it is ready if it
    runs."""
    if not url:
        return True, ""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200, ""
    except urllib.error.HTTPError as error:
        return False, error.read(500).decode(errors="replace").strip()
    except OSError as error:
        return False, str(error)


def wait_ready(role: str, plan: Roles, since: float, timeout: float) -> None:
    unit, url = plan[role]["unit"], plan[role]["ready"]
    until, reason = time.monotonic() + timeout, ""
    while time.monotonic() < until:
        good, reason = is_ready(url)
        if good and is_active(unit):
            return
        time.sleep(0.2)
    raise not_ready(unit, since, timeout, reason)


def not_ready(unit: str, since: float, timeout: float, reason: str) -> NotReady:
    """Return the error for a unit that was not ready in time."""
    lines = run(
        *("journalctl", "-u", unit, "--since", f"@{int(since)}", "-n", "12"),
        *("--no-pager", "-o", "cat"),
    ).stdout.strip()
    return NotReady(f"{unit} is not ready after {timeout:g} s ({reason}). Its log ends:\n{lines}")


def try_release(release: str) -> None:
    """Start `release` on an empty data folder of its own. Raises NotReady."""
    madang = str(PROGRAM / "releases" / release / "venv" / "bin" / "madang")
    config = str(PROGRAM / "releases" / release / "madang.toml")
    as_user = ("setpriv", "--reuid=madang", "--regid=madang", "--init-groups", "--reset-env")
    read = run(*as_user, madang, "config", "show", "--config", config, "--data", str(DATA))
    if read.returncode:
        raise NotReady(f"Its settings are refused: {read.stderr.strip()[-1000:]}")
    with tempfile.TemporaryDirectory(prefix="madang-trial-") as folder:
        shutil.chown(folder, "madang", "madang")
        stdout_file, stderr_file = os.path.join(folder, "said"), os.path.join(folder, "log")
        with open(stdout_file, "wb") as out, open(stderr_file, "wb") as err:
            process = subprocess.Popen(
                [
                    *(*as_user, madang, "serve", "--data", os.path.join(folder, "data")),
                    *("--http", "127.0.0.1:0", "--rtmp", "127.0.0.1:0", "--no-demo"),
                ],
                stdout=out,
                stderr=err,
                cwd="/",
            )
        until = time.monotonic() + TRIAL_SECONDS
        while time.monotonic() < until and process.poll() is None and not read_text(stdout_file):
            time.sleep(0.05)
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if not read_text(stdout_file).startswith("ready "):
            lines = read_text(stderr_file)[-1500:].strip()
            raise NotReady(f"It does not get ready on an empty data folder. Its log ends:\n{lines}")


def read_text(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def copy_database() -> pathlib.Path | None:
    """Copy the SQLite database of the stopped station; None where there is none."""
    database = DATA / "madang.db"
    if not database.exists():
        return None
    copy = STATE / "before-switch.db"
    with (
        contextlib.closing(sqlite3.connect(database)) as source,
        contextlib.closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
    os.chmod(copy, 0o600)
    return copy


def restore_database(copy: pathlib.Path) -> None:
    database = DATA / "madang.db"
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            pathlib.Path(f"{database}{suffix}").unlink()
    with open(copy, "rb") as source, open(database, "r+b") as target:
        target.truncate()
        shutil.copyfileobj(source, target)


def start_role(role: str, plan: Roles, timeout: float) -> None:
    since = time.time()
    unit = plan[role]["unit"]
    run("systemctl", "reset-failed", unit)
    run("systemctl", "enable", "--quiet", unit)
    # Sockets of systemd stay open, so that new connections wait.
    for name in plan[role]["sockets"]:
        run("systemctl", "enable", "--quiet", name)
        run("systemctl", "start", name)
    # Returns when the service reports ready, which a hanging one never does.
    done = run("timeout", f"{timeout:g}", "systemctl", "restart", unit)
    if done.returncode == TIMED_OUT:
        raise not_ready(unit, since, timeout, "it does not say so")
    if done.returncode:
        raise NotReady(f"{unit} does not start: {done.stderr.strip()}")
    wait_ready(role, plan, since, timeout)


def turn_off(role: str, plan: Roles) -> None:
    run("systemctl", "disable", "--now", "--quiet", *plan[role]["sockets"], plan[role]["unit"])
    for path in (release_link(role), running_release_file(role)):
        path.unlink(missing_ok=True)


def migrate(release: str) -> None:
    folder = PROGRAM / "releases" / release
    done = run(
        *("setpriv", "--reuid=madang", "--regid=madang", "--init-groups", "--reset-env"),
        *(str(folder / "venv" / "bin" / "madang"), "status", "--json"),
        *("--config", str(folder / "madang.toml"), "--data", str(DATA)),
    )
    if done.returncode:
        raise NotReady(f"The tables cannot be changed: {done.stderr.strip()[-1000:]}")


def switch_release(
    release: str, roles: Sequence[str], plan: Roles, timeout: float, *, tried: bool
) -> None:
    if not (PROGRAM / "releases" / release / ".complete").exists():
        raise NotReady(f"There is no complete release {release} on this machine.")
    if tried:
        print_progress("trying the release on an empty data folder")
        try_release(release)
        # `all` migrates at its start, after its database was copied.
        if json.loads(ROLES_FILE.read_text())["migrates"] and "all" not in roles:
            migrate(release)
    changed: list[tuple[str, str | None]] = []
    copy: pathlib.Path | None = None
    try:
        for role in roles:
            if runs(role, release, plan):
                continue
            if not has_role(release, role):
                if linked_release(role):
                    changed.append((role, running_release(role)))
                    print_progress(f"stopping {plan[role]['unit']}: {release} is older than it")
                    turn_off(role, plan)
                continue
            # The running release is recorded only when the new one is ready, so that the run after
            # an interrupted one knows the target of a rollback.
            changed.append((role, running_release(role)))
            if role == "all":
                run("systemctl", "stop", plan[role]["unit"])
                copy = copy_database()
            link_release(role, release)
            print_progress(f"starting {plan[role]['unit']} from {release}")
            start_role(role, plan, timeout)
            write(running_release_file(role), release + "\n")
    except NotReady as error:
        undone = roll_back(changed, copy, plan, timeout)
        raise NotReady(f"{error}\n{undone}") from None
    record_release(release, roles)


def roll_back(
    changed: list[tuple[str, str | None]], copy: pathlib.Path | None, plan: Roles, timeout: float
) -> str:
    lines = []
    for role, target in reversed(changed):
        unit = plan[role]["unit"]
        if target is None:
            turn_off(role, plan)
            lines.append(f"{unit} is off again: no release ran before.")
            continue
        run("systemctl", "stop", unit)
        if copy is not None and role == "all":
            restore_database(copy)
        link_release(role, target)
        try:
            start_role(role, plan, timeout)
        except NotReady as error:
            lines.append(f"{unit} does not come back with {target} either: {error}")
        else:
            write(running_release_file(role), target + "\n")
            lines.append(f"{unit} runs {target} again.")
    return "\n".join(lines)


def history() -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = json.loads((STATE / "releases.json").read_text())
        return found
    except FileNotFoundError:
        return []


def record_release(release: str, roles: Sequence[str]) -> None:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    entries = [*history(), {"release": release, "roles": list(roles), "at": at}]
    write(STATE / "releases.json", json.dumps(entries[-50:]))
    in_use = {linked_release(role) for role in json.loads(ROLES_FILE.read_text())["roles"]}
    recent = list(dict.fromkeys(entry["release"] for entry in reversed(entries)))
    keep = in_use | set(recent[: RELEASES_KEPT + 1])
    for folder in (PROGRAM / "releases").iterdir():
        if folder.name not in keep and (folder / ".complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
    # Then programs and packages that no release needs.
    programs = {os.path.realpath(folder / "venv") for folder in (PROGRAM / "releases").iterdir()}
    remove_unused("programs", {os.path.dirname(path) for path in programs})
    paths = (PROGRAM / "programs").glob("*/venv/lib/*/site-packages/packages.pth")
    remove_unused("packages", {path.read_text().strip() for path in paths})


def remove_unused(kind: str, needed: set[str]) -> None:
    """Remove complete folders of a kind that are not needed."""
    for folder in (PROGRAM / kind).iterdir():
        if (folder / ".complete").exists() and str(folder) not in needed:
            shutil.rmtree(folder, ignore_errors=True)


def previous_release(roles: Sequence[str]) -> str:
    """Return the release that `roles` ran before the current one. Raises NotReady."""
    now = next((linked for role in roles if (linked := linked_release(role))), None)
    for entry in reversed(history()):
        name = str(entry["release"])
        if name != now and (PROGRAM / "releases" / name / ".complete").exists():
            return name
    raise NotReady("There is no earlier release on this machine to go back to.")


def status(plan: Roles) -> dict[str, Any]:
    linked = {release for role in plan if (release := linked_release(role))}
    report = {}
    for role, entry in plan.items():
        if linked and not any(has_role(release, role) for release in linked):
            continue  # rolled back to a release from before the role
        good, reason = is_ready(entry["ready"])
        report[role] = {
            "unit": entry["unit"],
            "release": running_release(role),
            "active": is_active(entry["unit"]),
            "ready": good,
            "why": reason,
        }
    return {"roles": report, "history": history()[-10:]}


def main(arguments: list[str]) -> int:
    plan: Roles = json.loads(ROLES_FILE.read_text())["roles"]
    timeout, *wanted = arguments
    match wanted:
        case ["check", release, *roles]:
            return 0 if all(runs(role, release, plan) for role in roles) else 1
        case ["status"]:
            print(json.dumps(status(plan)))
            return 0
    with open(STATE / "switch.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another release is being switched on this machine.", file=sys.stderr)
            return 1
        try:
            match wanted:
                case ["to", release, *roles]:
                    switch_release(release, roles, plan, float(timeout), tried=True)
                case ["back", *roles]:
                    switch_release(
                        previous_release(roles), roles, plan, float(timeout), tried=False
                    )
        except NotReady as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
