"""Starts the engine for one job and hears what it says."""

from __future__ import annotations

import getpass
import json
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from madang.ops.deploy import release as releases
from madang.ops.deploy.errors import DeployError
from madang.ops.deploy.job import SILENCE_SECONDS, Job, JobTarget
from madang.ops.deploy.model.facts import Facts, judge
from madang.ops.deploy.model.layout import TOOLS, machines
from madang.ops.deploy.model.station_file import Station
from madang.ops.deploy.model.steps import DesiredState, loaders, steps
from madang.ops.deploy.release import Release
from madang.ops.deploy.secrets_file import keep_secrets
from madang.ops.deploy.security import QUESTION, Finding, judge_inside, judge_outside, probe
from madang.ops.deploy.texts.service import Secrets

Hear = Callable[[dict[str, Any]], None]
"""Takes each event of the engine as it comes."""

READY_SHAPES: Final = ("minimal", "single", "split")

READY_SECONDS: Final = 60.0
"""A start with changes of tables on a slow disk takes a few seconds; one that hangs, for ever."""

MEMORY_STEP: Final = 256 << 20
"""Bytes: the kernel keeps a little more or less for itself after each update, and that alone
shall not restart a database."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One station's servers, and what has to be known to look at or change them."""

    station: Station
    folder: Path
    """Where station.toml is: the station's secrets are kept beside it."""
    source: Path | None = None
    """Source tree of the release; None: the one that this program runs from."""
    patience: float = READY_SECONDS
    """Seconds that a release gets to become ready before the one before comes back."""
    silence: float = SILENCE_SECONDS
    """Seconds after which a machine that says nothing is gone."""

    def run(self, job: Job, hear: Hear) -> None:
        """Run `job`; raises DeployError, with what the machines said, where it fails."""
        engine = subprocess.Popen(
            [sys.executable, "-m", "madang.ops.deploy.engine"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=False,
        )
        assert engine.stdin is not None
        assert engine.stdout is not None
        failure: dict[str, Any] | None = None
        ended = False
        try:
            engine.stdin.write(pickle.dumps(job))
            engine.stdin.close()
            for line in engine.stdout:
                event = json.loads(line)
                if event["event"] == "failed":
                    failure = event
                ended = ended or event["event"] == "end"
                hear(event)
        except BrokenPipeError:
            pass  # it has ended already; whether that was in order is judged below
        except BaseException:
            engine.kill()
            raise
        finally:
            engine.wait()
        if failure is not None:
            said = "".join(f"\n  {line}" for line in failure["said"])
            raise DeployError(f"{failure['why']}.{said}" if said else f"{failure['why']}.")
        if not ended:
            raise DeployError(
                "The deployment was cut off before it had ended.",
                mend="Run it again: it goes on where it stopped.",
            )

    def targets(self) -> dict[str, JobTarget]:
        """The machines, with nothing to do yet."""
        return {machine.name: JobTarget(machine.host) for machine in machines(self.station)}

    def facts(self) -> dict[str, Facts]:
        """What the machines are. Raises DeployError where one will not do."""
        found: dict[str, Facts] = {}

        def hear(event: dict[str, Any]) -> None:
            if event["event"] == "facts":
                facts = judge(event["host"], event["answer"])
                rounded = round(facts.memory / MEMORY_STEP) * MEMORY_STEP
                found[event["host"]] = replace(facts, memory=rounded)

        self.run(Job("facts", self.targets()), hear)
        return found

    def job(
        self, kind: str, hear: Hear, only: tuple[str, ...] = (), *, restore: bool = False
    ) -> Job:
        """Everything for a `plan` or `apply`: facts asked for, release built, steps written.

        `only` these roles change their release; with `restore` the station first comes back from
        `backup.offsite`, on the machines that have none. Raises DeployError.
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
        if self.station.shape not in READY_SHAPES:
            raise DeployError(
                f"This version cannot set up the shape {self.station.shape}: "
                "the program does not run as separate roles yet.",
                mend='Set shape = "minimal".',
            )
        facts = self.facts()
        if restore and all(known.has_station for known in facts.values()):
            raise DeployError(
                "Every server has a station already: nothing was brought back.",
                mend="To go back to an earlier state, see the guide, page Backups.",
            )
        secrets = keep_secrets(self.folder, write=kind == "apply")
        source = self.source or releases.checkout()
        built: dict[tuple[str, str], Release] = {}
        for name, known in facts.items():
            kind_of = (known.target.python, known.machine)
            if kind_of not in built:
                hear({"event": "building", "host": name, "python": known.target.python})
                built[kind_of] = releases.build(source, *kind_of)
        targets: dict[str, JobTarget] = {}
        for machine in machines(self.station):
            known = facts[machine.name]
            wish = DesiredState(
                self.station,
                machine,
                known,
                secrets,
                built[known.target.python, known.machine],
                self.patience,
                only,
                restore and not known.has_station,
            )
            plan = steps(wish)
            targets[machine.name] = JobTarget(machine.host, plan, loaders(plan))
            hear({"event": "release", "host": machine.name, "release": wish.release_id})
        return Job(
            "apply" if kind == "apply" else "plan",
            targets,
            title=f"apply {self.station.shape} {self.station.domain}",
            who=f"{getpass.getuser()}@{socket.gethostname()}",
            secrets=secret_texts(secrets, self.station),
            silence=self.silence,
        )

    def ask(self, commands: Mapping[str, tuple[str, str]], hear: Hear) -> dict[str, str]:
        """Run one command on each machine named; return what each printed."""
        found: dict[str, str] = {}

        def both(event: dict[str, Any]) -> None:
            if event["event"] == "output":
                found[event["host"]] = event["text"]
            hear(event)

        targets = {name: target for name, target in self.targets().items() if name in commands}
        self.run(Job("run", targets, commands=commands), both)
        return found

    def status(self) -> dict[str, Any]:
        """What runs where, by machine."""
        command = (f"python3 {TOOLS}/switch.py 0 status", "")
        answers = self.ask(dict.fromkeys(self.station.hosts, command), lambda event: None)
        return {name: json.loads(text) for name, text in answers.items()}

    def security(self, authority: str | None = None) -> list[Finding]:
        """What a stranger and root find on the machines; `authority` is a file to trust, too."""
        now = datetime.now(UTC)
        findings: list[Finding] = []
        answers = self.ask(dict.fromkeys(self.station.hosts, (QUESTION, "")), lambda event: None)
        for machine in machines(self.station):
            seen = probe(self.station, machine, authority)
            findings += judge_outside(self.station, machine, seen, now)
            findings += judge_inside(machine, json.loads(answers[machine.name]), now)
        return findings

    def rollback(self, hear: Hear) -> dict[str, str]:
        """Go back to the release before on every machine; return what each said."""
        commands = {
            machine.name: (
                "systemd-run --quiet --wait --pipe --collect --unit=madang-switch "
                f"python3 {TOOLS}/switch.py {self.patience:g} back {' '.join(machine.roles)} 2>&1",
                "",
            )
            for machine in machines(self.station)
        }
        return self.ask(commands, hear)


def secret_texts(secrets: Secrets, station: Station) -> tuple[str, ...]:
    """All that must never be shown."""
    key = () if station.tls is None else (station.tls.key.read_text(encoding="ascii").strip(),)
    if station.backup.sftp_key is not None:
        key = (*key, station.backup.sftp_key.read_text(encoding="ascii").strip())
    if station.backup.s3_secret is not None:
        key = (*key, station.backup.s3_secret)
    return (secrets.database, secrets.redis, secrets.session, secrets.backup, *key)
