"""Setup steps of one machine, in order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from madang.ops.backup.systemd_units import PACKAGES as BACKUP_PACKAGES
from madang.ops.deploy.model.facts import Facts
from madang.ops.deploy.model.layout import (
    DATA,
    DATA_MACHINE,
    MEDIA,
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
)
from madang.ops.deploy.model.resources import (
    STATE,
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
from madang.ops.deploy.setup import backups, commands, postgresql, protection
from madang.ops.deploy.texts import base, command, database, nginx, nginx_limits, security, service
from madang.ops.deploy.texts.service import TLS, Secrets

NGINX_CHECK: Final = "umask 027; nginx -t -q"
"""The test creates missing logs."""


@dataclass(frozen=True, slots=True)
class DesiredState:
    """Inputs of one machine's desired state."""

    station: Station
    machine: StationMachine
    facts: Facts
    secrets: Secrets
    release: Release
    ready_timeout: float
    """Seconds for a release to become ready."""
    only: tuple[str, ...] = ()
    """Roles that change their release; empty: all."""
    restore: bool = False
    """True to restore the station from the off-site copy onto an empty machine."""

    @property
    def settings(self) -> str:
        """Text of madang.toml."""
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
            secret=self.station.shape in DATA_MACHINE
            or self.station.backup.s3_secret is not None
            or self.station.mail is not None,
        )

    @property
    def units(self) -> dict[str, str]:
        """Text of the station's services and sockets, by name."""
        return {
            name: text
            for role in self.machine.roles
            for name, text in service.units(
                self.machine, role, with_database=self.machine.has_database
            ).items()
        }

    @property
    def release_id(self) -> str:
        """Name of program and settings together, which are switched and rolled back as one."""
        digest = hashlib.sha256(self.release.build_id.encode())
        digest.update(self.settings.encode())
        for text in self.units.values():
            digest.update(text.encode())
        return f"{self.release.version}-{digest.hexdigest()[:DIGITS]}"


def setup_steps(desired: DesiredState) -> tuple[SetupStep, ...]:
    """Return all steps. Every machine has every step, so that they run in parallel."""
    monitoring = (Packages((), optional=("netdata",)), commands.netdata(base.NETDATA))
    return (
        SetupStep("base", _base(desired)),
        # Before machines connect to each other: a replaced one may have another address.
        SetupStep("firewall", _firewall(desired)),
        SetupStep("database and Redis", _data(desired)),
        SetupStep("storage", _storage(desired)),
        SetupStep("application", _application(desired)),
        SetupStep("web server", _web(desired)),
        SetupStep("restore", _restore(desired)),
        # Migrations first, before any role starts on the new release.
        SetupStep("station", _station(desired) if desired.machine.runs_migrations else ()),
        SetupStep("station", () if desired.machine.runs_migrations else _station(desired)),
        SetupStep("backups", backups.timers(desired.station, desired.machine, desired.config)),
        SetupStep("security", protection.security_step(desired.station, desired.machine)),
        SetupStep("monitoring", monitoring),
        # Last: they depend on others, and the rest must stand if they fail.
        SetupStep("certificate", _certificate(desired)),
        SetupStep("mail", _mail(desired)),
    )


def units_by_file(all_steps: tuple[SetupStep, ...]) -> Mapping[str, list[SystemdUnit]]:
    """Return the units by path of each file that they load."""
    found: dict[str, list[SystemdUnit]] = {}
    for step in all_steps:
        for resource in step.resources:
            if isinstance(resource, SystemdUnit):
                for file in resource.files:
                    found.setdefault(file.path, []).append(resource)
    return found


