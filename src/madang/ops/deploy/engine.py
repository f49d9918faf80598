"""Runs one job on the machines through pyinfra; a process of its own.

    python -m madang.ops.deploy.engine < job > events

pyinfra needs gevent's patches, which belong in no other process. The job is one pickled value from
our own parent on standard input, the events are JSON lines on standard output: see `Job`.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import json  # gevent must patch before anything else is imported
import logging
import os
import pickle
import shlex
import socket
import sys
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, Final

from pyinfra.api.command import FileUploadCommand, StringCommand
from pyinfra.api.config import Config
from pyinfra.api.connect import connect_all, disconnect_all
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory
from pyinfra.api.operation import add_op, operation
from pyinfra.api.operations import run_ops
from pyinfra.api.state import BaseStateCallback, State, StateStage
from pyinfra.context import ctx_host, ctx_state
from pyinfra.context import host as current_host
from pyinfra.context import state as current_state

from madang.ops.deploy.diff import ObservedState, difference, request, seen
from madang.ops.deploy.job import Job, JobTarget
from madang.ops.deploy.model.facts import QUESTION
from madang.ops.deploy.model.resources import (
    STATE,
    CustomCommand,
    ManagedFile,
    Packages,
    Resource,
    SetupStep,
    SystemdUnit,
    UserAccount,
)
from madang.ops.deploy.operations import Upload, operations

CONNECT_SECONDS: Final = 15
KEEPALIVE_SECONDS: Final = 5
"""Something is always under way to a machine, so that its silence is noticed."""
COMMAND_SECONDS: Final = 900
"""All packages of a step over a slow line; nothing of ours takes longer."""
LOCK: Final = f"{STATE}/lock"
LOCK_SECONDS: Final = 20
"""For a run that was cut off to be let go of: the SSH server notices within 15 seconds."""

log = logging.getLogger(__name__)
_events = os.fdopen(os.dup(1), "w", encoding="utf-8")


class Refused(Exception):
    """The job cannot go on; the text says why and what to do."""


def emit(event: str, **content: Any) -> None:
    """One event to the parent."""
    _events.write(json.dumps({"event": event, **content}, ensure_ascii=False) + "\n")
    _events.flush()


class Scrubbed(logging.Handler):
    """Keeps what pyinfra says of each machine, without secrets, for the message of a failure."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        super().__init__(logging.INFO)
        self._secrets = secrets
        self.lines: list[str] = []

    def scrub(self, text: str) -> str:
        """`text` without any of the secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "********")
        return text

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.scrub(record.getMessage()))


@dataclass
class Look:
    """What was seen of one step on one machine; looked at again after what may change more than
    itself."""

    resources: tuple[Resource, ...]
    found: ObservedState | None = None

    def now(self) -> ObservedState:
        """The state, asked for if it is not known."""
        if self.found is None:
            asked = request(self.resources)
            answer = shell("python3 -c " + PROBE, stdin=json.dumps(asked))
            try:
                self.found = seen(asked, json.loads(answer))
            except ValueError:
                raise PyinfraError(f"{current_host.name} did not answer as expected") from None
        return self.found


PROBE: Final = shlex.quote(
    files("madang.ops.deploy.remote").joinpath("probe.py").read_text("utf-8")
)


def shell(command: str, stdin: str = "", host: Any = None) -> str:
    """What `command` prints on the current machine. Raises PyinfraError where it fails."""
    where = host or current_host
    arguments: dict[str, Any] = {"_sudo": where.data.get("sudo"), "_timeout": COMMAND_SECONDS}
    if stdin:
        arguments["_stdin"] = stdin
    good, output = where.run_shell_command(StringCommand(command), **arguments)
    if not good:
        raise PyinfraError(f"{where.name}: {output.stderr.strip() or 'a command failed'}")
    return str(output.stdout)


@operation()
def realise(look: Look, resource: Resource, step: str, job: Job) -> Generator[Any, None, None]:
    """One resource: nothing where it is as it shall be, else the commands that make it so."""
    name = current_host.name
    change = difference(resource, look.now())
    if change is None:
        return
    running = current_state.is_executing
    if running:
        emit("begin", host=name, step=step, what=change.what, how=change.how)
    for doing in operations(resource, look.now(), job.targets[name].loaders):
        if isinstance(doing, Upload):
            yield FileUploadCommand(str(doing.source), doing.path)
        else:
            command = StringCommand(doing.command)
            if doing.stdin:
                command.connector_arguments["_stdin"] = doing.stdin
            yield command
    if running:
        # These change more than themselves: a package brings files, a file takes a stamp away.
        loaded = isinstance(resource, ManagedFile) and resource.path in job.targets[name].loaders
        if loaded or isinstance(resource, Packages | CustomCommand | SystemdUnit | UserAccount):
            look.found = None
        emit("done", host=name, step=step, what=change.what)


@operation()
def pad() -> Generator[Any, None, None]:
    """Nothing: keeps the machines' steps side by side."""
    yield from ()


