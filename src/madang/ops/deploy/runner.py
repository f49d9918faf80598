"""Builds jobs and has them run by the engine."""

from __future__ import annotations

import getpass
import json
import shlex
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from madang.apps.notices.server_url import MailServer
from madang.ops.deploy import release as releases
from madang.ops.deploy.engine_process import Engine, EventHandler
from madang.ops.deploy.errors import DeployError
from madang.ops.deploy.job import LOST_AFTER_SECONDS, DeployJob, DeployTarget
from madang.ops.deploy.model.facts import Facts, parse_facts
from madang.ops.deploy.model.layout import TOOLS, machines
from madang.ops.deploy.model.station_file import Station
from madang.ops.deploy.release import Release
from madang.ops.deploy.secrets_file import load_secrets
from madang.ops.deploy.security import (
    AUDIT_SCRIPT,
    SecurityFinding,
    external_findings,
    internal_findings,
    probe_machine,
)
from madang.ops.deploy.setup.steps import DesiredState, setup_steps, units_by_file
from madang.ops.deploy.texts import command
from madang.ops.deploy.texts.service import Secrets

RUN_SCRIPT: Final = f"""
import json, subprocess, sys
try:
    done = subprocess.run([{command.PATH!r}, *sys.argv[1:]], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)
    print(json.dumps([done.returncode, done.stdout, done.stderr]))
except FileNotFoundError:
    print(json.dumps([1, "", "madang: nothing is deployed there yet: madang deploy apply\\n"]))
"""
"""Runs the server's `madang`; prints exit code, output and errors as JSON."""

READY_SECONDS: Final = 60.0
"""A start with migrations on a slow disk takes a few seconds."""