def _base(desired: DesiredState) -> tuple[Resource, ...]:
    updates = ManagedFile("/etc/apt/apt.conf.d/52madang", base.UPDATES)
    journal = ManagedFile("/etc/systemd/journald.conf.d/60-madang.conf", base.JOURNAL)
    kernel = ManagedFile("/etc/sysctl.d/60-madang.conf", base.KERNEL)
    names = ("unattended-upgrades", "systemd-timesyncd", "ca-certificates", "rsync", "sqlite3")
    accounts: list[Resource] = []
    for person in desired.station.administrators:
        home = f"/home/{person.name}"
        accounts += [
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
        # Before the first reader of the journal: Fail2ban would keep reading the one in memory.
        Folder("/var/log/journal", 0o2755, "root", "systemd-journal"),
        journal,
        SystemdUnit("systemd-journald.service", (journal,), enable=False),
        Packages((*names, "sudo", *desired.facts.platform.packages)),
        *protection.base(desired.machine),
        updates,
        SystemdUnit("unattended-upgrades.service", (updates,)),
        commands.time_zone(desired.station.time_zone),
        SystemdUnit("systemd-timesyncd.service"),
        commands.swap(base.SWAP_MB),
        kernel,
        SystemdUnit("systemd-sysctl.service", (kernel,)),
        ManagedFile("/etc/security/limits.d/60-madang.conf", base.LIMITS),
        # Backups, media and the program need these.
        UserAccount(USER, DATA),
        Folder(SETTINGS),
        *accounts,
    )


def _data(desired: DesiredState) -> tuple[Resource, ...]:
    if not desired.machine.has_database:
        return ()
    redis = ManagedFile(
        "/etc/redis/madang.conf",
        database.redis(
            desired.station, desired.machine, desired.facts.memory, desired.secrets.redis
        ),
        0o640,
        "root",
        "redis",
        secret=True,
    )
    return (
        Packages(("postgresql", "redis-server", *BACKUP_PACKAGES)),
        protection.restart_restricted("postgresql@.service"),
        *backups.prerequisites(desired.station, desired.machine, desired.secrets.backup),
        *postgresql.resources(
            desired.station,
            desired.machine,
            desired.facts.memory,
            desired.secrets.database,
            backups.PGBACKREST_CONF,
        ),
        backups.CREATE_STANZA,
        backups.CONTINUE_STANZA,
        postgresql.COLLATIONS,
        redis,
        commands.include_in_redis(redis.path),
        SystemdUnit("redis-server.service", (redis,)),
    )


def _storage(desired: DesiredState) -> tuple[Resource, ...]:
    machine, volume = desired.machine, desired.station.volume
    if not machine.stores_media:
        return ()
    return (
        Packages(("acl",)),
        Folder(VOLUME),
        *(() if volume is None else commands.volume(volume, VOLUME)),
        # The mode of a folder with an access control list shows its mask.
        Folder(MEDIA, 0o750 if machine.sends_media else 0o700, USER, USER),
        commands.owned(MEDIA, USER),
        *((commands.readable_by_nginx(MEDIA),) if machine.sends_media else ()),
    )


def _application(desired: DesiredState) -> tuple[Resource, ...]:
    release, name = desired.release, desired.release_id
    packages = f"{PROGRAM}/packages/{release.packages.name}"
    wheel = f"{PROGRAM}/packages/{release.wheel.name}"
    folder = f"{PROGRAM}/releases/{name}"
    return (
        Packages(("restic", "openssh-client")),
        Folder(DATA, 0o700, USER, USER),
        commands.owned(DATA, USER),
        Folder(PROGRAM),
        Folder(STATIC_FILES),
        Folder(f"{PROGRAM}/packages"),
        *(
            ()
            if desired.machine.has_database
            else backups.prerequisites(desired.station, desired.machine, desired.secrets.backup)
        ),
        ManagedFile(packages, source=release.packages),
        ManagedFile(wheel, source=release.wheel),
        commands.packages(release, packages),
        commands.program(release, wheel),
        Folder(f"{PROGRAM}/releases"),
        desired.config,
        # Read by switch.py: a rollback turns off what the earlier release does not have.
        ManagedFile(f"{folder}/roles", " ".join(desired.machine.roles) + "\n"),
        Symlink(f"{folder}/venv", f"{PROGRAM}/programs/{release.build_id}/venv"),
        ManagedFile(f"{folder}/.complete", f"{release.build_id}\n"),
    )


def _restore(desired: DesiredState) -> tuple[Resource, ...]:
    if not desired.restore:
        return ()
    return backups.restore(desired.station, desired.machine, desired.release_id)


def _own_certificate(desired: DesiredState) -> tuple[ManagedFile, ...]:
    """Return the operator's certificate and key, on the machine that serves them."""
    tls = desired.station.tls
    if tls is None or not desired.machine.serves_web:
        return ()
    chain, key = (path.read_text(encoding="ascii") for path in (tls.certificate, tls.key))
    return (
        ManagedFile(f"{TLS}/fullchain.pem", chain),
        ManagedFile(f"{TLS}/privkey.pem", key, 0o640, "root", USER, secret=True),
    )


