"""Security audit of deployed machines, from outside and as root.

`external_findings` and `internal_findings` are pure; `probe_machine` and AUDIT_SCRIPT collect their
input.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException, HTTPSConnection
from typing import Any, Final

from madang.ops.backup.model import BackupState
from madang.ops.backup.schedule import BackupHealth, assess
from madang.ops.deploy.model.layout import RTMP_PORT, RTMPS_PORT, StationMachine
from madang.ops.deploy.model.station_file import Station
from madang.ops.deploy.texts.database import FIND_CLUSTER
from madang.ops.deploy.texts.security import jail_names

PROBED_PORTS: Final = (
    *(21, 22, 23, 25, 53, 80, 110, 111, 139, 143, 443, 445, 1883, 1935, 1936, 2049, 2375, 3000),
    *(3306, 3389, 5000, 5432, 5900, 6379, 8000, 8001, 8002, 8003, 8080, 8125, 8443, 9000, 9090),
    *(9100, 9200, 11211, 19999, 27017),
)
"""Ports of the station's services, and those most often open by accident."""

PROBE_SECONDS: Final = 3.0
"""Limit for one connection: a firewall that drops does not answer."""

CERTIFICATE_DAYS: Final = 14
"""certbot renews 30 days before expiry, so fewer days than this mean weeks of failures."""

MAX_DISK_SHARE: Final = 80
"""Percent of a disk; above it a busy week fills the rest."""

MAX_EXPOSURE: Final = 2.5
"""Limit of `systemd-analyze security` for the station's services, from 0 (best) to 10."""

HEADERS: Final = {
    "strict-transport-security": "max-age=",
    "content-security-policy": "default-src",
    "x-content-type-options": "nosniff",
    "referrer-policy": "",
}
"""Headers of every page, and a part of their values."""

AUDIT_SCRIPT: Final = r"""
settings=$(sshd -T 2>/dev/null)
ask() { printf '%s' "$settings" | awk -v key="$1" '$1 == key {print $2; exit}'; }
printf '{"password": "%s", "keyboard": "%s", "root": "%s", ' "$(ask passwordauthentication)" \
    "$(ask kbdinteractiveauthentication)" "$(ask permitrootlogin)"
printf '"firewall": "%s", ' "$(ufw status verbose | sed -n 's/^Status: //p; s/^Default: \(deny\).*/\1/p' | tr '\n' ' ')"
printf '"filtered": %s, ' "$(nft list ruleset 2>/dev/null | grep -c 'ufw-user-input')"
printf '"jails": "%s", ' "$(fail2ban-client status 2>/dev/null | sed -n 's/.*Jail list:[[:space:]]*//p')"
printf '"updates": "%s", ' "$(systemctl is-active apt-daily-upgrade.timer)"
printf '"waiting": %s, ' "$(apt-get -s -o Debug::NoLocking=true upgrade 2>/dev/null | grep -c '^Inst.*[Ss]ecurity')"
printf '"source": %s, ' "$(apt-cache policy | grep -ciE 'l=Debian-Security|a=[a-z]+-security')"
printf '"stale": "%s", ' "$(for each in /proc/[0-9]*; do
    grep -qsE ' /(usr/)?lib[^ ]*\.so[.0-9]*.* \(deleted\)$' "$each/maps" && sed -n 's#.*/\([^/]*\.service\).*#\1#p' "$each/cgroup"
done | sort -u | tr '\n' ' ')"
kernel=$(ls /boot/vmlinuz-*-"$(uname -r | sed -E 's/^[^-]*-([0-9]+-)?//')" 2>/dev/null | sort -V | tail -n 1)
printf '"kernel": "%s", "running": "%s", ' "${kernel#/boot/vmlinuz-}" "$(uname -r)"
printf '"disks": "%s", ' "$(df -P / /var /srv/madang 2>/dev/null | awk 'NR > 1 { sub("%", "", $5); print $6 "=" $5 }' | sort -u | tr '\n' ' ')"
printf '"reboot": %s, ' "$([ -e /run/reboot-required ] && echo true || echo false)"
if [ -d /etc/postgresql ]; then
@FIND_CLUSTER@
    printf '"cluster": "%s", "clusters": "%s", ' "$c" "$(pg_lsclusters -h | awk '{print $1 "/" $2}' | tr '\n' ' ')"
fi
printf '"backup": %s, ' "$(cat /var/lib/madang-backup/state.json /var/lib/madang/backup/state.json 2>/dev/null | tr '\n' ' ' | grep . || echo null)"
printf '"services": {'
comma=
for unit in $(systemctl list-unit-files --no-legend --type=service 'madang*' | awk '{print $1}'); do
    printf '%s"%s": "%s"' "$comma" "$unit" "$(systemctl is-active "$unit")" && comma=', '
done
printf '}, "exposure": {'
comma=
for unit in $(systemctl list-unit-files --no-legend --type=service 'madang*' | awk '{print $1}'); do
    value=$(systemd-analyze security --no-pager "$unit" 2>/dev/null | awk 'END {for (i = 1; i < NF; i++) if ($i ~ /service:$/) print $(i + 1)}')
    [ -n "$value" ] && printf '%s"%s": %s' "$comma" "$unit" "$value" && comma=', '
done
printf '}, "open_secrets": "%s"}\n' "$(find /etc/madang/tls/privkey.pem /etc/madang/backup.* /etc/madang/pgbackrest.conf /var/lib/madang-backup /var/backups/madang /var/lib/madang /var/lib/madang-deploy /opt/madang/releases/*/madang.toml -maxdepth 0 -perm /o=rwx 2>/dev/null | tr '\n' ' ')"
""".replace("@FIND_CLUSTER@", FIND_CLUSTER)  # noqa: E501  # a shell script for one machine, whose lines are clearer unbroken
"""Script for root that prints one JSON object and changes nothing."""


