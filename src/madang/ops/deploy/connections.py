"""SSH connections of the engine: commands, lock and audit log of each machine.

Import only after gevent's patches: see `engine`.
"""

from __future__ import annotations

import json
import logging
import shlex
import socket
from datetime import UTC, datetime
from typing import Any, Final

from pyinfra.api.command import StringCommand
from pyinfra.api.connect import connect_all
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra.context import host as current_host

from madang.ops.deploy.job import DeployJob, DeployTarget
from madang.ops.deploy.model.resources import STATE

CONNECT_SECONDS: Final = 15
KEEPALIVE_SECONDS: Final = 5
"""Keep-alive interval, for a lost machine to be noticed."""
COMMAND_SECONDS: Final = 900
"""Limit for one command, such as the packages of a step over a slow line."""
LOCK: Final = f"{STATE}/lock"
LOCK_SECONDS: Final = 20
"""Longest wait for the lock of an interrupted run: the SSH server notices within 15 seconds."""

log = logging.getLogger(__name__)


class JobFailed(Exception):
    """The job cannot continue; the text has the reason and the remedy."""


def host_data(target: DeployTarget) -> dict[str, Any]:
    """Return pyinfra's data of a machine."""
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


def open_connections(state: State, job: DeployJob) -> None:
    """Connect to all machines. Raises JobFailed."""
    try:
        connect_all(state)
    except PyinfraError:
        names = ", ".join(
            f"{host.name} ({host.data.get('ssh_hostname')})"
            for host in state.inventory
            if not host.connected
        )
        raise JobFailed(f"No SSH connection to {names}") from None
    for host in state.inventory:
        transport = _client(host).get_transport()
        transport.set_keepalive(KEEPALIVE_SECONDS)
        transport.sock.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(job.lost_after * 1000)
        )


def close_connections(state: State) -> None:
    """Close what pyinfra leaves to the end of the process."""
    for host in state.activated_hosts:
        _client(host).close()


def run_shell(command: str, stdin: str = "", host: Any = None) -> str:
    """Run a command on the current machine and return its output. Raises PyinfraError."""
    where = host or current_host
    arguments: dict[str, Any] = {"_sudo": where.data.get("sudo"), "_timeout": COMMAND_SECONDS}
    if stdin:
        arguments["_stdin"] = stdin
    good, output = where.run_shell_command(StringCommand(command), **arguments)
    if not good:
        raise PyinfraError(f"{where.name}: {_words(output)}")
    return str(output.stdout)


def _words(output: Any) -> str:
    """Return what a failed command wrote, to standard output where it joined the two."""
    return output.stderr.strip() or output.stdout.strip()[-1000:] or "a command failed"


def lock_machine(host: Host, job: DeployJob) -> Any:
    """Lock the machine for this run; the kernel releases the lock when the connection ends.

    Raises JobFailed if another run holds it.
    """
    holder = shlex.quote(f"{job.operator} since {_timestamp()}")
    script = (
        f"install -d -m 700 {STATE}; exec 9>>{LOCK}; if flock -w {LOCK_SECONDS} 9; "
        f"then printf '%s' {holder} > {LOCK}.holder; echo held; exec cat >/dev/null; "
        f"else cat {LOCK}.holder; fi"
    )
    sudo = "sudo -n " if host.data.get("sudo") else ""
    _, stdout, _ = _client(host).exec_command(f"{sudo}sh -c {shlex.quote(script)}")
    answer = stdout.readline().strip()
    if answer != "held":
        raise JobFailed(f"{host.name} is being deployed to already, by {answer or 'somebody'}.")
    return stdout.channel


def _timestamp() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _client(host: Host) -> Any:
    """Return the paramiko client of a host."""
    return host.connector.client  # type: ignore[attr-defined]


def disconnected(state: State) -> list[str]:
    """Return the hosts without a connection."""
    return [
        host.name
        for host in state.inventory
        if (transport := _client(host).get_transport()) is None or not transport.is_active()
    ]


def write_audit_log(state: State, job: DeployJob, result: str) -> None:
    """Append to the audit log of each machine that still answers."""
    entry = {"at": _timestamp(), "who": job.operator, "what": job.title, "result": result}
    line = json.dumps(entry, ensure_ascii=False)
    for host in state.inventory:
        if host not in state.activated_hosts:
            continue
        try:
            run_shell(
                "umask 027; mkdir -p /var/log/madang && cat >> /var/log/madang/deploy.jsonl",
                line + "\n",
                host=host,
            )
        except Exception as error:  # noqa: BLE001  # the run's own failure must not be hidden by it
            log.warning("%s: the audit log was not written: %s", host.name, error)


def verify_key_login(state: State) -> None:
    """Sign in again by key under the new SSH settings; restore the old ones on failure.

    Raises JobFailed.
    """
    for host in state.inventory:
        before = _client(host)
        try:
            host.connector.connect()
        except Exception as error:  # noqa: BLE001  # whatever it is, the way back comes first
            host.connector.client = before  # type: ignore[attr-defined]
            run_shell(
                "rm -f /etc/ssh/sshd_config.d/10-madang.conf && systemctl reload ssh.service",
                host=host,
            )
            raise JobFailed(
                f"{host.name} no longer lets a key in ({error}); its SSH settings were put back"
            ) from None
