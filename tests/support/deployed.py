"""Deployed station on test machines: description, deployment, and clients."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from tests.support.chat_clients import ChatClients, chat_clients
from tests.support.encoders import Encoder, Recipe, sample
from tests.support.machine_roots import run
from tests.support.machines import Ground, Machine, inside
from tests.support.samples import PROGRAMS
from tests.support.station import ROOT

DOMAIN: Final = "tv.example.org"
APPLY_LIMIT: Final = 600.0
"""Seconds for an `apply` from nothing while the rest of the suite runs beside it."""

RECORDING: Final = "/srv/madang/media/vod/show.m4s"

MADANG: Final = (sys.executable, "-m", "madang")


class Authority:
    """Certificate authority for tests."""

    def __init__(self, folder: Path) -> None:
        self.certificate = folder / "authority.pem"
        self._key = folder / "authority.key"
        self._folder = folder
        self._openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-days", "60", "-subj", "/CN=Authority of a test"),
            *("-keyout", str(self._key), "-out", str(self.certificate)),
        )

    def issue(self, domain: str) -> tuple[Path, Path]:
        """Return certificate and key for `domain`."""
        certificate, key = self._folder / "fullchain.pem", self._folder / "privkey.pem"
        request, names = self._folder / "request.pem", self._folder / "names"
        names.write_text(f"subjectAltName=DNS:{domain}\n")
        self._openssl(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-subj", f"/CN={domain}", "-keyout", str(key), "-out", str(request)),
        )
        self._openssl(
            *("x509", "-req", "-in", str(request), "-days", "60", "-extfile", str(names)),
            *("-CA", str(self.certificate), "-CAkey", str(self._key), "-CAcreateserial"),
            *("-out", str(certificate)),
        )
        return certificate, key

    @staticmethod
    def _openssl(*arguments: str) -> None:
        run("openssl", *arguments)


class Site:
    """One station.toml and its machines."""

    def __init__(self, ground: Ground, shape: str, machines: Mapping[str, Machine]) -> None:
        self.ground = ground
        self.machines = dict(machines)
        self.folder = ground.folder / "operator"
        self.folder.mkdir()
        self.authority = Authority(self.folder)
        self.authority.issue(DOMAIN)
        self.tls = True
        self.shape = shape
        self.administrator: dict[str, Any] = {}
        """Account of the station that the first `apply` made, with its password."""
        self.backup = ""
        """Table [backup], or ""."""
        self.write()

    @property
    def file(self) -> Path:
        return self.folder / "station.toml"

    def write(self, **values: str) -> None:
        """Write station.toml, with `values` (in TOML) at its top."""
        top = {"shape": f'"{self.shape}"', "domain": f'"{DOMAIN}"', **values}
        text = "".join(f"{key} = {value}\n" for key, value in top.items())
        for name, machine in self.machines.items():
            text += f'\n[hosts.{name}]\naddress = "{machine.address}"\n'
            text += f'key = "{self.ground.key}"\nknown_hosts = "known_hosts"\n'
            if len(self.machines) > 1:
                text += f'private_address = "{machine.address}"\n'
        text += '\n[[administrators]]\nname = "olga"\nemail = "olga@example.org"\n'
        text += f'ssh_keys = ["{self.ground.public_key.strip()}"]\n'
        if self.tls:
            text += '\n[tls]\ncertificate = "fullchain.pem"\nkey = "privkey.pem"\n'
        self.file.write_text(text + self.backup)

    def madang(self, *arguments: str) -> tuple[int, str, str]:
        """Run `madang deploy ARGUMENTS`; return exit code, output and errors."""
        done = subprocess.run(
            [*MADANG, "deploy", *arguments, "--from", str(self.file)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=APPLY_LIMIT,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def apply(self) -> list[dict[str, str]]:
        """Run `deploy apply`, which must succeed; return the changes."""
        code, out, errors = self.madang("apply", "--json")
        assert code == 0, errors[-4000:]
        result = json.loads(out)
        self.administrator = result["administrator"] or self.administrator
        changed: list[dict[str, str]] = result["changed"]
        return changed

    def plan(self) -> list[str]:
        """Run `deploy plan`; check its exit code and return the changes."""
        code, out, errors = self.madang("plan", "--json")
        found = json.loads(out)
        changes = [
            change["what"]
            for steps in found["machines"].values()
            for step in steps
            for change in step["changes"]
        ]
        assert code == (2 if changes else 0), errors
        assert len(changes) == found["changes"]
        return changes

    def doctor(self, *arguments: str) -> tuple[int, dict[str, str]]:
        """Run `doctor --security`; return its exit code, and the details of findings by name."""
        done = subprocess.run(
            [
                *(*MADANG, "doctor", "--security", "--json", "--from", str(self.file)),
                *arguments,
            ],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=120,
            check=False,
        )
        assert done.stdout, done.stderr
        checks = json.loads(done.stdout)["checks"]
        wrong = {
            check["name"].partition(": ")[2]: check["detail"] for check in checks if not check["ok"]
        }
        return done.returncode, wrong

    def on_machine(self, machine: Machine, role: str, *arguments: str) -> Any:
        """Run `madang ARGUMENTS --json` on a machine as the station's user; return the output."""
        home = f"/opt/madang/roles/{role}"
        said = machine.ask(
            f"cd / && runuser -u madang -- {home}/venv/bin/madang {' '.join(arguments)} "
            f"--data /var/lib/madang --config {home}/madang.toml --json"
        )
        return json.loads(said)

    @contextmanager
    def visitor(self) -> Iterator[Visitor]:
        """Return a client elsewhere in the network."""
        web = next(iter(self.machines.values()))
        with self.ground.stranger() as namespace:
            names = Path("/etc/netns") / namespace
            names.mkdir(parents=True)
            (names / "hosts").write_text(f"127.0.0.1 localhost\n{web.address} {DOMAIN}\n")
            try:
                yield Visitor(namespace, self.authority.certificate)
            finally:
                shutil.rmtree(names)