@dataclass(frozen=True, slots=True)
class SecurityFinding:
    """Result of one check. `mend` is the remedy, empty where `ok`."""

    name: str
    ok: bool
    detail: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class ExternalView:
    """View of a machine from the internet."""

    ports: frozenset[int]
    """Ports of PROBED_PORTS that accept a connection."""
    certificate_ends: datetime | None = None
    error: str = ""
    """Error of TLS or HTTP, if any."""
    headers: Mapping[str, str] | None = None
    """Headers of the home page, by lower-case name."""


def probe_machine(
    station: Station, machine: StationMachine, authority: str | None = None
) -> ExternalView:
    """Connect to `machine` from here; `authority` is a CA file to trust as well."""
    address = machine.host.address
    with ThreadPoolExecutor(len(PROBED_PORTS)) as pool:
        ports = (*PROBED_PORTS, machine.host.port)
        answers = pool.map(lambda port: _connects(address, port), ports)
        found = frozenset(port for port, good in zip(ports, answers, strict=True) if good)
    if not machine.serves_web:
        return ExternalView(found)
    context = ssl.create_default_context()
    if authority is not None:
        context.load_verify_locations(authority)
    try:
        return _page(station.domain, address, context, found)
    except (OSError, HTTPException) as error:
        return ExternalView(found, error=str(error))


def _connects(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), PROBE_SECONDS).close()
    except OSError:
        return False
    return True


def _page(
    domain: str, address: str, context: ssl.SSLContext, ports: frozenset[int]
) -> ExternalView:
    # By address, whatever the name resolves to here; TLS checks the name all the same.
    plain = socket.create_connection((address, 443), PROBE_SECONDS * 3)
    with context.wrap_socket(plain, server_hostname=domain) as secure:
        certificate = secure.getpeercert() or {}
        ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
        connection = HTTPSConnection(domain)
        connection.sock = secure
        connection.request("GET", "/")
        headers = {name.lower(): value for name, value in connection.getresponse().getheaders()}
    return ExternalView(ports, ends, "", headers)


