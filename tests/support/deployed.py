"""A station on machines of its own: its description, its deployment, and people who visit it."""

from __future__ import annotations

import json
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from tests.support.encoders import Encoder, Recipe, sample
from tests.support.machines import Ground, Machine, inside, run
from tests.support.people import Crowd, crowd
from tests.support.samples import PROGRAMS
from tests.support.station import ROOT

DOMAIN: Final = "tv.example.org"
APPLY_LIMIT: Final = 600.0
"""Seconds for an `apply` from nothing while the rest of the suite runs beside it."""

RECORDING: Final = "/var/lib/madang/media/vod/show.m4s"

MADANG: Final = (sys.executable, "-m", "madang")


class Authority:
    """A certificate authority that nobody knows but these tests."""

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
        """Certificate and key for `domain`."""
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
    """One station.toml and the machines it speaks of."""

    def __init__(self, ground: Ground, shape: str, machines: Mapping[str, Machine]) -> None:
        self.ground = ground
        self.machines = dict(machines)
        self.folder = ground.folder / "operator"
        self.folder.mkdir()
        self.authority = Authority(self.folder)
        self.authority.issue(DOMAIN)
        self.tls = True
        self.shape = shape
        self.backup = ""
        """The table [backup], where there is one."""
        self.write()

    @property
    def file(self) -> Path:
        return self.folder / "station.toml"

    def write(self, **values: str) -> None:
        """station.toml, with `values` (in TOML) at its top."""
        top = {"shape": f'"{self.shape}"', "domain": f'"{DOMAIN}"', **values}
        text = "".join(f"{key} = {value}\n" for key, value in top.items())
        for name, machine in self.machines.items():
            text += f'\n[hosts.{name}]\naddress = "{machine.address}"\n'
            text += f'key = "{self.ground.key}"\nknown_hosts = "known_hosts"\n'
            if len(self.machines) > 1:
                text += f'private_address = "{machine.address}"\n'
        text += '\n[[administrators]]\nname = "ada"\nemail = "ada@example.org"\n'
        text += f'ssh_keys = ["{self.ground.public_key.strip()}"]\n'
        if self.tls:
            text += '\n[tls]\ncertificate = "fullchain.pem"\nkey = "privkey.pem"\n'
        self.file.write_text(text + self.backup)

    def madang(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, output and errors of `madang deploy ARGUMENTS`."""
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
        """`deploy apply`, which must succeed; what it changed."""
        code, out, errors = self.madang("apply", "--json")
        assert code == 0, errors[-4000:]
        changed: list[dict[str, str]] = json.loads(out)["changed"]
        return changed

    def plan(self) -> list[str]:
        """What `deploy plan` would change: exit code and words agree."""
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
        """Exit code of `doctor --security`, and what it found wrong: details by name."""
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
        """What `madang ARGUMENTS --json` prints on a machine, run as the station's user there."""
        home = f"/opt/madang/roles/{role}"
        said = machine.ask(
            f"cd / && runuser -u madang -- {home}/venv/bin/madang {' '.join(arguments)} "
            f"--data /var/lib/madang --config {home}/madang.toml --json"
        )
        return json.loads(said)

    @contextmanager
    def visitor(self) -> Iterator[Visitor]:
        """Somebody elsewhere, who finds the station by its name."""
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
"""For the first backup, at the lowest priority on a machine that is busy with these tests."""


def backups(machine: Machine, role: str, user: str, kind: str = "station") -> list[dict[str, Any]]:
    """What `madang backup list` tells there, as `user` with the settings of `role`, the newest
    first."""
    home = f"/opt/madang/roles/{role}"
    said = machine.ask(
        f"cd / && runuser -u {user} -G madang -- {home}/venv/bin/madang backup list --json "
        f"--data /var/lib/madang --config {home}/madang.toml"
    )
    return [entry for entry in json.loads(said) if entry["kind"] == kind]


def assert_backed_up(machine: Machine) -> None:
    """Wait for the backup that is being taken, which must succeed."""
    show = "systemctl show -p ActiveState -p Result madang-backup"
    wait_until(lambda: "activating" not in machine.ask(show), BACKUP_SECONDS, "the backup goes on")
    assert "Result=success" in machine.ask(show), machine.ask("journalctl -u madang-backup")


def put_recording(machine: Machine) -> str:
    """Lay a recording among the media there; its sum, as `sha256sum` tells it."""
    machine.ask(
        f"install -d -m 700 -o madang -g madang /var/lib/madang/media $(dirname {RECORDING}); "
        f"head -c 1000000 /dev/urandom > {RECORDING}; chown madang:madang {RECORDING}"
    )
    return machine.ask(f"sha256sum {RECORDING}")


def assert_media_are_back(machine: Machine, recording: str) -> None:
    """Wait for the end of a restore, which must have brought the `recording` back."""
    log = "cat /var/log/madang/restore.log"
    wait_until(
        lambda: machine.ssh("systemctl is-active madang-restore", check=False) is None,
        BACKUP_SECONDS,
        machine.ask(log),
    )
    assert machine.ask(f"sha256sum {RECORDING}") == recording, machine.ask(log)
    assert machine.ask(f"stat -c %U {RECORDING}") == "madang"


class Visitor:
    """Somebody in a namespace of his own: what gets through to him is what gets through."""

    def __init__(self, namespace: str, authority: Path) -> None:
        self.namespace = namespace
        self._authority = str(authority)
        self._tokens: dict[str, str] = {}
        """The sign-in form's own token by file of cookies."""

    def get(self, path: str, *options: str, limit: int = 10) -> tuple[int, str]:
        """Status and body of a page, through TLS that must be good; 0 where nothing came."""
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
        """Status of the answer to the sign-in form; cookies are kept in the file `jar`."""
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
        """Whether a TCP connection comes about."""
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
        """Those of `ports` at which a connection comes about."""
        with ThreadPoolExecutor(len(ports)) as pool:
            reached = pool.map(lambda port: self.reaches(address, port), ports)
            return {port for port, good in zip(ports, reached, strict=True) if good}

    @contextmanager
    def chats(self) -> Iterator[Crowd]:
        """People on Socket.IO's own client, who come by the station's name through TLS."""
        with crowd(
            f"https://{DOMAIN}",
            lambda command: inside(self.namespace, command),
            NODE_EXTRA_CA_CERTS=self._authority,
        ) as people:
            yield people

    @contextmanager
    def publish(self, url: str) -> Iterator[Encoder]:
        """A real ffmpeg that publishes until the context ends."""
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

    @contextmanager
    def floods(self) -> Iterator[None]:
        """He goes on writing into a chat although it refuses him, until the context ends."""
        with self.chats() as people:
            flood = people.join("flood")

            def insist() -> None:
                # Once he is shut out no answer comes, or the program has been ended.
                with suppress(queue.Empty, OSError, ValueError):
                    while True:
                        flood.say("buy this")

            threading.Thread(target=insist, daemon=True).start()
            yield

    def guesses_stream_keys(self, address: str) -> None:
        """He tries stream keys, which must end with his being shut out from RTMP there."""

        def shut_out() -> bool:
            return not self.reaches(address, 1935)

        said = ""
        for _ in range(3):
            with ExitStack() as tries:
                encoders = [
                    tries.enter_context(self.publish(f"rtmp://{address}/live/guess{number}"))
                    for number in range(8)
                ]
                wait_until(
                    # Each has its answer, or none will come.
                    lambda: shut_out() or not any(one.running for one in encoders),  # noqa: B023
                    60,
                    "the encoders go on",
                )
                said += "".join(encoder.said() for encoder in encoders)
            if shut_out():
                break
        assert "stream key" in said
        wait_until(shut_out, 30, said)

    def watch(self, slug: str, seconds: float = 3.0) -> int:
        """Pictures that a real ffmpeg decodes of a live stream in `seconds` of it, through TLS."""
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
    """Wait until `condition()` holds; fail with `what` after `limit` seconds."""
    until = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.2)
