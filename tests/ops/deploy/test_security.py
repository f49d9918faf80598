"""`madang doctor --security`: what it says of what a stranger and root see."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from madang.ops.deploy.model.layout import StationMachine, machines
from madang.ops.deploy.model.station_file import load_station
from madang.ops.deploy.security import HEADERS, Outside, judge_inside, judge_outside
from tests.support.stations import MINIMAL, SPLIT, station_file

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
GOOD_PAGE = Outside(
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
    "jails": "madang-chat, madang-keys, madang-sign-in, sshd",
    "updates": "active",
    "waiting": 0,
    "reboot": False,
    "services": {"madang.service": "active"},
    "exposure": {"madang.service": 1.2},
    "backup": None,
    "open_secrets": "",
}


def outside(folder: Path, seen: Outside, text: str = MINIMAL) -> list[str]:
    station = load_station(station_file(folder, text))
    findings = judge_outside(station, machines(station)[0], seen, NOW)
    assert all(finding.ok == (not finding.mend) for finding in findings)
    return [finding.name.partition(": ")[2] for finding in findings if not finding.ok]


def inside(folder: Path, **changes: Any) -> list[str]:
    station = load_station(station_file(folder, MINIMAL))
    findings = judge_inside(machines(station)[0], GOOD_MACHINE | changes, NOW)
    assert all(finding.ok == (not finding.mend) for finding in findings)
    return [finding.name.partition(": ")[2] for finding in findings if not finding.ok]


def test_nothing_is_said_against_a_good_machine(tmp_path: Path) -> None:
    assert outside(tmp_path, GOOD_PAGE) == []
    assert inside(tmp_path) == []


OUTSIDE = [
    (replace(GOOD_PAGE, ports=GOOD_PAGE.ports | {6379}), "open ports"),
    (replace(GOOD_PAGE, ports=GOOD_PAGE.ports - {443}), "open ports"),
    (replace(GOOD_PAGE, certificate_ends=NOW + timedelta(days=13)), "certificate"),
    (replace(GOOD_PAGE, certificate_ends=None, trouble="self-signed"), "certificate"),
    (replace(GOOD_PAGE, headers={}), "headers"),
]


@pytest.mark.parametrize(("seen", "name"), OUTSIDE)
def test_what_a_stranger_should_not_see_is_told(tmp_path: Path, seen: Outside, name: str) -> None:
    assert outside(tmp_path, seen) == [name]


INSIDE: list[tuple[dict[str, Any], str]] = [
    ({"password": "yes"}, "SSH by key only"),
    ({"keyboard": "yes"}, "SSH by key only"),
    ({"root": "yes"}, "SSH by key only"),
    ({"firewall": "inactive "}, "firewall"),
    ({"firewall": "active "}, "firewall"),
    # It says active and filters nothing: so it is where it may not change the kernel's rules.
    ({"filtered": 0}, "firewall"),
    ({"jails": "sshd"}, "Fail2ban"),
    ({"updates": "inactive"}, "security updates"),
    ({"waiting": 3}, "security updates"),
    ({"reboot": True}, "running what is installed"),
    ({"exposure": {"madang.service": 9.2}}, "sandboxes"),
    ({"exposure": {}}, "sandboxes"),
    ({"services": {"madang.service": "failed"}}, "services"),
    ({"services": {}}, "services"),
    ({"backup": {"taken": "2026-11-20T03:30:00Z"}}, "backups"),
    ({"backup": {"tried": "2026-11-25T03:30:00Z", "error": "no way there"}}, "backups"),
    ({"open_secrets": "/etc/madang/tls/privkey.pem "}, "secrets"),
]


@pytest.mark.parametrize(("changes", "name"), INSIDE)
def test_what_root_should_not_find_is_told(
    tmp_path: Path, changes: dict[str, Any], name: str
) -> None:
    assert inside(tmp_path, **changes) == [name]


def test_each_machine_shuts_out_whom_it_meets(tmp_path: Path) -> None:
    web, media = machines(load_station(station_file(tmp_path, SPLIT)))

    def watched(machine: StationMachine, jails: str) -> bool:
        findings = judge_inside(machine, GOOD_MACHINE | {"jails": jails}, NOW)
        return next(one.ok for one in findings if one.name.endswith("Fail2ban"))

    assert watched(web, "madang-chat, madang-sign-in, sshd")
    assert not watched(web, "madang-sign-in, sshd")
    assert watched(media, "madang-keys, sshd")


def test_ssh_that_is_shut_to_us_is_as_it_should_be_where_it_is_for_some_alone(
    tmp_path: Path,
) -> None:
    named = MINIMAL + 'addresses = ["198.51.100.7"]\n'
    seen = replace(GOOD_PAGE, ports=GOOD_PAGE.ports - {22})
    assert outside(tmp_path, seen) == ["open ports"]
    assert outside(tmp_path, seen, named) == []


def test_a_machine_without_pages_is_asked_for_none(tmp_path: Path) -> None:
    station = load_station(station_file(tmp_path, SPLIT))
    media = machines(station)[1]
    findings = judge_outside(station, media, Outside(frozenset({22, 1935})), NOW)
    assert [(finding.name, finding.ok) for finding in findings] == [("media: open ports", True)]