def external_findings(
    station: Station, machine: StationMachine, view: ExternalView, now: datetime
) -> list[SecurityFinding]:
    """Check what is visible from the internet."""
    host = machine.name
    expected = {machine.host.port}
    expected |= {80, 443} if machine.serves_web else set()
    expected |= {RTMP_PORT} if machine.accepts_rtmp else set()
    expected |= {RTMPS_PORT} if machine.accepts_rtmp and machine.serves_web else set()
    named = all(person.addresses for person in station.administrators)
    # SSH for some addresses alone may be closed to this one.
    missing = expected - view.ports - ({machine.host.port} if named else set())
    extra = view.ports - expected
    findings = [
        _make_finding(
            f"{host}: open ports",
            not extra and not missing,
            f"open: {_format_ports(view.ports)}"
            + (f"; not meant to be: {_format_ports(extra)}" if extra else "")
            + (f"; should be: {_format_ports(missing)}" if missing else ""),
            "madang deploy apply; then look for a second firewall at the provider",
        )
    ]
    if not machine.serves_web:
        return findings
    if view.certificate_ends is None:
        findings.append(
            SecurityFinding(
                f"{host}: certificate",
                False,
                f"https://{station.domain}/ does not work: {view.error}",
                "madang deploy apply says what is missing",
            )
        )
        return findings
    days = (view.certificate_ends - now).days
    findings.append(
        _make_finding(
            f"{host}: certificate",
            days >= CERTIFICATE_DAYS,
            f"good for {days} days",
            "on the machine: certbot renew; journalctl -u certbot",
        )
    )
    headers = view.headers or {}
    lacking = [name for name, part in HEADERS.items() if part not in headers.get(name, "\0")]
    findings.append(
        _make_finding(
            f"{host}: headers",
            not lacking,
            f"missing: {', '.join(lacking)}" if lacking else "all there",
            "look for another web server or proxy in front, which takes them away",
        )
    )
    return findings


def internal_findings(
    station: Station, machine: StationMachine, answer: Mapping[str, Any], now: datetime
) -> list[SecurityFinding]:
    """Check a machine's answer to AUDIT_SCRIPT."""
    host, apply = machine.name, "madang deploy apply"
    by_key = answer["password"] == answer["keyboard"] == "no" and answer["root"] != "yes"
    firewall = answer["firewall"].split()
    jails = {name.strip() for name in answer["jails"].split(",")}
    exposed = {unit: value for unit, value in answer["exposure"].items() if value > MAX_EXPOSURE}
    units = ", ".join(f"{unit} {value}" for unit, value in answer["exposure"].items())
    waiting, secrets = answer["waiting"], answer["open_secrets"].split()
    inactive = [unit for unit in machine.units if answer["services"].get(unit) != "active"]
    return [
        _make_finding(
            f"{host}: services",
            not inactive,
            f"not running: {', '.join(inactive)}"
            if inactive
            else f"running: {', '.join(machine.units)}",
            f"{apply}; then: journalctl -u {' -u '.join(inactive)}",
        ),
        _make_finding(
            f"{host}: SSH by key only",
            by_key,
            f"passwords {answer['password']}, keyboard {answer['keyboard']}, root {answer['root']}",
            apply,
        ),
        _make_finding(
            f"{host}: firewall",
            firewall == ["active", "deny"] and answer["filtered"] > 0,
            f"{' '.join(firewall) or 'off'}, {'filters' if answer['filtered'] else 'no rules'}",
            apply,
        ),
        _make_finding(
            f"{host}: Fail2ban",
            jail_names(machine) <= jails,
            f"watches: {', '.join(sorted(jails - {''})) or 'nothing'}",
            f"{apply}; then: systemctl status fail2ban",
        ),
        _make_finding(
            f"{host}: security updates",
            answer["updates"] == "active" and waiting == 0 and answer["source"] > 0,
            f"every night: {answer['updates']}; waiting: {waiting}"
            + ("" if answer["source"] else "; apt knows no source of them"),
            "on the machine: unattended-upgrade --verbose"
            if answer["source"]
            else "on the machine: name the distribution's security source in /etc/apt, such as "
            "deb http://security.debian.org/debian-security trixie-security main",
        ),
        _running(machine, answer),
        _disks(machine, answer["disks"]),
        _make_finding(
            f"{host}: sandboxes",
            bool(answer["exposure"]) and not exposed,
            units or "no service of the station runs",
            f"{apply}; look for drop-ins: systemctl cat {' '.join(exposed)}",
        ),
        _make_finding(
            f"{host}: secrets",
            not secrets,
            f"readable by everybody: {' '.join(secrets)}" if secrets else "for their owners alone",
            apply,
        ),
        _backups(machine, answer["backup"], now),
        _make_finding(
            f"{host}: a copy elsewhere",
            station.backup.offsite is not None,
            station.backup.offsite or "none: the backups are lost with the server",
            f"set backup.offsite in station.toml, then: {apply}",
        ),
        *([_clusters(machine, answer)] if answer.get("clusters") else []),
    ]