@dataclass
class Watcher(BaseStateCallback):
    """Remembers which operation failed where."""

    failed: dict[str, str] = field(default_factory=dict)

    def operation_host_error(  # type: ignore[override]
        self, state: State, host: Host, op_hash: str, retry_count: int = 0, max_retries: int = 0
    ) -> None:
        self.failed[host.name] = ", ".join(state.get_op_meta(op_hash).names)


def connect(job: Job) -> State:
    """Connect to all machines. Raises Refused."""
    names = [(name, _host_data(target)) for name, target in job.targets.items()]
    state = State(Inventory((names, {})), Config(CONNECT_TIMEOUT=CONNECT_SECONDS, FAIL_PERCENT=0))
    state.current_stage = StateStage.Connect
    return state


def _host_data(target: JobTarget) -> dict[str, Any]:
    host = target.host
    data: dict[str, Any] = {
        "ssh_hostname": host.address,
        "ssh_user": host.user,
        "ssh_port": host.port,
        "sudo": host.user != "root",
    }
    if host.key is not None:
        data["ssh_key"] = str(host.key)
    if host.known_hosts is not None:
        data["ssh_known_hosts_file"] = str(host.known_hosts)
    return data


def main() -> int:
    """Run the job on standard input."""
    job: Job = pickle.load(sys.stdin.buffer)
    os.dup2(2, 1)  # whatever a library prints must not be taken for an event
    heard = Scrubbed(job.secrets)
    logger = logging.getLogger("pyinfra")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.handlers[:] = [heard]
    watcher = Watcher()
    try:
        state = connect(job)
        state.add_callback_handler(watcher)
        with ctx_state.use(state):
            _connect(state, job)
            _work(job, state, watcher, heard)
            disconnect_all(state)
    except Exception as error:  # noqa: BLE001  # whatever it is, the operator is told
        known = isinstance(error, Refused | PyinfraError)
        why = str(error) if known else f"The deployment failed: {error!r}"
        said = [line for line in heard.lines if line.strip()][-15:]
        emit("failed", why=heard.scrub(why), failed=watcher.failed, said=said)
        return 1
    emit("end")
    return 0


def _connect(state: State, job: Job) -> None:
    try:
        connect_all(state)
    except PyinfraError:
        names = ", ".join(
            f"{host.name} ({host.data.get('ssh_hostname')})"
            for host in state.inventory
            if not host.connected
        )
        raise Refused(f"No SSH connection to {names}") from None
    for host in state.inventory:
        transport = _client(host).get_transport()
        transport.set_keepalive(KEEPALIVE_SECONDS)
        transport.sock.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(job.silence * 1000)
        )
        emit("connected", host=host.name)


def _work(job: Job, state: State, watcher: Watcher, heard: Scrubbed) -> None:
    state.current_stage = StateStage.Prepare
    if job.kind == "facts":
        for host in state.inventory:
            emit("facts", host=host.name, answer=json.loads(shell(QUESTION, host=host)))
        return
    if job.kind == "run":
        for host in state.inventory:
            command, stdin = job.commands[host.name]
            emit("output", host=host.name, text=heard.scrub(shell(command, stdin, host=host)))
        return
    locks = [_lock(host, job) for host in state.inventory] if job.kind == "apply" else []
    _prepare(job, state)
    if job.kind == "apply":
        _note(state, job, "begun")
        state.current_stage = StateStage.Execute
        try:
            run_ops(state)
        except Exception as error:  # noqa: BLE001  # a connection ends in many ways
            failed = dict.fromkeys(_lost(state), "the connection was lost") | watcher.failed
            where = "; ".join(f"{name}: {what}" for name, what in failed.items()) or repr(error)
            _note(state, job, f"failed at {where}")
            raise Refused(f"Stopped at {where}") from None
        _prove_keys(state)
        _note(state, job, "done")
    for lock in locks:
        lock.close()


