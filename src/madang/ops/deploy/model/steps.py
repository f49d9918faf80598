"""What one machine shall have, step by step, in the order of the setting-up. Pure but for reading
the built release and the operator's certificate."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from madang.ops.backup.systemd_units import PACKAGES as BACKUP_PACKAGES
from madang.ops.deploy.model import backups, commands
from madang.ops.deploy.model.facts import Facts
from madang.ops.deploy.model.layout import (
    DATA,
    DATA_MACHINE,
    PORTS,
    PROGRAM,
    SETTINGS,
    STATIC_FILES,
    TOOLS,
    USER,
    VOLUME,
    StationMachine,
    machines,
    unit_name,
    with_role,
)
from madang.ops.deploy.model.resources import (
    STATE,
    AbsentFile,
    Folder,
    ManagedFile,
    Packages,
    Resource,
    SetupStep,
    Symlink,
    SystemdUnit,
    UserAccount,
)
from madang.ops.deploy.model.station_file import Station
from madang.ops.deploy.release import DIGITS, Release
from madang.ops.deploy.texts import base, database, nginx, security, service
from madang.ops.deploy.texts.service import TLS, Secrets

NGINX_CHECK: Final = "nginx -t -q"


@dataclass(frozen=True, slots=True)
class DesiredState:
    """All that decides what one machine shall have."""

    station: Station
    machine: StationMachine
    facts: Facts
    secrets: Secrets
    release: Release
    patience: float
    """Seconds that a release gets to become ready."""
    only: tuple[str, ...] = ()
    """Roles that change their release this time; the others go on as they run. Empty: all."""
    restore: bool = False
    """Whether the station comes back from the copy elsewhere, onto an empty machine."""

    @property
    def settings(self) -> str:
        """madang.toml."""
        chosen = backups.settings(self.station, self.machine)
        return service.settings(self.station, self.machine, self.secrets, chosen)

    @property
    def config(self) -> ManagedFile:
        """madang.toml as a file of the release."""
        return ManagedFile(
            f"{PROGRAM}/releases/{self.release_id}/madang.toml",
            self.settings,
            0o640,
            "root",
            USER,
            secret=self.station.shape in DATA_MACHINE or self.station.backup.s3_secret is not None,
        )

    @property
    def units(self) -> dict[str, str]:
        """Text of the station's services and sockets by name."""
        return {
            name: text
            for role in self.machine.roles
            for name, text in service.units(
                self.machine, role, data_here=self.machine.has_data
            ).items()
        }

    @property
    def release_id(self) -> str:
        """Name of program and settings together: what changes hands, or comes back, as one."""
        digest = hashlib.sha256(self.release.code.encode())
        digest.update(self.settings.encode())
        for text in self.units.values():
            digest.update(text.encode())
        return f"{self.release.version}-{digest.hexdigest()[:DIGITS]}"


def steps(wish: DesiredState) -> tuple[SetupStep, ...]:
    """Everything, in order. Every machine has every step, so that they go hand in hand."""
    return (
        SetupStep("base", _base(wish)),
        # Before one machine needs the other: one that was replaced may have another address.
        SetupStep("firewall", _firewall(wish)),
        SetupStep("database and Redis", _data(wish)),
        SetupStep("storage", _storage(wish)),
        SetupStep("application", _application(wish)),
        SetupStep("web server", _web(wish)),
        SetupStep("restore", _restore(wish)),
        # The tables are changed first, and nobody starts on those of before.
        SetupStep("station", _station(wish) if wish.machine.migrates else ()),
        SetupStep("station", () if wish.machine.migrates else _station(wish)),
        SetupStep("backups", backups.timers(wish.station, wish.machine, wish.config)),
        SetupStep("security", _security(wish)),
        SetupStep("monitoring", _monitoring(wish)),
        # Last: it depends on others, and where they fail all the rest shall stand.
        SetupStep("certificate", _certificate(wish)),
    )


def loaders(all_steps: tuple[SetupStep, ...]) -> Mapping[str, list[SystemdUnit]]:
    """Units by the path of each file that they load."""
    found: dict[str, list[SystemdUnit]] = {}
    for step in all_steps:
        for resource in step.resources:
            if isinstance(resource, SystemdUnit):
                for file in resource.files:
                    found.setdefault(file.path, []).append(resource)
    return found


