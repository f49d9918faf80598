"""Bans on deployed machines, and lifting them."""

from __future__ import annotations

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from madang.cli import app
from madang.ops.deploy.bans import parse_bans
from madang.ops.deploy.errors import DeployError
from madang.ops.deploy.runner import Deployment
from tests.support.stations import SPLIT, station_file

OUTPUT = """\
madang-rtmp 192.0.2.9 \t2026-11-30 18:00:00 + 600 = 2026-11-30 18:10:00
sshd 2001:db8::1 \t2026-11-30 23:30:00 + 3600 = 2026-12-01 00:30:00
"""
"""Of Fail2ban 1.0.2, behind the name of the jail."""
RTMP_BAN = {
    "host": "media",
    "jail": "madang-rtmp",
    "address": "192.0.2.9",
    "since": "2026-11-30T09:00:00Z",
    "until": "2026-11-30T09:10:00Z",
}


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Return the commands that were run on the machines; on `media` there are bans."""
    run: list[dict[str, str]] = []

    def run_command(self: Deployment, wanted: dict[str, str], on_event: object) -> dict[str, str]:
        run.append(dict(wanted))
        return {host: OUTPUT if host == "media" else "" for host in wanted}

    monkeypatch.setattr(Deployment, "run_command", run_command)
    return run


def madang(folder: Path, *arguments: str) -> str:
    file = station_file(folder, SPLIT)
    done = CliRunner().invoke(
        app, ["deploy", *arguments, "--from", str(file)], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    return done.output


def test_bans_are_listed_with_their_times_in_utc(
    tmp_path: Path, commands: list[dict[str, str]]
) -> None:
    found = json.loads(madang(tmp_path, "bans", "--json"))
    assert found[0] == RTMP_BAN
    assert [ban["until"] for ban in found] == ["2026-11-30T09:10:00Z", "2026-11-30T15:30:00Z"]
    assert set(commands[0]) == {"web", "media"}
    assert "192.0.2.9" in madang(tmp_path, "bans")


def test_an_address_is_let_in_where_it_is_shut_out(
    tmp_path: Path, commands: list[dict[str, str]]
) -> None:
    found = json.loads(madang(tmp_path, "unban", "192.0.2.9", "--json"))
    assert found == {"address": "192.0.2.9", "lifted": [RTMP_BAN]}
    assert commands[-1] == {"media": "fail2ban-client unban 192.0.2.9"}
    # However it is written.
    madang(tmp_path, "unban", "2001:0DB8::0:1")
    assert commands[-1] == {"media": "fail2ban-client unban 2001:db8::1"}


def test_nobody_else_is_let_in(tmp_path: Path, commands: list[dict[str, str]]) -> None:
    with pytest.raises(DeployError, match=r"192\.0\.2\.1 is not shut out anywhere"):
        madang(tmp_path, "unban", "192.0.2.1")
    done = CliRunner().invoke(app, ["deploy", "unban", "$(reboot)"])
    assert done.exit_code == 2
    assert len(commands) == 1


def test_other_lines_are_passed_over() -> None:
    assert list(parse_bans("web", "sshd \nERROR  NOK\n", ZoneInfo("UTC"))) == []
