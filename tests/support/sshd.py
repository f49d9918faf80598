"""SFTP server: OpenSSH on a free port of loopback, with its own host key."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.station import free_ports, until

PROGRAM = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")


@dataclass(frozen=True, slots=True)
class Sftp:
    """A running server; `key` authenticates, `home` is a folder that it serves."""

    port: int
    key: Path
    home: Path
    known_hosts: Path
    address: str = "127.0.0.1"

    def url(self, path: str) -> str:
        """Return the URL of a folder below `home`."""
        return f"sftp://{getpass.getuser()}@{self.address}:{self.port}{self.home}/{path}"


def _keygen(path: Path) -> None:
    made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(made, check=True)


@contextmanager
def sftp_server(folder: Path, address: str = "127.0.0.1") -> Iterator[Sftp]:
    """Run the server at `address`, with its files in `folder`."""
    if PROGRAM is None:
        pytest.skip("no sshd on this machine: apt install openssh-server")
    folder.mkdir(mode=0o700, exist_ok=True)
    host_key, key = folder / "host_key", folder / "key"
    _keygen(host_key)
    _keygen(key)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # made by Debian's unit
    (port,) = free_ports(1)
    configuration = folder / "sshd_config"
    configuration.write_text(
        f"Port {port}\nListenAddress {address}\nHostKey {host_key}\nPidFile none\n"
        f"AuthorizedKeysFile {key}.pub\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        "PermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n"
    )
    home = folder / "home"
    home.mkdir(exist_ok=True)
    with (folder / "sshd.log").open("ab") as log:
        process = subprocess.Popen(
            [PROGRAM, "-D", "-e", "-f", str(configuration)], stderr=log, stdin=subprocess.DEVNULL
        )
    try:
        said = folder / "sshd.log"
        until(lambda: "Server listening" in said.read_text(), "sshd listens")
        yield Sftp(port, key, home, folder / "known_hosts", address)
    finally:
        process.terminate()
        process.wait(10)