def _base(wish: DesiredState) -> tuple[Resource, ...]:
    updates = ManagedFile("/etc/apt/apt.conf.d/52madang", base.UPDATES)
    journal = ManagedFile("/etc/systemd/journald.conf.d/60-madang.conf", base.JOURNAL)
    kernel = ManagedFile("/etc/sysctl.d/60-madang.conf", base.KERNEL)
    names = ("unattended-upgrades", "systemd-timesyncd", "ca-certificates", "rsync", "sqlite3")
    people: list[Resource] = []
    for person in wish.station.administrators:
        home = f"/home/{person.name}"
        people += [
            UserAccount(person.name, home, "/bin/bash", ("sudo",), system=False),
            Folder(f"{home}/.ssh", 0o700, person.name, person.name),
            ManagedFile(
                f"{home}/.ssh/authorized_keys",
                security.authorized_keys(person),
                0o600,
                person.name,
                person.name,
            ),
            ManagedFile(f"/etc/sudoers.d/60-{person.name}", security.sudoers(person), 0o440),
        ]
    return (
        Folder(STATE, 0o700),
        # Before anybody reads the journal: Fail2ban would go on looking at the one in memory.
        Folder("/var/log/journal", 0o2755, "root", "systemd-journal"),
        journal,
        SystemdUnit("systemd-journald.service", (journal,), enable=False),
        Packages((*names, "sudo", *wish.facts.target.packages)),
        updates,
        SystemdUnit("unattended-upgrades.service", (updates,)),
        commands.time_zone(wish.station.time_zone),
        SystemdUnit("systemd-timesyncd.service"),
        commands.swap(base.SWAP_MB),
        kernel,
        SystemdUnit("systemd-sysctl.service", (kernel,)),
        ManagedFile("/etc/security/limits.d/60-madang.conf", base.LIMITS),
        *people,
    )


def _data(wish: DesiredState) -> tuple[Resource, ...]:
    if not wish.machine.has_data:
        return ()
    redis = ManagedFile(
        "/etc/redis/madang.conf",
        database.redis(wish.station, wish.machine, wish.facts.memory, wish.secrets.redis),
        0o640,
        "root",
        "redis",
        secret=True,
    )
    return (
        Packages(("postgresql", "redis-server", *BACKUP_PACKAGES)),
        # The station's account is the group that may read what became of the backups.
        UserAccount(USER, DATA),
        *backups.prepared(wish.station, wish.machine, wish.secrets.backup),
        *commands.postgresql(
            wish.station,
            wish.machine,
            wish.facts.memory,
            wish.secrets.database,
            backups.CONFIGURATION,
        ),
        *backups.begun(wish.station, wish.machine),
        redis,
        commands.include_in_redis(redis.path),
        SystemdUnit("redis-server.service", (redis,)),
    )


def _storage(wish: DesiredState) -> tuple[Resource, ...]:
    volume = wish.station.volume
    keeps_media = with_role(wish.station, "live").name == wish.machine.name
    if volume is None or not keeps_media:
        return ()
    return commands.volume(volume, VOLUME)


def _application(wish: DesiredState) -> tuple[Resource, ...]:
    release, name = wish.release, wish.release_id
    packages = f"{PROGRAM}/packages/{release.packages.name}"
    wheel = f"{PROGRAM}/packages/{release.wheel.name}"
    folder = f"{PROGRAM}/releases/{name}"
    return (
        Packages(("restic", "openssh-client")),
        UserAccount(USER, DATA),
        Folder(DATA, 0o700, USER, USER),
        Folder(PROGRAM),
        Folder(f"{PROGRAM}/packages"),
        Folder(SETTINGS),
        *(
            ()
            if wish.machine.has_data
            else backups.prepared(wish.station, wish.machine, wish.secrets.backup)
        ),
        ManagedFile(packages, source=release.packages),
        ManagedFile(wheel, source=release.wheel),
        commands.packages(release, packages),
        commands.program(release, wheel),
        Folder(f"{PROGRAM}/releases"),
        wish.config,
        Symlink(f"{folder}/venv", f"{PROGRAM}/programs/{release.code}/venv"),
        ManagedFile(f"{folder}/.complete", f"{release.code}\n"),
    )


def _restore(wish: DesiredState) -> tuple[Resource, ...]:
    if not wish.restore:
        return ()
    return backups.brought_back(wish.station, wish.machine, wish.release_id)


def _own_certificate(wish: DesiredState) -> tuple[ManagedFile, ...]:
    """The operator's certificate and key, where there are such, on the machine that shows them."""
    tls = wish.station.tls
    if tls is None or not wish.machine.faces_the_web:
        return ()
    chain, key = (path.read_text(encoding="ascii") for path in (tls.certificate, tls.key))
    return (
        ManagedFile(f"{TLS}/fullchain.pem", chain),
        ManagedFile(f"{TLS}/privkey.pem", key, 0o640, "root", USER, secret=True),
    )