def _running(machine: StationMachine, answer: Mapping[str, Any]) -> SecurityFinding:
    """Check that no process or kernel from before an update is running."""
    stale, kernel = answer["stale"].split(), answer["kernel"]
    old_kernel = bool(kernel) and kernel != answer["running"]
    reasons = [
        *(["a reboot is wanted"] if answer["reboot"] else []),
        *([f"the kernel {kernel} is installed, {answer['running']} runs"] if old_kernel else []),
        *([f"with libraries from before an update: {', '.join(stale)}"] if stale else []),
    ]
    reboot = answer["reboot"] or old_kernel
    return _make_finding(
        f"{machine.name}: running what is installed",
        not reasons,
        "; ".join(reasons) or "no reboot is wanted, no library is outdated",
        "reboot it while nobody is on the air"
        if reboot
        else f"while nobody is on the air, on the machine: systemctl restart {' '.join(stale)}",
    )


def _disks(machine: StationMachine, answer: str) -> SecurityFinding:
    """Check the share of each disk in use."""
    used = {place: int(share) for place, _, share in (one.partition("=") for one in answer.split())}
    return _make_finding(
        f"{machine.name}: disks",
        all(share < MAX_DISK_SHARE for share in used.values()),
        ", ".join(f"{place} {share} %" for place, share in used.items()),
        "free space: old recordings, journalctl --vacuum-size=200M, apt-get clean; or add a disk",
    )


def _clusters(machine: StationMachine, answer: Mapping[str, Any]) -> SecurityFinding:
    """Check what an upgrade of PostgreSQL has left to do."""

    def version(cluster: str) -> tuple[int, ...]:
        return tuple(int(part) for part in re.findall(r"\d+", cluster.partition("/")[0]))

    used = answer["cluster"]
    others = [cluster for cluster in answer["clusters"].split() if cluster != used]
    newer = [cluster for cluster in others if version(cluster) > version(used)]
    name, _, label = (newer or others or [""])[0].partition("/")
    return _make_finding(
        f"{machine.name}: PostgreSQL",
        not others,
        f"in use: {used}" + (f"; there is also: {', '.join(others)}" if others else ""),
        "see the guide, From an empty server, A new version of the distribution"
        if newer
        else f"when all is well, on the machine: pg_dropcluster {name} {label}; "
        f"apt-get purge postgresql-{name}",
    )


def _backups(
    machine: StationMachine, state: Mapping[str, Any] | None, now: datetime
) -> SecurityFinding:
    """Check the health of the machine's backups."""
    known = BackupState(**state) if state is not None else BackupState()
    health = assess(known, now)
    if health.ok and not known.taken:
        health = BackupHealth(False, "none yet", "madang backup now")
    return _make_finding(
        f"{machine.name}: backups",
        health.ok,
        _from_home(machine, health.detail),
        _from_home(machine, health.mend),
    )


def _from_home(machine: StationMachine, advice: str) -> str:
    """Return `advice` with commands of the server as the operator gives them at home."""
    host = "" if machine.runs_migrations else f" --host {machine.name}"
    return re.sub(r"\bmadang (?=[a-z])", f"madang deploy run{host} -- ", advice)


def _make_finding(name: str, ok: bool, detail: str, mend: str) -> SecurityFinding:
    return SecurityFinding(name, ok, detail, "" if ok else mend)


def _format_ports(ports: frozenset[int] | set[int]) -> str:
    return ", ".join(str(port) for port in sorted(ports)) or "none"
