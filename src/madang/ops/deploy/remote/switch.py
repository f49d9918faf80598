"""Installed on a machine; changes the release that roles run, or goes back. Standard library only.

    switch.py SECONDS check ID ROLE...   exit 0: these roles run release ID
    switch.py SECONDS to ID ROLE...      try it, switch; go back by itself where it is not ready
    switch.py SECONDS back ROLE...       to the release that ran before
    switch.py SECONDS status             one JSON object

Runs under systemd, so that an operator's lost connection does not stop it half way.
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
PLAN = STATE / "roles.json"
"""Unit, sockets and /readyz address by role, written by `madang deploy`."""
TRIAL_SECONDS = 40.0
TIMED_OUT = 124
"""Exit code of timeout(1) where it had to end what it ran."""
KEPT = 3
"""Releases kept beside those in use: enough to go back twice."""


class NotReady(Exception):
    """The release does not come up; the text says why."""


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, text=True, capture_output=True)


def say(words: str) -> None:
    print(words, flush=True)


def link_of(role: str) -> pathlib.Path:
    return PROGRAM / "roles" / role


def linked(role: str) -> str | None:
    try:
        return os.path.basename(os.readlink(link_of(role)))
    except FileNotFoundError:
        return None


def running_file(role: str) -> pathlib.Path:
    return STATE / "running" / role


def running(role: str) -> str | None:
    try:
        return running_file(role).read_text().strip()
    except FileNotFoundError:
        return None


def write(path: pathlib.Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.write_text(text)
    os.replace(draft, path)


def point(role: str, release: str) -> None:
    link = link_of(role)
    link.parent.mkdir(parents=True, exist_ok=True)
    draft = link.with_name(role + ".new")
    with contextlib.suppress(FileNotFoundError):
        draft.unlink()
    draft.symlink_to(PROGRAM / "releases" / release)
    os.replace(draft, link)


def is_active(unit: str) -> bool:
    return run("systemctl", "is-active", "--quiet", unit).returncode == 0


def is_ready(url: str) -> tuple[bool, str]:
    """Whether it answers, and why not; a role without an address is ready when it runs."""
    if not url:
        return True, ""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200, ""
    except urllib.error.HTTPError as error:
        return False, error.read(500).decode(errors="replace").strip()
    except OSError as error:
        return False, str(error)


def wait_ready(role: str, plan: Roles, since: float, patience: float) -> None:
    unit, url = plan[role]["unit"], plan[role]["ready"]
    until, why = time.monotonic() + patience, ""
    while time.monotonic() < until:
        good, why = is_ready(url)
        if good and is_active(unit):
            return
        time.sleep(0.2)
    raise not_ready(unit, since, patience, why)


def not_ready(unit: str, since: float, patience: float, why: str) -> NotReady:
    """What to tell of a unit that was not ready in time."""
    lines = run(
        *("journalctl", "-u", unit, "--since", f"@{int(since)}", "-n", "12"),
        *("--no-pager", "-o", "cat"),
    ).stdout.strip()
    return NotReady(f"{unit} is not ready after {patience:g} s ({why}). Its log ends:\n{lines}")


def trial(release: str) -> None:
    """Start `release` on an empty data folder of its own: whether it can run here at all."""
    madang = str(PROGRAM / "releases" / release / "venv" / "bin" / "madang")
    config = str(PROGRAM / "releases" / release / "madang.toml")
    as_user = ("setpriv", "--reuid=madang", "--regid=madang", "--init-groups", "--reset-env")
    read = run(*as_user, madang, "config", "show", "--config", config, "--data", str(DATA))
    if read.returncode:
        raise NotReady(f"Its settings are refused: {read.stderr.strip()[-1000:]}")
    with tempfile.TemporaryDirectory(prefix="madang-trial-") as folder:
        shutil.chown(folder, "madang", "madang")
        said, log = os.path.join(folder, "said"), os.path.join(folder, "log")
        with open(said, "wb") as out, open(log, "wb") as err:
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
        while time.monotonic() < until and process.poll() is None and not text_of(said):
            time.sleep(0.05)
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if not text_of(said).startswith("ready "):
            words = text_of(log)[-1500:].strip()
            raise NotReady(f"It does not get ready on an empty data folder. Its log ends:\n{words}")


def text_of(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def snapshot() -> pathlib.Path | None:
    """The SQLite database as it is now, or None where there is none. The station is stopped."""
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


def restore(copy: pathlib.Path) -> None:
    database = DATA / "madang.db"
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            pathlib.Path(f"{database}{suffix}").unlink()
    with open(copy, "rb") as source, open(database, "r+b") as target:
        target.truncate()
        shutil.copyfileobj(source, target)


def start(role: str, plan: Roles, patience: float) -> None:
    since = time.time()
    unit = plan[role]["unit"]
    run("systemctl", "reset-failed", unit)
    # What systemd holds open stays open, so that whoever comes meanwhile waits.
    for name in plan[role]["sockets"]:
        run("systemctl", "enable", "--quiet", name)
        run("systemctl", "start", name)
    # It returns when the service says that it is ready, which one that hangs never does.
    done = run("timeout", f"{patience:g}", "systemctl", "restart", unit)
    if done.returncode == TIMED_OUT:
        raise not_ready(unit, since, patience, "it does not say so")
    if done.returncode:
        raise NotReady(f"{unit} does not start: {done.stderr.strip()}")
    wait_ready(role, plan, since, patience)


def migrate(release: str) -> None:
    folder = PROGRAM / "releases" / release
    done = run(
        *("setpriv", "--reuid=madang", "--regid=madang", "--init-groups", "--reset-env"),
        *(str(folder / "venv" / "bin" / "madang"), "status", "--json"),
        *("--config", str(folder / "madang.toml"), "--data", str(DATA)),
    )
    if done.returncode:
        raise NotReady(f"The tables cannot be changed: {done.stderr.strip()[-1000:]}")


def switch(
    release: str, roles: Sequence[str], plan: Roles, patience: float, *, tried: bool
) -> None:
    if not (PROGRAM / "releases" / release / ".complete").exists():
        raise NotReady(f"There is no complete release {release} on this machine.")
    if tried:
        say("trying the release on an empty data folder")
        trial(release)
        # `all` changes its tables at its start, when its database has been copied.
        if json.loads(PLAN.read_text())["migrates"] and "all" not in roles:
            migrate(release)
    changed: list[tuple[str, str | None]] = []
    copy: pathlib.Path | None = None
    try:
        for role in roles:
            if linked(role) == running(role) == release and is_active(plan[role]["unit"]):
                continue
            # What runs is noted until the new one is ready: a run that is cut off in between is
            # taken up by the next, which knows where to go back to.
            changed.append((role, running(role)))
            if role == "all":
                run("systemctl", "stop", plan[role]["unit"])
                copy = snapshot()
            point(role, release)
            say(f"starting {plan[role]['unit']} from {release}")
            run("systemctl", "enable", "--quiet", plan[role]["unit"])
            start(role, plan, patience)
            write(running_file(role), release + "\n")
    except NotReady as error:
        undone = undo(changed, copy, plan, patience)
        raise NotReady(f"{error}\n{undone}") from None
    note(release, roles)


def undo(
    changed: list[tuple[str, str | None]], copy: pathlib.Path | None, plan: Roles, patience: float
) -> str:
    words = []
    for role, target in reversed(changed):
        unit = plan[role]["unit"]
        if target is None:
            run("systemctl", "disable", "--now", "--quiet", *plan[role]["sockets"], unit)
            with contextlib.suppress(FileNotFoundError):
                link_of(role).unlink()
            words.append(f"{unit} is off again: no release ran before.")
            continue
        run("systemctl", "stop", unit)
        if copy is not None and role == "all":
            restore(copy)
        point(role, target)
        try:
            start(role, plan, patience)
        except NotReady as error:
            words.append(f"{unit} does not come back with {target} either: {error}")
        else:
            write(running_file(role), target + "\n")
            words.append(f"{unit} runs {target} again.")
    return "\n".join(words)


def history() -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = json.loads((STATE / "releases.json").read_text())
        return found
    except FileNotFoundError:
        return []


def note(release: str, roles: Sequence[str]) -> None:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    entries = [*history(), {"release": release, "roles": list(roles), "at": at}]
    write(STATE / "releases.json", json.dumps(entries[-50:]))
    in_use = {linked(role) for role in json.loads(PLAN.read_text())["roles"]}
    recent = list(dict.fromkeys(entry["release"] for entry in reversed(entries)))
    keep = in_use | set(recent[: KEPT + 1])
    for folder in (PROGRAM / "releases").iterdir():
        if folder.name not in keep and (folder / ".complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
    # Then what no release is left that needs it.
    programs = {os.path.realpath(folder / "venv") for folder in (PROGRAM / "releases").iterdir()}
    remove("programs", {os.path.dirname(path) for path in programs})
    paths = (PROGRAM / "programs").glob("*/venv/lib/*/site-packages/packages.pth")
    remove("packages", {path.read_text().strip() for path in paths})


def remove(kind: str, needed: set[str]) -> None:
    """Complete folders of a kind that nobody needs any longer."""
    for folder in (PROGRAM / kind).iterdir():
        if (folder / ".complete").exists() and str(folder) not in needed:
            shutil.rmtree(folder, ignore_errors=True)


def before(roles: Sequence[str]) -> str:
    """The release that `roles` ran before the one they run now."""
    now = linked(roles[0])
    for entry in reversed(history()):
        name = str(entry["release"])
        if name != now and (PROGRAM / "releases" / name / ".complete").exists():
            return name
    raise NotReady("There is no earlier release on this machine to go back to.")


def status(plan: Roles) -> dict[str, Any]:
    report = {}
    for role, entry in plan.items():
        good, why = is_ready(entry["ready"])
        report[role] = {
            "unit": entry["unit"],
            "release": running(role),
            "active": is_active(entry["unit"]),
            "ready": good,
            "why": why,
        }
    return {"roles": report, "history": history()[-10:]}


def main(arguments: list[str]) -> int:
    plan: Roles = json.loads(PLAN.read_text())["roles"]
    patience, *wanted = arguments
    match wanted:
        case ["check", release, *roles]:
            good = all(
                linked(role) == running(role) == release and is_active(plan[role]["unit"])
                for role in roles
            )
            return 0 if good else 1
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
                    switch(release, roles, plan, float(patience), tried=True)
                case ["back", *roles]:
                    switch(before(roles), roles, plan, float(patience), tried=False)
        except NotReady as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
