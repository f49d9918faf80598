"""Findings of `madang doctor --security`."""

from __future__ import annotations

import json
import mmap
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from madang.ops.deploy.model.layout import StationMachine, machines
from madang.ops.deploy.model.station_file import load_station
from madang.ops.deploy.security import (
    AUDIT_SCRIPT,
    HEADERS,
    ExternalView,
    external_findings,
    internal_findings,
)
from tests.support.stations import MINIMAL, SPLIT, station_file

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
GOOD_PAGE = ExternalView(
    frozenset({22, 80, 443, 1935, 1936}),
    NOW + timedelta(days=60),
    headers=dict.fromkeys(HEADERS, "nosniff; max-age=1; default-src"),
)
GOOD_MACHINE: dict[str, Any] = {
    "password": "no",
    "keyboard": "no",
    "root": "without-password",
    "firewall": "active deny ",
    "filtered": 4,
    "jails": "madang-probes, madang-rtmp, sshd",
    "updates": "active",
    "waiting": 0,
    "source": 1,
    "stale": "",
    "kernel": "6.1.0-18-cloud-amd64",
    "running": "6.1.0-18-cloud-amd64",
    "disks": "/=40 /srv/madang=79 ",
    "reboot": False,
    "services": {"madang.service": "active"},
    "exposure": {"madang.service": 1.2},
    "backup": {"taken": "2026-11-25T03:30:00Z", "verified": "2026-11-22T03:30:00Z"},
    "open_secrets": "",
}


OFFSITE = '\n[backup]\noffsite = "sftp://yard@203.0.113.9/srv/yard"\n'


def outside(folder: Path, view: ExternalView, text: str = MINIMAL) -> list[str]:
    station = load_station(station_file(folder, text))
    findings = external_findings(station, machines(station)[0], view, NOW)
    assert all(finding.ok == (not finding.mend) for finding in findings)
    return [finding.name.partition(": ")[2] for finding in findings if not finding.ok]


def inside(folder: Path, **changes: Any) -> list[str]:
    station = load_station(station_file(folder, MINIMAL + OFFSITE))
    findings = internal_findings(station, machines(station)[0], GOOD_MACHINE | changes, NOW)
    assert all(finding.ok == (not finding.mend) for finding in findings)
    return [finding.name.partition(": ")[2] for finding in findings if not finding.ok]


def test_a_good_machine_has_no_findings(tmp_path: Path) -> None:
    assert outside(tmp_path, GOOD_PAGE) == []
    assert inside(tmp_path) == []


OUTSIDE = [
    (replace(GOOD_PAGE, ports=GOOD_PAGE.ports | {6379}), "open ports"),
    (replace(GOOD_PAGE, ports=GOOD_PAGE.ports - {443}), "open ports"),
    (replace(GOOD_PAGE, certificate_ends=NOW + timedelta(days=13)), "certificate"),
    (replace(GOOD_PAGE, certificate_ends=None, error="self-signed"), "certificate"),
    (replace(GOOD_PAGE, headers={}), "headers"),
]


@pytest.mark.parametrize(("view", "name"), OUTSIDE)
def test_an_external_fault_is_found(tmp_path: Path, view: ExternalView, name: str) -> None:
    assert outside(tmp_path, view) == [name]


INSIDE: list[tuple[dict[str, Any], str]] = [
    ({"password": "yes"}, "SSH by key only"),
    ({"keyboard": "yes"}, "SSH by key only"),
    ({"root": "yes"}, "SSH by key only"),
    ({"firewall": "inactive "}, "firewall"),
    ({"firewall": "active "}, "firewall"),
    # Active without rules: the state of a machine that may not change the kernel's rules.
    ({"filtered": 0}, "firewall"),
    ({"jails": "sshd"}, "Fail2ban"),
    ({"updates": "inactive"}, "security updates"),
    ({"waiting": 3}, "security updates"),
    ({"source": 0}, "security updates"),
    ({"reboot": True}, "running what is installed"),
    ({"stale": "nginx.service ssh.service "}, "running what is installed"),
    ({"kernel": "6.1.0-21-cloud-amd64"}, "running what is installed"),
    ({"disks": "/=81 "}, "disks"),
    ({"backup": None}, "backups"),
    ({"exposure": {"madang.service": 9.2}}, "sandboxes"),
    ({"exposure": {}}, "sandboxes"),
    ({"services": {"madang.service": "failed"}}, "services"),
    ({"services": {}}, "services"),
    ({"backup": {"taken": "2026-11-20T03:30:00Z"}}, "backups"),
    ({"backup": {"tried": "2026-11-25T03:30:00Z", "error": "no way there"}}, "backups"),
    ({"open_secrets": "/etc/madang/tls/privkey.pem "}, "secrets"),
    ({"cluster": "15/main", "clusters": "15/main 17/main "}, "PostgreSQL"),
    ({"cluster": "17/main", "clusters": "15/main 17/main "}, "PostgreSQL"),
]


