"""systemd units of the backups: valid, and sandboxed."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from madang.ops.backup.systemd_units import TimerOptions, settings, units
from madang.station.config.settings import load

EXPOSURE = 2.5
"""Limit of `systemd-analyze security`, of 10."""


@pytest.fixture
def timers(tmp_path: Path) -> TimerOptions:
    program = tmp_path / "madang"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return TimerOptions(
        program,
        Path("/var/lib/madang"),
        Path("/etc/madang/madang.toml"),
        Path("/var/lib/madang-backup"),
        Path("/var/backups/madang"),
    )


def everywhere(timers: TimerOptions) -> list[tuple[str, str]]:
    """Units of a machine with PostgreSQL and of one without."""
    without = replace(timers, clusters=None)
    return [pair for kind in (timers, without) for pair in units(kind).items()]


@pytest.fixture
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("no systemd-analyze on this machine")
    return found


def test_the_exposure_of_services_is_low(
    timers: TimerOptions, analyze: str, tmp_path: Path
) -> None:
    for name, text in everywhere(timers):
        file = tmp_path / name
        file.write_text(text)
        if file.suffix == ".service":
            output = subprocess.run(
                [analyze, "security", "--offline=true", "--no-pager", str(file)],
                capture_output=True,
                text=True,
                check=False,
            )
            level = re.search(r"Overall exposure level for \S+: ([\d.]+)", output.stdout)
            assert level, output.stderr
            assert float(level[1]) <= EXPOSURE, output.stdout


def test_systemd_accepts_the_calendar_of_the_timers(timers: TimerOptions, analyze: str) -> None:
    for name, text in everywhere(timers):
        if name.endswith(".timer"):
            when = re.search(r"^OnCalendar=(.*)$", text, re.MULTILINE)
            assert when
            subprocess.run([analyze, "calendar", when[1]], check=True, capture_output=True)
    assert "OnCalendar=Sun *-*-* 03:30 Asia/Seoul" in units(timers)["madang-backup-verify.timer"]


def test_units_of_a_remote_database_name_no_local_one(timers: TimerOptions) -> None:
    found = units(replace(timers, clusters=None))
    assert set(found) == {
        f"madang-backup{what}"
        for what in (".service", ".timer", "-verify.service", "-verify.timer")
    }
    assert "postgres" not in "".join(found.values())


def test_an_invalid_weekday_is_refused() -> None:
    somewhere = Path("/x")
    with pytest.raises(ValueError, match="expected one of monday"):
        units(TimerOptions(*[somewhere] * 5, verify_on="someday"))


def test_the_station_accepts_the_settings_of_the_timers(
    timers: TimerOptions, tmp_path: Path
) -> None:
    given = settings(
        timers, pgbackrest=Path("/etc/pgbackrest/madang.conf"), password_file=Path("/etc/madang/pw")
    )
    environ = {f"MADANG_BACKUP__{name.upper()}": value for name, value in given.items()}
    found = load(tmp_path, environ=environ).backup
    assert found.run_by == "timer"
    assert found.local == "file:///var/backups/madang"