BACKUP_SECONDS: Final = 60.0
"""Seconds for the first backup, at the lowest priority on a machine that is busy with these
tests."""


def backups(machine: Machine, role: str, user: str, kind: str = "station") -> list[dict[str, Any]]:
    """Run `madang backup list` there, as `user` with the settings of `role`; the newest first."""
    home = f"/opt/madang/roles/{role}"
    said = machine.ask(
        f"cd / && runuser -u {user} -G madang -- {home}/venv/bin/madang backup list --json "
        f"--data /var/lib/madang --config {home}/madang.toml"
    )
    return [entry for entry in json.loads(said) if entry["kind"] == kind]


def assert_backed_up(machine: Machine) -> None:
    """Wait for the running backup, which must succeed."""
    show = "systemctl show -p ActiveState -p Result madang-backup"
    wait_until(lambda: "activating" not in machine.ask(show), BACKUP_SECONDS, "the backup goes on")
    assert "Result=success" in machine.ask(show), machine.ask("journalctl -u madang-backup")


def put_recording(machine: Machine) -> str:
    """Create a recording among the media there, closed to others as the station's files are;
    return its checksum by `sha256sum`."""
    machine.ask(
        f"cd / && runuser -u madang -- sh -c 'umask 077; mkdir -p $(dirname {RECORDING}); "
        f"head -c 1000000 /dev/urandom > {RECORDING}'"
    )
    return machine.ask(f"sha256sum {RECORDING}")


def assert_media_are_back(machine: Machine, recording: str) -> None:
    """Wait for the end of a restore, which must have restored the `recording`."""
    log = "cat /var/log/madang/restore.log"
    wait_until(
        lambda: machine.ssh("systemctl is-active madang-restore", check=False) is None,
        BACKUP_SECONDS,
        machine.ask(log),
    )
    assert machine.ask(f"sha256sum {RECORDING}") == recording, machine.ask(log)
    assert machine.ask(f"stat -c %U {RECORDING}") == "madang"