@pytest.mark.parametrize(("changes", "name"), INSIDE)
def test_an_internal_fault_is_found(tmp_path: Path, changes: dict[str, Any], name: str) -> None:
    assert inside(tmp_path, **changes) == [name]


def test_advice_is_given_as_the_operator_follows_it_at_home(tmp_path: Path) -> None:
    station = load_station(station_file(tmp_path, SPLIT))
    web, media = machines(station)
    failed = {"backup": {"tried": "2026-11-25T03:30:00Z", "error": "x, then: madang backup now"}}
    for machine, command in (
        (web, "madang deploy run -- backup now"),
        (media, "madang deploy run --host media -- backup now"),
    ):
        found = internal_findings(station, machine, GOOD_MACHINE | failed, NOW)
        backups = next(one for one in found if one.name.endswith("backups"))
        assert backups.mend == f"then: {command}"
        assert backups.detail.endswith(f"x, then: {command}")


@pytest.mark.parametrize(
    ("used", "mend"),
    [
        ("15/main", "see the guide, From an empty server, A new version of the distribution"),
        ("17/main", "pg_dropcluster 15 main; apt-get purge postgresql-15"),
    ],
)
def test_what_an_upgrade_of_postgresql_has_left_is_told(
    tmp_path: Path, used: str, mend: str
) -> None:
    station = load_station(station_file(tmp_path, MINIMAL))
    answer = GOOD_MACHINE | {"cluster": used, "clusters": "15/main 17/main "}
    found = internal_findings(station, machines(station)[0], answer, NOW)[-1]
    assert found.mend.endswith(mend)


def test_a_station_without_a_copy_elsewhere_is_told(tmp_path: Path) -> None:
    station = load_station(station_file(tmp_path, MINIMAL))
    findings = internal_findings(station, machines(station)[0], GOOD_MACHINE, NOW)
    (found,) = (finding for finding in findings if not finding.ok)
    assert found.name == "main: a copy elsewhere"


def test_the_audit_answers_on_any_machine_and_sees_deleted_libraries(tmp_path: Path) -> None:
    library = tmp_path / "usr/lib/libold.so.1"
    library.parent.mkdir(parents=True)
    library.write_bytes(bytes(4096))
    script = AUDIT_SCRIPT.replace(" /(usr/)?lib", f" {tmp_path}/(usr/)?lib")
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ):
        library.unlink()
        done = subprocess.run(
            ["sh", "-c", script.replace(r"s#.*/\([^/]*\.service\).*#\1#p", "s#.*#it#p")],
            capture_output=True,
            text=True,
            check=False,
        )
    answer = json.loads(done.stdout)
    assert set(answer["stale"].split()) == {"it"}
    assert set(GOOD_MACHINE) <= set(answer)


def test_each_machine_needs_the_jails_of_its_own_roles(tmp_path: Path) -> None:
    station = load_station(station_file(tmp_path, SPLIT))
    web, media = machines(station)

    def watched(machine: StationMachine, jails: str) -> bool:
        findings = internal_findings(station, machine, GOOD_MACHINE | {"jails": jails}, NOW)
        return next(one.ok for one in findings if one.name.endswith("Fail2ban"))

    assert watched(web, "madang-probes, sshd")
    assert not watched(web, "sshd")
    assert watched(media, "madang-rtmp, sshd")


def test_closed_ssh_is_no_fault_where_it_is_limited_to_addresses(
    tmp_path: Path,
) -> None:
    named = MINIMAL + 'addresses = ["198.51.100.7"]\n'
    view = replace(GOOD_PAGE, ports=GOOD_PAGE.ports - {22})
    assert outside(tmp_path, view) == ["open ports"]
    assert outside(tmp_path, view, named) == []


def test_a_machine_without_the_role_web_has_no_certificate_to_check(tmp_path: Path) -> None:
    station = load_station(station_file(tmp_path, SPLIT))
    media = machines(station)[1]
    findings = external_findings(station, media, ExternalView(frozenset({22, 1935})), NOW)
    assert [(finding.name, finding.ok) for finding in findings] == [("media: open ports", True)]
