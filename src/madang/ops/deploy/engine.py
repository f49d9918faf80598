"""Runs jobs on the machines through pyinfra, in a process of its own.

    python -m madang.ops.deploy.engine < jobs > events

pyinfra needs gevent's patches, which belong in no other process. Standard input has a pickled
DeployJob of the parent process after another, each sent when the one before has ended; standard
output has one event per line as JSON. The process ends with its input, or when a job fails.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import json  # gevent must patch before anything else is imported
import logging
import os
import pickle
import shlex
import sys
from collections.abc import Generator
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final

from pyinfra.api.command import FileUploadCommand, StringCommand
from pyinfra.api.config import Config
from pyinfra.api.connect import disconnect_all
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory
from pyinfra.api.operation import add_op, operation
from pyinfra.api.operations import run_ops
from pyinfra.api.state import BaseStateCallback, State, StateStage
from pyinfra.context import ctx_host, ctx_state
from pyinfra.context import host as current_host
from pyinfra.context import state as current_state

from madang.ops.deploy.connections import (
    COMMAND_SECONDS,
    CONNECT_SECONDS,
    JobFailed,
    close_connections,
    disconnected,
    host_data,
    lock_machine,
    open_connections,
    run_shell,
    verify_key_login,
    write_audit_log,
)
from madang.ops.deploy.diff import (
    ObservedState,
    changing_keys,
    difference,
    parse_observed,
    probe_request,
)
from madang.ops.deploy.job import DeployJob
from madang.ops.deploy.model.facts import FACTS_SCRIPT
from madang.ops.deploy.model.resources import (
    CustomCommand,
    ManagedFile,
    Packages,
    Resource,
    SetupStep,
    SystemdUnit,
    UserAccount,
)
from madang.ops.deploy.operations import Upload, operations

_events = os.fdopen(os.dup(1), "w", encoding="utf-8")


def send_event(event: str, **content: Any) -> None:
    """Send one event to the parent process."""
    _events.write(json.dumps({"event": event, **content}, ensure_ascii=False) + "\n")
    _events.flush()


class RedactingHandler(logging.Handler):
    """Collects pyinfra's log without secrets, for the message of a failure."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        super().__init__(logging.INFO)
        self._secrets = secrets
        self.lines: list[str] = []

    def redact(self, text: str) -> str:
        """Return `text` with every secret masked."""
        for secret in self._secrets:
            text = text.replace(secret, "********")
        return text

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.redact(record.getMessage()))


@dataclass
class Observation:
    """Observed state of one step on one machine; `observed` is cleared by operations that change
    more than one resource."""

    resources: tuple[Resource, ...]
    observed: ObservedState | None = None

    def state(self, resource: Resource | None = None) -> ObservedState:
        """Return the state, and query it if it is unknown: from `resource` on, as what comes before
        it in the step is done."""
        if self.observed is None:
            first = 0 if resource is None else self.resources.index(resource)
            request = probe_request(self.resources[first:])
            answer = run_shell("python3 -c " + PROBE, stdin=json.dumps(request))
            try:
                self.observed = parse_observed(request, json.loads(answer))
            except ValueError:
                raise PyinfraError(f"{current_host.name} did not answer as expected") from None
        return self.observed


PROBE: Final = shlex.quote(
    files("madang.ops.deploy.remote").joinpath("probe.py").read_text("utf-8")
)


@operation()
def apply(
    observation: Observation, resource: Resource, step: str, job: DeployJob
) -> Generator[Any, None, None]:
    """Apply one resource: yield the commands that it needs, or none."""
    name = current_host.name
    units_by_file = job.targets[name].units_by_file
    change = difference(resource, observation.state(resource))
    if change is None:
        return
    running = current_state.is_executing
    if running:
        send_event("begin", host=name, step=step, what=change.what, how=change.how)
    for each in operations(resource, observation.state(resource), units_by_file):
        if isinstance(each, Upload):
            yield FileUploadCommand(str(each.source), each.path)
        else:
            command = StringCommand(each.command)
            if each.stdin:
                command.connector_arguments["_stdin"] = each.stdin
            yield command
    if running:
        # These change other resources too: a package brings files, a loaded file removes a stamp.
        loaded = isinstance(resource, ManagedFile) and resource.path in units_by_file
        if loaded or isinstance(resource, Packages | CustomCommand | SystemdUnit | UserAccount):
            observation.observed = None
        send_event("done", host=name, step=step, what=change.what)


@operation()
def no_op() -> Generator[Any, None, None]:
    """Do nothing: keeps the steps of all machines in parallel."""
    yield from ()


