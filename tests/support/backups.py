"""Backups of a test station, through the command line and through its functions."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from madang.ops.backup.create import BackupCreator
from madang.ops.backup.errors import BackupError
from madang.station.backups import plan_of
from madang.station.config.settings import load
from tests.support.station import MADANG, ROOT, Station

COMMAND_SECONDS = 120.0


def backup_creator(data: Path, **settings: str) -> BackupCreator:
    """Create the object behind `madang backup`; `settings` are environment variables without
    MADANG_."""
    environ = {f"MADANG_{name}": value for name, value in settings.items()}
    return BackupCreator(plan_of(load(data, environ=environ)))


def error_message(call: Callable[[], object]) -> str:
    """Return the message of the BackupError that `call` must raise."""
    with pytest.raises(BackupError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    return message


def backup(data: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `madang backup ARGUMENTS` on a data folder; `settings` as in `backup_creator`."""
    return subprocess.run(
        [*MADANG, "backup", *arguments, "--data", str(data)],
        cwd=ROOT,
        env=Station(data, **settings).environment,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )


def backup_json(data: Path, *arguments: str, **settings: str) -> Any:
    """Run a command that must succeed and return its JSON output."""
    result = backup(data, *arguments, "--json", **settings)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def backup_refused(data: Path, *arguments: str, **settings: str) -> str:
    """Run a command that must fail and return its one line."""
    result = backup(data, *arguments, **settings)
    assert result.returncode == 1, result.stdout + result.stderr
    last = result.stderr.splitlines()[-1]
    assert last.startswith("madang: "), result.stderr
    assert "Traceback" not in result.stderr
    return last


def ask(data: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Return rows of the station's SQLite database."""
    with closing(sqlite3.connect(data / "madang.db", isolation_level=None)) as database:
        return database.execute(query, values).fetchall()
