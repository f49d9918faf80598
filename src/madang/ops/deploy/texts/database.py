"""PostgreSQL and Redis, sized for the machine and open to the station's machines alone."""

from __future__ import annotations

from typing import Final

from madang.ops.deploy.model.layout import (
    POSTGRESQL_PORT,
    REDIS_PORT,
    USER,
    StationMachine,
    machines,
)
from madang.ops.deploy.model.station_file import Station
from madang.ops.deploy.texts import HEADER

CONNECTIONS: Final = 100
"""A few per process of the station, and some for psql."""


FIND_CLUSTER: Final = rf"""
c=
for each in $(pg_lsclusters -h 2>/dev/null | awk '$3 == {POSTGRESQL_PORT} {{print $1 "/" $2}}' | sort -V); do
    if ! grep -qs '^manual' "/etc/postgresql/$each/start.conf"; then c=$each; fi
done
[ -n "$c" ] || c=$(cd /etc/postgresql && ls -d */main | sort -V | tail -n 1)
"""  # noqa: E501  # a shell script, whose lines are clearer unbroken
"""Set `c` to VERSION/NAME of the cluster with the station's database.

An upgrade of the distribution brings an empty cluster on another port; pg_upgradecluster leaves the
old one behind, not started any more, with this port still in its configuration.
"""


def postgresql(station: Station, machine: StationMachine, memory: int) -> str:
    """A file for conf.d of any version (14 to 17). `memory` is that of the whole machine, in
    bytes."""
    megabytes = memory // 1_048_576
    shared = max(128, min(megabytes // 8, 4096))
    listen = "localhost"
    if len(machines(station)) > 1:
        listen = f"localhost,{machine.listen_address}"
    return f"""{HEADER}
listen_addresses = '{listen}'
port = {POSTGRESQL_PORT}
max_connections = {CONNECTIONS}
shared_buffers = {shared}MB
effective_cache_size = {max(256, megabytes // 2)}MB
maintenance_work_mem = {max(64, min(megabytes // 32, 512))}MB
work_mem = {max(4, min(megabytes // 1024, 32))}MB
wal_compression = on
checkpoint_completion_target = 0.9
max_wal_size = 2GB
random_page_cost = 1.1
idle_in_transaction_session_timeout = '60s'
password_encryption = 'scram-sha-256'
log_min_duration_statement = '1s'
log_connections = off
"""


def access(station: Station, machine: StationMachine) -> str:
    """pg_hba.conf: the station by password from its own machines, the superuser locally."""
    lines = [
        "local   all       postgres                      peer",
        f"local   {USER}    {USER}                        scram-sha-256",
        f"host    {USER}    {USER}    127.0.0.1/32        scram-sha-256",
        f"host    {USER}    {USER}    ::1/128             scram-sha-256",
    ]
    for other in machines(station):
        address = other.host.private_address
        if other.name != machine.name and address:
            bits = 128 if ":" in address else 32
            lines.append(f"host    {USER}    {USER}    {address}/{bits}    scram-sha-256")
    return HEADER + "\n".join(lines) + "\n"


def redis(station: Station, machine: StationMachine, memory: int, password: str) -> str:
    """A file included last by redis.conf, for Redis 6 to 8; secret."""
    bind = "127.0.0.1 -::1"
    if len(machines(station)) > 1:
        bind = f"127.0.0.1 {machine.listen_address}"
    return f"""{HEADER}
bind {bind}
port {REDIS_PORT}
protected-mode yes
requirepass {password}
maxmemory {max(64, memory // 1_048_576 // 16)}mb
# Sessions and what is on the air are in it: full is an error, not a reason to forget.
maxmemory-policy noeviction
# Nothing in it must outlast a restart, and a full disk must not stop it: nothing is saved, and
# nothing is read that an earlier configuration saved.
save ""
appendonly no
stop-writes-on-bgsave-error no
dbfilename not-saved.rdb
"""