@dataclass
class FailureRecorder(BaseStateCallback):
    """Records the failed operation of each host."""

    by_host: dict[str, str] = field(default_factory=dict)

    def operation_host_error(  # type: ignore[override]
        self, state: State, host: Host, op_hash: str, retry_count: int = 0, max_retries: int = 0
    ) -> None:
        self.by_host[host.name] = ", ".join(state.get_op_meta(op_hash).names)


def main() -> int:
    """Run the jobs on standard input and return the exit code."""
    os.dup2(2, 1)  # keep output of libraries out of the events
    while True:
        try:
            job: DeployJob = pickle.load(sys.stdin.buffer)
        except EOFError:
            return 0
        if not _succeeds(job):
            return 1


def _succeeds(job: DeployJob) -> bool:
    """Run one job, tell how it ended, and return false if it failed."""
    handler = RedactingHandler(job.secrets)
    logger = logging.getLogger("pyinfra")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.handlers[:] = [handler]
    failures = FailureRecorder()
    try:
        names = [(name, host_data(target)) for name, target in job.targets.items()]
        config = Config(CONNECT_TIMEOUT=CONNECT_SECONDS, FAIL_PERCENT=0)
        state = State(Inventory((names, {})), config)
        state.current_stage = StateStage.Connect
        state.add_callback_handler(failures)
        with ctx_state.use(state):
            open_connections(state, job)
            for host in state.inventory:
                send_event("connected", host=host.name)
            _run_job(job, state, failures, handler)
            disconnect_all(state)
            close_connections(state)
    except Exception as error:  # noqa: BLE001  # whatever it is, the operator is told
        known = isinstance(error, JobFailed | PyinfraError)
        reason = str(error) if known else f"The deployment failed: {error!r}"
        lines = [line for line in handler.lines if line.strip() and not line.endswith("Connected")]
        output = lines[-15:]
        send_event(
            "failed", why=handler.redact(reason.rstrip(".")), failed=failures.by_host, said=output
        )
        return False
    send_event("end")
    return True


def _run_job(
    job: DeployJob, state: State, failures: FailureRecorder, handler: RedactingHandler
) -> None:
    state.current_stage = StateStage.Prepare
    if job.kind == "facts":
        for host in state.inventory:
            send_event(
                "facts", host=host.name, answer=json.loads(run_shell(FACTS_SCRIPT, host=host))
            )
        return
    if job.kind == "run":
        for host in state.inventory:
            text = run_shell(job.commands[host.name], host=host)
            send_event("output", host=host.name, text=handler.redact(text))
        return
    locks = [lock_machine(host, job) for host in state.inventory] if job.kind == "apply" else []
    _prepare(job, state)
    if job.kind == "apply":
        write_audit_log(state, job, "begun")
        state.current_stage = StateStage.Execute
        try:
            run_ops(state)
        except Exception as error:  # noqa: BLE001  # a connection ends in many ways
            failed = (
                dict.fromkeys(disconnected(state), "the connection was lost") | failures.by_host
            )
            where = "; ".join(f"{name}: {what}" for name, what in failed.items()) or repr(error)
            write_audit_log(state, job, f"failed at {where}")
            raise JobFailed(f"Stopped at {where}") from None
        verify_key_login(state)
        write_audit_log(state, job, "done")
    for lock in locks:
        lock.close()


def _prepare(job: DeployJob, state: State) -> None:
    """Query all states, send the differences, and queue the operations."""
    # For all steps at once: nothing changes before the last query.
    observed: dict[str, ObservedState] = {}
    changing: dict[str, frozenset[str]] = {}
    for host in state.inventory:
        everything = tuple(one for step in job.targets[host.name].steps for one in step.resources)
        with ctx_host.use(host):
            observed[host.name] = seen = Observation(everything).state()
        changing[host.name] = changing_keys(everything, seen)
    longest = max(len(target.steps) for target in job.targets.values())
    for number in range(longest):
        parts: dict[str, SetupStep] = {
            name: target.steps[number] for name, target in job.targets.items()
        }
        width = max(len(step.resources) for step in parts.values())
        observations = {
            name: Observation(step.resources, observed[name]) for name, step in parts.items()
        }
        for host in state.inventory:
            step = parts[host.name]
            stale = changing[host.name]
            changes = [
                difference(resource, observed[host.name], stale) for resource in step.resources
            ]
            send_event(
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
            for index in range(width):
                if index >= len(step.resources):
                    add_op(state, no_op, name=f"{step.name} | –", host=host)
                    continue
                resource = step.resources[index]
                add_op(
                    state,
                    apply,
                    observations[host.name],
                    resource,
                    step.name,
                    job,
                    name=f"{step.name} | {resource.key}",
                    host=host,
                    _sudo=host.data.get("sudo"),
                    _timeout=COMMAND_SECONDS,
                )
            # Earlier steps will have changed the machine by then.
            observations[host.name].observed = None


if __name__ == "__main__":
    sys.exit(main())