def _web(desired: DesiredState) -> tuple[Resource, ...]:
    if not desired.machine.serves_web:
        return ()
    station = desired.station
    version = desired.facts.platform.nginx
    config = (
        ManagedFile("/etc/nginx/nginx.conf", nginx.main(station)),
        ManagedFile("/etc/nginx/conf.d/madang.conf", nginx.site(station, desired.machine, version)),
    )
    pages = nginx_limits.pages(station)
    packages: tuple[str, ...] = ("nginx", "openssl")
    if version >= nginx.WITH_BROTLI:
        packages = (*packages, "libnginx-mod-http-brotli-static")
    loaded = _own_certificate(desired)
    certificate: tuple[Resource, ...] = loaded
    if not loaded:
        packages = (*packages, "certbot")
        certificate = (
            ManagedFile(f"{TOOLS}/certificate", commands.CERTIFICATE_HOOK, 0o755, tool=True),
            commands.self_signed(station.domain),
        )
    return (
        Packages(packages),
        protection.restart_restricted("nginx.service"),
        Folder(TLS, 0o750, "root", USER),
        Folder(nginx.CHALLENGES),
        Folder(nginx_limits.PAGES),
        Folder(f"{nginx_limits.PAGES}/madang-pages"),
        *(ManagedFile(f"{nginx_limits.PAGES}/{path}", text) for path, text in pages.items()),
        *certificate,
        *config,
        SystemdUnit("nginx.service", (*config, *loaded), reload=True, check=NGINX_CHECK),
    )


def _mail(desired: DesiredState) -> tuple[Resource, ...]:
    if desired.station.mail is None or not desired.machine.runs_migrations:
        return ()
    return (commands.mail_server(desired.release_id, desired.settings),)


def _certificate(desired: DesiredState) -> tuple[Resource, ...]:
    station = desired.station
    if station.tls is not None or not desired.machine.serves_web:
        return ()
    return (
        ManagedFile(commands.NAME_CHECK, _remote("name_check.py"), 0o755, tool=True),
        commands.lets_encrypt(station.domain, station.administrators[0].email),
        SystemdUnit("certbot.timer"),
    )


def _remote(name: str) -> str:
    """Return the text of a program for servers."""
    return files("madang.ops.deploy.remote").joinpath(name).read_text(encoding="utf-8")


def _station(desired: DesiredState) -> tuple[Resource, ...]:
    machine = desired.machine
    roles = tuple(role for role in machine.roles if not desired.only or role in desired.only)
    plan = {
        role: {
            "unit": unit_name(role),
            "sockets": list(service.sockets(machine, role)),
            "ready": f"http://{machine.http_address(role)}/readyz" if role in PORTS else "",
        }
        for role in machine.roles
    }
    certificate = _own_certificate(desired)
    # One key signs sessions, so that every machine can check them.
    shared: tuple[ManagedFile, ...] = ()
    if len(machines(desired.station)) > 1:
        key = f"{desired.secrets.session}\n"
        shared = (ManagedFile(f"{DATA}/secret.key", key, 0o600, USER, USER, secret=True),)
    return (
        ManagedFile(f"{TOOLS}/switch.py", _remote("switch.py"), 0o755, tool=True),
        ManagedFile(
            command.PATH,
            command.madang(machine, backups.user(desired.station, machine)),
            0o755,
            tool=True,
        ),
        ManagedFile(
            f"{STATE}/roles.json",
            json.dumps({"migrates": machine.runs_migrations, "roles": plan}, indent=1) + "\n",
        ),
        ManagedFile("/etc/systemd/system/madang.slice", service.slice_unit()),
        *(ManagedFile(f"/etc/systemd/system/{name}", text) for name, text in desired.units.items()),
        *shared,
        *((commands.switch(desired.release_id, roles, desired.ready_timeout),) if roles else ()),
        *(
            SystemdUnit(unit_name(role), certificate, reload=True)
            for role in machine.roles
            if certificate and service.reads_certificate(machine, role)
        ),
    )


def _firewall(desired: DesiredState) -> tuple[Resource, ...]:
    return (
        Packages(("ufw",)),
        commands.firewall(security.firewall(desired.station, desired.machine)),
    )
