"""The command `madang` of a server, and `madang deploy run` from home."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from madang.ops.deploy import runner
from madang.ops.deploy.errors import DeployError
from madang.ops.deploy.model.layout import machines
from madang.ops.deploy.model.station_file import load_station
from madang.ops.deploy.runner import Deployment
from madang.ops.deploy.setup import commands
from madang.ops.deploy.texts import command
from tests.support.stations import MINIMAL, SPLIT, station_file
from tests.support.stores import folder

STATION_USER = "daemon"
"""Takes the part of the user `madang`, which a developer's machine lacks."""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become other users")

PROGRAM = """#!/bin/sh
echo "$(id -un) $(id -Gn | tr ' ' ,) $(grep CapEff /proc/self/status | cut -f 2)"
echo "$MADANG_DATA $MADANG_CONFIG $HOME"
echo "$@"
exit 3
"""


@dataclass(frozen=True)
class Server:
    """A folder that takes the part of a server's root folder."""

    root: Path
    command: Path

    def run(self, *arguments: str) -> tuple[int, list[str], str]:
        """Run the command as root; return exit code, lines of output and errors."""
        done = subprocess.run(
            [self.command, *arguments], capture_output=True, text=True, check=False, cwd="/root"
        )
        return done.returncode, done.stdout.splitlines(), done.stderr


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    web = machines(load_station(station_file(tmp_path, SPLIT)))[0]
    with folder("server") as root:
        root.chmod(0o755)
        script = root / "madang"
        text = command.madang(web, "postgres")
        text = text.replace("/opt/madang", f"{root}").replace("=madang", f"={STATION_USER}")
        script.write_text(text.replace(",madang", f",{STATION_USER}"))
        script.chmod(0o755)
        yield Server(root, script)


@pytest.fixture
def released(server: Server) -> Server:
    program = server.root / "roles/web/venv/bin/madang"
    program.parent.mkdir(parents=True)
    program.write_text(PROGRAM)
    program.chmod(0o755)
    return server


def test_root_becomes_the_user_of_the_command(released: Server) -> None:
    config = f"{released.root}/roles/web/madang.toml"
    for arguments, user, powers in (
        (("status", "--json"), STATION_USER, 0),
        (("backup", "now"), "postgres", 1 << 2),  # CAP_DAC_READ_SEARCH
    ):
        code, said, _ = released.run(*arguments)
        home = pwd.getpwnam(user).pw_dir
        name, groups, capabilities = said[0].split()
        assert (code, name) == (3, user)
        assert {user, STATION_USER} <= set(groups.split(","))
        assert int(capabilities, 16) == powers
        assert said[1:] == [f"/var/lib/madang {config} {home}", " ".join(arguments)]
    # PostgreSQL's cluster is stopped and replaced.
    assert released.run("backup", "restore", "--replace")[1][0].startswith("root ")


def test_what_belongs_to_the_operators_own_computer_is_refused_there(released: Server) -> None:
    for arguments in (("deploy", "apply"), ("doctor", "--security")):
        code, said, errors = released.run(*arguments)
        assert (code, said) == (1, [])
        assert "on your own computer" in errors


def test_a_server_without_a_release_says_so(server: Server) -> None:
    code, _, errors = server.run("status")
    assert code == 1
    assert "no release runs on this server yet" in errors


def test_files_that_root_left_go_back_to_their_owner(tmp_path: Path) -> None:
    owned = commands.owned(str(tmp_path), STATION_USER)

    def shell(text: str) -> int:
        return subprocess.run(["sh", "-c", text], check=False).returncode

    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.touch()
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "left by root").touch()
    (tmp_path / "link").symlink_to(outside)
    assert shell(owned.check) == 1
    assert shell(owned.run) == 0
    assert shell(owned.check) == 0
    assert (tmp_path / "index" / "left by root").owner() == STATION_USER
    assert outside.owner() == "root"
    # Folders of a machine that is being set up are made in the same step.
    assert shell(commands.owned(f"{tmp_path}/absent", STATION_USER).check) == 0


class LocalDeployment(Deployment):
    """Runs the commands of the servers on this machine, as `hosts` says by name."""

    def run_command(
        self, wanted: Mapping[str, str], on_event: Callable[[dict[str, object]], None]
    ) -> dict[str, str]:
        return {
            name: subprocess.run(
                ["sh", "-c", line.replace(command.PATH, f"{self.folder}/{name}")],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            for name, line in wanted.items()
        }


def server_program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_a_command_runs_on_the_server_and_ends_here_as_there(tmp_path: Path) -> None:
    deployed = LocalDeployment(load_station(station_file(tmp_path, SPLIT)), tmp_path)
    server_program(tmp_path / "web", "echo \"$2 here\"; echo 'so so' >&2; exit 4")
    done = deployed.madang(["user", "o'hara"])
    assert done == runner.CommandResult(4, "o'hara here\n", "so so\n")
    assert deployed.madang(["status"], "media").errors.startswith("madang: nothing is deployed")
    with pytest.raises(DeployError, match="no host attic"):
        deployed.madang(["status"], "attic")


def test_the_first_administrator_is_made_once(tmp_path: Path) -> None:
    deployed = LocalDeployment(load_station(station_file(tmp_path, MINIMAL)), tmp_path)
    server_program(tmp_path / "main", 'echo "$@" > "$0.said"; echo \'{"name": "ada"}\'')
    assert deployed.first_administrator() == {"name": "ada"}
    said = (tmp_path / "main.said").read_text()
    assert said == "user create ada --email ada@example.org --admin --first --json\n"
    server_program(tmp_path / "main", "echo null")
    assert deployed.first_administrator() is None
    server_program(tmp_path / "main", "echo 'madang: There is a user ada already.' >&2; exit 1")
    with pytest.raises(DeployError, match="No administrator could be made: There is a user ada"):
        deployed.first_administrator()
