"""Machines for tests of deployment: Debian roots booted by systemd in network namespaces.

A `Ground` is a network of its own: a bridge in a namespace, to which each `Machine`, the operator
(this process, at `.1`) and strangers (namespaces with an address only) are attached. Machines reach
packages through apt-cacher-ng at the operator's address, and nothing else.

Disks of machines are in memory if there is enough. A guard process removes everything, even if the
test is killed.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, Final

from tests.support.machine_roots import (
    CACHE,
    base_root,
    mount_overlay,
    packages_of_release,
    root_with,
    run,
)
from tests.support.machine_sweep import CONTROLLERS, GROUPS, mounts, processes
from tests.support.station import ROOT

BOOT_LIMIT: Final = 60.0
"""Seconds until SSH answers, on a machine that is busy with the rest of the suite."""

DISKS: Final = 8 << 30
"""Bytes: the largest disk of a machine, and the free memory required to keep it there, which halves
the time of unpacking packages."""

SHARES: Final = 256
"""Weight of a machine's processes against the rest of the suite, which has 1024."""

PROGRAMS: Final = ("debootstrap", "systemd-nspawn", "apt-cacher-ng", "ip", "setpriv")
"""Installed by `script/setup --dev`."""

CACHE_PORT: Final = 13142
"""apt-cacher-ng refuses to listen above 32767, and its own 3142 may be taken by the system's. Each
network has its own address."""

_numbers = itertools.count()


@cache
def missing() -> str:
    """Return what this machine lacks to boot machines, "" if nothing."""
    if os.geteuid() != 0:
        return "machines can be booted by root only"
    if absent := [name for name in PROGRAMS if shutil.which(name) is None]:
        return f"missing: {', '.join(absent)} (script/setup --dev)"
    if absent := [name for name in CONTROLLERS if not os.access(GROUPS / name, os.W_OK)]:
        return f"{GROUPS} has no writable {', '.join(absent)}"
    tried = subprocess.run(
        ["unshare", "--net", "--mount", "ip", "link", "add", "bridge", "type", "bridge"],
        capture_output=True,
        text=True,
        check=False,
    )
    return (
        f"no bridge in a namespace of its own: {tried.stderr.strip()}" if tried.returncode else ""
    )