class Visitor:
    """Client in a network namespace, through the firewall."""

    def __init__(self, namespace: str, authority: Path) -> None:
        self.namespace = namespace
        self._authority = str(authority)
        self._tokens: dict[str, str] = {}
        """Token of the sign-in form by cookie file."""

    def get(self, path: str, *options: str, limit: int = 10) -> tuple[int, str]:
        """Return status and body of a page over verified TLS; 0 without a response."""
        done = subprocess.run(
            inside(
                self.namespace,
                [
                    *("curl", "-s", "--max-time", str(limit), "--cacert", self._authority),
                    *("-w", "\n%{http_code}", *options, f"https://{DOMAIN}{path}"),
                ],
            ),
            capture_output=True,
            text=True,
            timeout=limit + 20,
            check=False,
        )
        body, _, status = done.stdout.rpartition("\n")
        return int(status or 0), body

    def sign_in(self, name: str, password: str, jar: str) -> int:
        """Sign in and return the status; cookies are kept in the file `jar`."""
        if jar not in self._tokens:
            _, page = self.get("/accounts/login/", "-c", jar)
            token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
            assert token is not None
            self._tokens[jar] = token[1]
        values = {"csrfmiddlewaretoken": self._tokens[jar], "login": name, "password": password}
        form = urlencode(values)
        referer = f"https://{DOMAIN}/accounts/login/"
        return self.get("/accounts/login/", "-b", jar, "-c", jar, "-e", referer, "-d", form)[0]

    def reaches(self, address: str, port: int, seconds: float = 2.0) -> bool:
        """Return True if a TCP connection is established."""
        script = (
            "import socket, sys; "
            "socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3]))"
        )
        command = [sys.executable, "-c", script, address, str(port), str(seconds)]
        return (
            subprocess.run(
                inside(self.namespace, command), capture_output=True, check=False
            ).returncode
            == 0
        )

    def finds_open(self, address: str, ports: Sequence[int]) -> set[int]:
        """Return those of `ports` that accept a connection."""
        with ThreadPoolExecutor(len(ports)) as pool:
            reached = pool.map(lambda port: self.reaches(address, port), ports)
            return {port for port, good in zip(ports, reached, strict=True) if good}

    @contextmanager
    def chats(self) -> Iterator[ChatClients]:
        """Run Socket.IO's own client against the station's name over TLS."""
        with chat_clients(
            f"https://{DOMAIN}",
            lambda command: inside(self.namespace, command),
            NODE_EXTRA_CA_CERTS=self._authority,
        ) as people:
            yield people

    @contextmanager
    def publish(self, url: str) -> Iterator[Encoder]:
        """Publish with a real ffmpeg until the context ends."""
        encoder = Encoder(
            inside(
                self.namespace,
                [
                    *(PROGRAMS["system"], "-hide_banner", "-nostdin", "-loglevel", "warning"),
                    *("-re", "-stream_loop", "-1", "-i", str(sample(Recipe()))),
                    *("-c", "copy", "-f", "flv", url),
                ],
            )
        )
        try:
            yield encoder
        finally:
            encoder.close()

    def probes(self, count: int) -> None:
        """Ask for a file of other software."""
        for _ in range(count):
            self.get("/wp-login.php")

    def sends_no_rtmp(self, address: str, count: int) -> None:
        """Connect to the port for RTMP and send something else."""
        script = (
            "import socket, sys\n"
            "for _ in range(int(sys.argv[2])):\n"
            "    with socket.create_connection((sys.argv[1], 1935), 5) as sock:\n"
            "        sock.sendall(b'\\5')\n"
            "        sock.recv(1)\n"
        )
        command = [sys.executable, "-c", script, address, str(count)]
        subprocess.run(inside(self.namespace, command), capture_output=True, check=False)

    def shows_wrong_stream_keys(self, address: str, count: int) -> None:
        """Publish with keys that open nothing until each is refused."""
        with ExitStack() as tries:
            encoders = [
                tries.enter_context(self.publish(f"rtmp://{address}/live/guess{number}"))
                for number in range(count)
            ]
            wait_until(lambda: not any(one.running for one in encoders), 60, "the encoders go on")

    def watch(self, slug: str, seconds: float = 3.0) -> int:
        """Return the pictures decoded by a real ffmpeg from a live stream in `seconds` of it, over
        TLS."""
        done = subprocess.run(
            inside(
                self.namespace,
                [
                    *(PROGRAMS["system"], "-hide_banner", "-nostdin", "-loglevel", "error"),
                    *("-tls_verify", "1", "-ca_file", self._authority),
                    *("-i", f"https://{DOMAIN}/live/{slug}/index.m3u8", "-t", f"{seconds}"),
                    *("-map", "0:v:0", "-f", "framecrc", "-"),
                ],
            ),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return sum(not line.startswith("#") for line in done.stdout.splitlines())


def wait_until(condition: Any, limit: float, what: str) -> None:
    """Wait until `condition()` is true; fail with `what` after `limit` seconds."""
    until = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.2)
