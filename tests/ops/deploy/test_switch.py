"""The switch between releases, with a systemd of shell script that remembers what runs."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

SYSTEMCTL = """#!/bin/sh
command=$1; shift
for unit; do
    case $unit in -*) now=yes; continue ;; esac
    case $command in
    is-active) [ -e $state/active-$unit ] || exit 3 ;;
    enable) touch $state/enabled-$unit ;;
    disable) rm -f $state/enabled-$unit; [ -z "$now" ] || rm -f $state/active-$unit ;;
    stop) rm -f $state/active-$unit ;;
    start | restart)
        grep -qsx $unit $state/broken && exit 1
        touch $state/active-$unit ;;
    esac
done
"""

ROLES = ("web", "files", "live")
"""Of which the first release has no `files`."""


@dataclass(frozen=True)
class Server:
    """A folder that takes the part of a server's root folder."""

    root: Path

    def switch(self, *arguments: str) -> tuple[int, str, str]:
        """Run switch.py; return exit code, output and errors."""
        done = subprocess.run(
            ["python3", str(self.root / "switch.py"), "5", *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": f"{self.root}/bin:/usr/sbin:/usr/bin:/bin"},
        )
        return done.returncode, done.stdout, done.stderr

    def release(self, name: str, roles: str = "") -> None:
        """Install a release, with its list of roles unless it is of before there were any."""
        folder = self.root / "opt/madang/releases" / name
        folder.mkdir(parents=True)
        (folder / ".complete").touch()
        if roles:
            (folder / "roles").write_text(f"{roles}\n")

    def run_release(self, name: str, *roles: str) -> None:
        """Go to `name` without trying it: as if it had run before the current one."""
        history = self.root / "var/lib/madang-deploy/releases.json"
        before = json.loads(history.read_text()) if history.exists() else []
        history.write_text(json.dumps([*before, {"release": name, "roles": roles, "at": ""}]))
        code, _, errors = self.switch("back", *roles)
        assert code == 0, errors

    def breaks(self, unit: str) -> None:
        """Let `unit` not start again."""
        (self.root / "units/broken").write_text(f"{unit}\n")

    def units(self, state: str) -> set[str]:
        """Return the units that are `active` or `enabled`."""
        found = (self.root / "units").glob(f"{state}-*")
        return {path.name.removeprefix(f"{state}-") for path in found}

    def linked(self) -> dict[str, str]:
        """Return the release of each role."""
        return {path.name: path.readlink().name for path in self.root.glob("opt/madang/roles/*")}

    def status(self) -> dict[str, Any]:
        roles: dict[str, Any] = json.loads(self.switch("status")[1])["roles"]
        return roles


ALL_UNITS = {f"madang-{role}.{kind}" for role in ROLES for kind in ("service", "socket")}
WITHOUT_FILES = {name for name in ALL_UNITS if "files" not in name}


@pytest.fixture
def server(tmp_path: Path) -> Server:
    """A server on which `first` ran, and `second` with a role more runs."""
    state = tmp_path / "var/lib/madang-deploy"
    for folder in (state, tmp_path / "bin", tmp_path / "units", tmp_path / "opt/madang/programs"):
        folder.mkdir(parents=True)
    (tmp_path / "opt/madang/packages").mkdir()
    text = files("madang.ops.deploy.remote").joinpath("switch.py").read_text(encoding="utf-8")
    for path in ("/opt/madang", "/var/lib/madang"):
        text = text.replace(f'"{path}', f'"{tmp_path}{path}')
    (tmp_path / "switch.py").write_text(text)
    for name, script in {
        "systemctl": SYSTEMCTL.replace("$state", f"{tmp_path}/units"),
        "journalctl": "#!/bin/sh\necho its last words\n",
    }.items():
        (tmp_path / "bin" / name).write_text(script)
        (tmp_path / "bin" / name).chmod(0o755)
    plan = {
        role: {"unit": f"madang-{role}.service", "sockets": [f"madang-{role}.socket"], "ready": ""}
        for role in ROLES
    }
    (state / "roles.json").write_text(json.dumps({"migrates": True, "roles": plan}))
    server = Server(tmp_path)
    server.release("first")
    server.run_release("first", "web", "live")
    assert server.units("active") == WITHOUT_FILES
    server.release("second", " ".join(ROLES))
    server.run_release("second", *ROLES)
    return server


def test_a_role_that_is_new_runs_with_its_release(server: Server) -> None:
    assert server.linked() == dict.fromkeys(ROLES, "second")
    assert server.units("active") == server.units("enabled") == ALL_UNITS
    assert server.switch("check", "second", *ROLES)[0] == 0
    assert {role for role, facts in server.status().items() if facts["ready"]} == set(ROLES)


def test_a_rollback_to_a_release_from_before_a_role_turns_the_role_off(server: Server) -> None:
    code, out, errors = server.switch("back", *ROLES)
    assert code == 0, errors
    assert "stopping madang-files.service" in out
    assert server.linked() == {"web": "first", "live": "first"}
    assert server.units("active") == server.units("enabled") == WITHOUT_FILES
    # Whoever asks how the servers are is not told of a fault.
    assert set(server.status()) == {"web", "live"}
    assert server.switch("check", "second", *ROLES)[0] == 1


def test_the_way_forth_again_brings_the_role_back(server: Server) -> None:
    assert server.switch("back", *ROLES)[0] == 0
    code, _, errors = server.switch("back", "files", "web", "live")
    assert code == 0, errors
    assert server.linked() == dict.fromkeys(ROLES, "second")
    assert server.units("active") == server.units("enabled") == ALL_UNITS


def test_a_rollback_that_fails_leaves_every_role_as_it_ran(server: Server) -> None:
    server.breaks("madang-live.service")
    code, _, errors = server.switch("back", *ROLES)
    assert code == 1
    assert "madang-live.service does not start" in errors
    assert "madang-files.service runs second again." in errors
    assert server.linked() == dict.fromkeys(ROLES, "second")
    assert ALL_UNITS - server.units("active") == {"madang-live.service"}
    assert server.units("enabled") == ALL_UNITS


def test_a_new_role_that_does_not_start_is_off_again_and_the_others_run(server: Server) -> None:
    assert server.switch("back", *ROLES)[0] == 0
    server.breaks("madang-files.service")
    code, _, errors = server.switch("back", *ROLES)
    assert code == 1
    assert "madang-files.service is off again" in errors
    assert server.linked() == {"web": "first", "live": "first"}
    assert server.units("active") == server.units("enabled") == WITHOUT_FILES