def _web(wish: DesiredState) -> tuple[Resource, ...]:
    if not wish.machine.faces_the_web:
        return ()
    station = wish.station
    config = (
        ManagedFile("/etc/nginx/nginx.conf", nginx.main(station)),
        ManagedFile("/etc/nginx/conf.d/madang.conf", nginx.site(station, wish.machine)),
    )
    packages: tuple[str, ...] = ("nginx", "openssl")
    loaded = _own_certificate(wish)
    certificate: tuple[Resource, ...] = loaded
    if not loaded:
        packages = (*packages, "certbot")
        certificate = (
            ManagedFile(f"{TOOLS}/certificate", commands.CERTIFICATE_HOOK, 0o755, tool=True),
            commands.self_signed(station.domain),
        )
    return (
        Packages(packages),
        Folder(TLS, 0o750, "root", USER),
        Folder(nginx.CHALLENGES),
        Folder(STATIC_FILES),
        AbsentFile("/etc/nginx/sites-enabled/default"),
        *certificate,
        *config,
        SystemdUnit("nginx.service", (*config, *loaded), reload=True, check=NGINX_CHECK),
    )


def _certificate(wish: DesiredState) -> tuple[Resource, ...]:
    station = wish.station
    if station.tls is not None or not wish.machine.faces_the_web:
        return ()
    return (
        commands.lets_encrypt(station.domain, station.administrators[0].email),
        SystemdUnit("certbot.timer"),
    )


def _station(wish: DesiredState) -> tuple[Resource, ...]:
    machine = wish.machine
    roles = tuple(role for role in machine.roles if not wish.only or role in wish.only)
    plan = {
        role: {
            "unit": unit_name(role),
            "sockets": list(service.sockets(machine, role)),
            "ready": f"http://{machine.http_address(role)}/readyz" if role in PORTS else "",
        }
        for role in machine.roles
    }
    certificate = _own_certificate(wish)
    # Sessions are signed by one key, on whichever machine they are looked at.
    shared: tuple[ManagedFile, ...] = ()
    if len(machines(wish.station)) > 1:
        key = f"{wish.secrets.session}\n"
        shared = (ManagedFile(f"{DATA}/secret.key", key, 0o600, USER, USER, secret=True),)
    switch = files("madang.ops.deploy.remote").joinpath("switch.py").read_text(encoding="utf-8")
    return (
        ManagedFile(f"{TOOLS}/switch.py", switch, 0o755, tool=True),
        ManagedFile(
            f"{STATE}/roles.json",
            json.dumps({"migrates": machine.migrates, "roles": plan}, indent=1) + "\n",
        ),
        ManagedFile("/etc/systemd/system/madang.slice", service.slice_unit()),
        *(ManagedFile(f"/etc/systemd/system/{name}", text) for name, text in wish.units.items()),
        *shared,
        *((commands.switch(wish.release_id, roles, wish.patience),) if roles else ()),
        *(
            SystemdUnit(unit_name(role), certificate, reload=True)
            for role in machine.roles
            if certificate and service.reads_certificate(machine, role)
        ),
    )


def _firewall(wish: DesiredState) -> tuple[Resource, ...]:
    return (
        Packages(("ufw",)),
        commands.firewall(security.firewall(wish.station, wish.machine)),
    )


def _security(wish: DesiredState) -> tuple[Resource, ...]:
    station, machine = wish.station, wish.machine
    jails = ManagedFile("/etc/fail2ban/jail.d/madang.local", security.jails(station, machine))
    filters = (
        ManagedFile("/etc/fail2ban/filter.d/madang-sign-in.local", security.FILTER_SIGN_IN),
        ManagedFile("/etc/fail2ban/filter.d/madang-keys.local", security.FILTER_KEYS),
        ManagedFile("/etc/fail2ban/filter.d/madang-chat.local", security.filter_chat(machine)),
    )
    sshd = ManagedFile("/etc/ssh/sshd_config.d/10-madang.conf", security.SSHD)
    return (
        Packages(("fail2ban", "python3-systemd", "nftables")),
        *_told_of_chat(wish),
        *filters,
        jails,
        SystemdUnit("fail2ban.service", (*filters, jails), check="fail2ban-client -t >/dev/null"),
        sshd,
        SystemdUnit("ssh.service", (sshd,), reload=True, check="sshd -t", enable=False),
    )


def _told_of_chat(wish: DesiredState) -> tuple[Resource, ...]:
    if not security.is_told_of_chat(wish.machine):
        return ()
    password = f"REDISCLI_AUTH={wish.secrets.redis}\n"
    files = (
        ManagedFile(security.TOLD_PASSWORD, password, 0o600, secret=True),
        ManagedFile(f"/etc/systemd/system/{security.TOLD_UNIT}", security.TOLD),
    )
    return (*files, SystemdUnit(security.TOLD_UNIT, files))


def _monitoring(wish: DesiredState) -> tuple[Resource, ...]:
    netdata = ManagedFile("/etc/netdata/netdata.conf", base.NETDATA)
    return (
        Packages((), optional=("netdata",)),
        *commands.netdata(netdata),
    )