def _prepare(job: Job, state: State) -> None:
    """Look at everything, say what differs, and line the machines' operations up."""
    # Asked for all steps at once: nothing changes before the last has been looked at.
    found: dict[str, ObservedState] = {}
    for host in state.inventory:
        everything = tuple(one for step in job.targets[host.name].steps for one in step.resources)
        with ctx_host.use(host):
            found[host.name] = Look(everything).now()
    longest = max(len(target.steps) for target in job.targets.values())
    for number in range(longest):
        parts: dict[str, SetupStep] = {
            name: target.steps[number] for name, target in job.targets.items()
        }
        width = max(len(step.resources) for step in parts.values())
        looks = {name: Look(step.resources, found[name]) for name, step in parts.items()}
        for host in state.inventory:
            step = parts[host.name]
            changes = [difference(resource, found[host.name]) for resource in step.resources]
            emit(
                "differs",
                host=host.name,
                step=step.name,
                changes=[
                    {"what": change.what, "how": change.how, "lines": list(change.lines)}
                    for change in changes
                    if change is not None
                ],
                total=len(step.resources),
            )
            if job.kind != "apply":
                continue
            for place in range(width):
                if place >= len(step.resources):
                    add_op(state, pad, name=f"{step.name} | –", host=host)
                    continue
                resource = step.resources[place]
                add_op(
                    state,
                    realise,
                    looks[host.name],
                    resource,
                    step.name,
                    job,
                    name=f"{step.name} | {resource.key}",
                    host=host,
                    _sudo=host.data.get("sudo"),
                    _timeout=COMMAND_SECONDS,
                )
            # Steps before this one will have changed the machine when its turn comes.
            looks[host.name].found = None


def _lock(host: Host, job: Job) -> Any:
    """Hold the machine for this run. The kernel lets go of it when the connection ends.

    Raises Refused where somebody else holds it.
    """
    holder = shlex.quote(f"{job.who} since {_now()}")
    script = (
        f"mkdir -p -m 700 {STATE}; exec 9>>{LOCK}; if flock -w {LOCK_SECONDS} 9; "
        f"then printf '%s' {holder} > {LOCK}.holder; echo held; exec cat >/dev/null; "
        f"else cat {LOCK}.holder; fi"
    )
    sudo = "sudo -n " if host.data.get("sudo") else ""
    _, stdout, _ = _client(host).exec_command(f"{sudo}sh -c {shlex.quote(script)}")
    answer = stdout.readline().strip()
    if answer != "held":
        raise Refused(f"{host.name} is being deployed to already, by {answer or 'somebody'}.")
    return stdout.channel


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _client(host: Host) -> Any:
    """The SSH client (of paramiko) behind a host."""
    return host.connector.client  # type: ignore[attr-defined]


def _lost(state: State) -> list[str]:
    """Machines to which there is no connection any longer."""
    return [
        host.name
        for host in state.inventory
        if (transport := _client(host).get_transport()) is None or not transport.is_active()
    ]


def _note(state: State, job: Job, result: str) -> None:
    """Append to the audit log of each machine that still answers."""
    entry = {"at": _now(), "who": job.who, "what": job.title, "result": result}
    line = json.dumps(entry, ensure_ascii=False)
    for host in state.inventory:
        if host not in state.activated_hosts:
            continue
        try:
            shell(
                "mkdir -p -m 750 /var/log/madang && cat >> /var/log/madang/deploy.jsonl",
                line + "\n",
                host=host,
            )
        except Exception as error:  # noqa: BLE001  # the run's own failure must not be hidden by it
            log.warning("%s: the audit log was not written: %s", host.name, error)


def _prove_keys(state: State) -> None:
    """Sign in anew, by key alone: with the SSH settings as they are now. Raises Refused."""
    for host in state.inventory:
        before = _client(host)
        try:
            host.connector.connect()
        except Exception as error:  # noqa: BLE001  # whatever it is, the way back comes first
            host.connector.client = before  # type: ignore[attr-defined]
            shell(
                "rm -f /etc/ssh/sshd_config.d/10-madang.conf && systemctl reload ssh.service",
                host=host,
            )
            raise Refused(
                f"{host.name} no longer lets a key in ({error}); its SSH settings were put back"
            ) from None


if __name__ == "__main__":
    sys.exit(main())
