"""Groups of `madang`'s commands, run in this process on the database of the test."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

if TYPE_CHECKING:
    from madang.station.config.settings import Settings

Run = Callable[..., str]
"""Runs a command and returns its output."""


def runner(monkeypatch: pytest.MonkeyPatch, station: Settings, group: ModuleType) -> Run:
    """Return what runs the commands of `group`, a module with `app` and `control_plane`."""
    monkeypatch.setattr(group, "control_plane", lambda data, config: station)

    def invoke(*arguments: str) -> str:
        done = CliRunner().invoke(group.app, arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    return invoke


def parsed(run: Run, *arguments: str) -> Any:
    """Return what a command prints with `--json`."""
    return json.loads(run(*arguments, "--json"))