MEMORY_STEP: Final = 256 << 20
"""Bytes. The kernel reserves a little more or less after each update, which must not restart a
database."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """Result of a command on a server."""

    exit_code: int
    output: str
    errors: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """The servers of one station."""

    station: Station
    folder: Path
    """Folder of station.toml and of the station's secrets."""
    source: Path | None = None
    """Source tree of the release; None: the one that this program runs from."""
    ready_timeout: float = READY_SECONDS
    """Seconds for a release to become ready before the previous one is restored."""
    lost_after: float = LOST_AFTER_SECONDS
    """Seconds without acknowledgement after which a machine counts as lost."""

    engine: Engine = field(default_factory=Engine, repr=False, compare=False)

    def run(self, job: DeployJob, on_event: EventHandler) -> None:
        """Run `job` in the engine. Raises DeployError with the output of the machines."""
        failure = self.engine.run(job, on_event)
        if failure is not None:
            raise DeployError(failure_message(failure["why"], failure["said"]))

    def targets(self) -> dict[str, DeployTarget]:
        """Return the machines without steps."""
        return {machine.name: DeployTarget(machine.host) for machine in machines(self.station)}

    def facts(self) -> dict[str, Facts]:
        """Query the facts of all machines. Raises DeployError for an unsupported one."""
        found: dict[str, Facts] = {}

        def on_event(event: dict[str, Any]) -> None:
            if event["event"] == "facts":
                facts = parse_facts(event["host"], event["answer"])
                rounded = round(facts.memory / MEMORY_STEP) * MEMORY_STEP
                found[event["host"]] = replace(facts, memory=rounded)

        self.run(DeployJob("facts", self.targets()), on_event)
        return found

    def job(
        self,
        kind: str,
        on_event: EventHandler,
        only: tuple[str, ...] = (),
        *,
        restore: bool = False,
    ) -> DeployJob:
        """Build the job of a `plan` or `apply`: query facts, build the release, compute the steps.

        Only the roles in `only` change their release (empty: all). With `restore`, machines without
        a station get it from `backup.offsite` first. Raises DeployError.
        """
        if restore and self.station.backup.offsite is None:
            raise DeployError(
                "There is no copy elsewhere to bring the station back from.",
                mend="Set backup.offsite in station.toml.",
            )
        offered = {role for machine in machines(self.station) for role in machine.roles}
        if unknown := set(only) - offered:
            raise DeployError(
                f"The shape {self.station.shape} has no role {' '.join(sorted(unknown))}.",
                mend=f"It has: {', '.join(sorted(offered))}.",
            )
        facts = self.facts()
        if restore and all(known.has_station for known in facts.values()):
            raise DeployError(
                "Every server has a station already: nothing was brought back.",
                mend="To go back to an earlier state, see the guide, page Backups.",
            )
        secrets = load_secrets(self.folder, write=kind == "apply")
        source = self.source or releases.checkout()
        built: dict[tuple[str, str], Release] = {}
        for name, known in facts.items():
            platform = (known.platform.python, known.architecture)
            if platform not in built:
                on_event({"event": "building", "host": name, "python": known.platform.python})
                built[platform] = releases.build(source, *platform)
        targets: dict[str, DeployTarget] = {}
        for machine in machines(self.station):
            known = facts[machine.name]
            desired = DesiredState(
                self.station,
                machine,
                known,
                secrets,
                built[known.platform.python, known.architecture],
                self.ready_timeout,
                only,
                restore and not known.has_station,
            )
            plan = setup_steps(desired)
            targets[machine.name] = DeployTarget(machine.host, plan, units_by_file(plan))
            on_event({"event": "release", "host": machine.name, "release": desired.release_id})
        return DeployJob(
            "apply" if kind == "apply" else "plan",
            targets,
            title=f"apply {self.station.shape} {self.station.domain}",
            operator=f"{getpass.getuser()}@{socket.gethostname()}",
            secrets=secret_texts(secrets, self.station),
            lost_after=self.lost_after,
        )

    def run_command(self, commands: Mapping[str, str], on_event: EventHandler) -> dict[str, str]:
        """Run one command on each named machine and return the outputs."""
        found: dict[str, str] = {}

        def collect(event: dict[str, Any]) -> None:
            if event["event"] == "output":
                found[event["host"]] = event["text"]
            on_event(event)

        targets = {name: target for name, target in self.targets().items() if name in commands}
        self.run(DeployJob("run", targets, commands=commands), collect)
        return found

    def _run_everywhere(self, command: str) -> dict[str, str]:
        return self.run_command(dict.fromkeys(self.station.hosts, command), lambda event: None)

    def madang(self, arguments: Sequence[str], host: str | None = None) -> CommandResult:
        """Run `madang` with `arguments` on `host` as the right user of that server.

        Default: the machine with the database. Raises DeployError.
        """
        name = host or machines(self.station)[0].name
        if name not in self.station.hosts:
            raise DeployError(
                f"There is no host {name} in station.toml.",
                mend=f"It has: {', '.join(sorted(self.station.hosts))}.",
            )
        line = shlex.join(["python3", "-c", RUN_SCRIPT, *arguments])
        answer = self.run_command({name: line}, lambda event: None)[name]
        return CommandResult(*json.loads(answer))

    def first_administrator(self) -> dict[str, Any] | None:
        """Make the first of `administrators` the station's, unless it has one.

        Returns the account with its password, shown only now. Raises DeployError.
        """
        person = self.station.administrators[0]
        arguments = ("user", "create", person.name, "--email", person.email, "--admin", "--first")
        done = self.madang([*arguments, "--json"])
        if done.exit_code:
            raise DeployError(
                f"No administrator could be made: {done.errors.strip().removeprefix('madang: ')}",
                mend="Make one: madang deploy run -- user create NAME --admin",
            )
        made: dict[str, Any] | None = json.loads(done.output)
        return made

    def status(self) -> dict[str, Any]:
        """Return the state of each role, by machine."""
        answers = self._run_everywhere(f"python3 {TOOLS}/switch.py 0 status")
        return {name: json.loads(text) for name, text in answers.items()}

    def security(self, authority: str | None = None) -> list[SecurityFinding]:
        """Audit the machines from outside and inside; `authority` is a CA file to trust as well."""
        now = datetime.now(UTC)
        findings: list[SecurityFinding] = []
        answers = self._run_everywhere(AUDIT_SCRIPT)
        for machine in machines(self.station):
            view = probe_machine(self.station, machine, authority)
            findings += external_findings(self.station, machine, view, now)
            findings += internal_findings(
                self.station, machine, json.loads(answers[machine.name]), now
            )
        return findings

    def rollback(self, on_event: EventHandler) -> dict[str, str]:
        """Return to the previous release on every machine; return the outputs."""
        commands = {
            machine.name: "systemd-run --quiet --wait --pipe --collect --unit=madang-switch "
            f"python3 {TOOLS}/switch.py {self.ready_timeout:g} back {' '.join(machine.roles)} 2>&1"
            for machine in machines(self.station)
        }
        return self.run_command(commands, on_event)


def failure_message(reason: str, output: Sequence[str]) -> str:
    """Return the message of a failed run, which ends with what failed and why."""
    # pyinfra counts commands below the words of the one that failed.
    lines = [line for line in output if "Error: executed" not in line]
    said = "".join(f"  {line}\n" for line in lines)
    return f"The output of the servers ends:\n{said}{reason}." if said else f"{reason}."


def secret_texts(secrets: Secrets, station: Station) -> tuple[str, ...]:
    """Return all texts that must never be shown."""
    key = () if station.tls is None else (station.tls.key.read_text(encoding="ascii").strip(),)
    if station.backup.sftp_key is not None:
        key = (*key, station.backup.sftp_key.read_text(encoding="ascii").strip())
    if station.backup.s3_secret is not None:
        key = (*key, station.backup.s3_secret)
    if station.mail is not None and (password := MailServer.parse(station.mail.url).password):
        key = (*key, station.mail.url, password)
    return (secrets.database, secrets.redis, secrets.session, secrets.backup, *key)