class Machine:
    """One booted Debian, with a temporary disk."""

    def __init__(self, ground: Ground, name: str, address: str, place: Path) -> None:
        self.ground = ground
        self.name = name
        self.address = address
        self.place = place
        self.root = place / "root"
        self.namespace = f"{ground.name}{name}"

    def boot(self) -> subprocess.Popen[bytes]:
        """Start it and wait until SSH answers; return its process here."""
        script = "".join(
            f"mkdir -p /sys/fs/cgroup/{c}/{self.namespace}; "
            f"echo $$ > /sys/fs/cgroup/{c}/{self.namespace}/cgroup.procs; "
            for c in CONTROLLERS
        )
        # A group competes with all processes outside of groups as one: give way to real time.
        script += f"echo {SHARES} > /sys/fs/cgroup/cpu/{self.namespace}/cpu.shares; "
        script += (
            f"exec systemd-nspawn -q -D {self.root} --register=no --keep-unit "
            f"--network-namespace-path=/run/netns/{self.namespace} "
            f"--hostname={self.name} --capability=CAP_NET_ADMIN --console=pipe -b"
        )
        log = (self.place / "console.log").open("ab")
        process = subprocess.Popen(
            ["sh", "-c", script],
            env=os.environ | {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        until = time.monotonic() + BOOT_LIMIT
        while self.ssh("true", check=False) is None:
            assert time.monotonic() < until, (self.place / "console.log").read_text()[-3000:]
            assert process.poll() is None, (self.place / "console.log").read_text()[-3000:]
            time.sleep(0.1)
        return process

    def ssh(self, command: str, *, check: bool = True, stdin: str = "") -> str | None:
        """Run `command` there as root and return its output; None if it fails and failing is
        allowed."""
        done = subprocess.run(
            [*self.ground.ssh_command, f"root@{self.address}", command],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{self.name}: {command}: {done.stdout}{done.stderr}")
        return done.stdout if done.returncode == 0 else None

    def ask(self, command: str) -> str:
        """Return the output of `command` there, without the final newline."""
        said = self.ssh(command)
        assert said is not None
        return said.strip()

    def destroy(self) -> None:
        """Stop everything and delete the disk."""
        while found := processes(self.namespace):
            for process in found:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            time.sleep(0.05)
        for place in reversed(mounts(self.place)):
            run("umount", "-l", place)

    def vanish(self) -> None:
        """Disconnect it from the network without notice."""
        run("ip", "-n", self.namespace, "link", "set", "host0", "down")

    def come_back(self) -> None:
        """Reconnect it after `vanish`."""
        run("ip", "-n", self.namespace, "link", "set", "host0", "up")
        self.ground.route(self.namespace)


class Ground:
    """A network with the operator in it. Use as a context."""

    def __init__(self, folder: Path, *, memory: bool = True) -> None:
        number = next(_numbers)
        self.folder = folder
        self._memory = memory and in_memory()
        self.name = f"m{os.getpid() % 100000}{chr(97 + number % 26)}"
        self._network, self.prefix = _network()
        self.operator = f"{self.prefix}.1"
        self.key = folder / "key"
        self.known_hosts = folder / "known_hosts"
        self._last = 1
        self._stack = ExitStack()
        self._booted: list[subprocess.Popen[bytes]] = []

    @property
    def ssh_command(self) -> list[str]:
        return [
            *("ssh", "-q", "-i", str(self.key), "-o", "BatchMode=yes"),
            *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
            *("-o", "ConnectTimeout=5", "-o", "IdentitiesOnly=yes"),
        ]

    def __enter__(self) -> Ground:
        with self._stack:
            self._stack.enter_context(self._guard())
            run("ip", "netns", "add", self.name)
            run("ip", "-n", self.name, "link", "add", "bridge", "type", "bridge")
            run("ip", "-n", self.name, "link", "set", "bridge", "up")
            self._plug(self.name + "o", None, self.operator)
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key))
            self._start_packages()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def machine(self, name: str, packages: Sequence[str] = ()) -> Machine:
        """Boot a fresh machine; with `packages`, those are installed and a release's unpacked."""
        place = self.folder / name
        place.mkdir()
        if self._memory:
            run("mount", "-t", "tmpfs", "-o", f"size={DISKS}", "tmpfs", str(place))
        for part in ("upper", "work", "root"):
            (place / part).mkdir()
        lower = [base_root()]
        if packages:
            lower = [packages_of_release(lower[0]), root_with(packages, self._proxy), *lower]
        mount_overlay(place / "root", place / "upper", place / "work", *lower)
        machine = Machine(self, name, self._address(), place)
        self._attach(machine.namespace, machine.address)
        root = machine.root
        (root / "root/.ssh").mkdir(mode=0o700, exist_ok=True)
        (root / "root/.ssh/authorized_keys").write_text(self.public_key)
        (root / "etc/apt/apt.conf.d/01proxy").write_text(f'Acquire::http::Proxy "{self._proxy}";\n')
        (root / "etc/hosts").write_text(f"127.0.0.1 localhost {name}\n")
        self._booted.append(machine.boot())
        return machine

    @contextmanager
    def stranger(self) -> Iterator[str]:
        """Return the name of a namespace with an address of its own in this network."""
        address = self._address()
        name = f"{self.name}s{self._last}"
        self._attach(name, address)
        try:
            yield name
        finally:
            run("ip", "netns", "del", name)

    @property
    def _proxy(self) -> str:
        return f"http://{self.operator}:{CACHE_PORT}"

    @property
    def public_key(self) -> str:
        return self.key.with_suffix(".pub").read_text()

    def route(self, namespace: str) -> None:
        """Route everything else to the operator, who forwards nothing."""
        run("ip", "-n", namespace, "route", "replace", "default", "via", self.operator)

    def _address(self) -> str:
        self._last += 1
        return f"{self.prefix}.{self._last}"

    def _attach(self, namespace: str, address: str) -> None:
        run("ip", "netns", "add", namespace)
        run("ip", "-n", namespace, "link", "set", "lo", "up")
        self._plug(f"v{self._last}", namespace, address)
        self.route(namespace)

    def _plug(self, name: str, namespace: str | None, address: str) -> None:
        """Connect `namespace`, or the operator if None, to the bridge."""
        inside = "host0" if namespace else name
        there = ["netns", namespace] if namespace else ["netns", "1"]
        place = ["-n", namespace] if namespace else []
        port = f"p{self._last}"
        if namespace is None:
            run("ip", "link", "add", inside, "type", "veth", "peer", port, "netns", self.name)
        else:
            run("ip", "-n", self.name, "link", "add", port, "type", "veth", "peer", inside, *there)
        run("ip", "-n", self.name, "link", "set", port, "master", "bridge", "up")
        run("ip", *place, "address", "add", f"{address}/24", "dev", inside)
        run("ip", *place, "link", "set", inside, "up")

    @contextmanager
    def _guard(self) -> Iterator[None]:
        """Start a process that outlives this one and then removes everything."""
        command = [sys.executable, "-m", "tests.support.machine_sweep"]
        guard = subprocess.Popen(
            [*command, self.name, str(self.folder)],
            stdin=subprocess.PIPE,
            cwd=ROOT,
            start_new_session=True,
        )
        try:
            yield
        finally:
            assert guard.stdin is not None
            guard.stdin.close()
            for process in self._booted:
                process.wait(30)
            guard.wait(60)
            self._network.close()

    def _start_packages(self) -> None:
        """Run apt-cacher-ng at the operator's address, on the shared cache."""
        config = self.folder / "apt-cacher"
        config.mkdir()
        packages = CACHE / "packages"
        packages.mkdir(parents=True, exist_ok=True)
        (config / "acng.conf").write_text(
            f"CacheDir: {packages}\nLogDir: {config}\nSupportDir: /usr/lib/apt-cacher-ng\n"
            f"Port: {CACHE_PORT}\nBindAddress: {self.operator}\nForeGround: 1\n"
            "ConnectProto: v4\n"
        )
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "apt-cacher-ng", "-c", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._stack.callback(process.wait, 10)
        self._stack.callback(process.terminate)


def _network() -> tuple[IO[bytes], str]:
    """Return a free address prefix (three numbers), and the file locked to reserve it.

    198.18.0.0/15 is reserved for tests of networks (RFC 2544).
    """
    for number in range(1, 255):
        file = Path(f"/run/madang-ground-{number}").open("wb")  # noqa: SIM115
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
        else:
            return file, f"198.18.{number}"
    raise AssertionError("there are 254 grounds on this machine")


def in_memory() -> bool:
    """Return True if disks of machines are kept in memory."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    free = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    return free << 10 > DISKS


def inside(namespace: str, command: Sequence[str]) -> list[str]:
    """Return `command` as it is run in `namespace`."""
    return ["ip", "netns", "exec", namespace, *command]
