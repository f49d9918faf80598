"""Shared by all commands: options, settings, and printing for people and programs."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

PIPE_WIDTH: Final = 1000
"""Columns of a table that another program reads."""

if TYPE_CHECKING:
    from madang.station.config.settings import Settings

Data = Annotated[
    Path | None,
    # access(2) ignores capabilities, with which the user of backups may read it.
    typer.Option("--data", help="Data folder [default: MADANG_DATA or ./data]", readable=False),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="Settings file [default: MADANG_CONFIG or madang.toml in it]",
        readable=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value and nothing else.")]


def load_settings(
    data: Path | None, config: Path | None, overrides: dict[str, str] | None = None
) -> Settings:
    """Read the settings, and make every file from now on for this user alone.

    Raises SettingsError.
    """
    os.umask(0o077)
    from madang.station.config.settings import load

    return load(data, config=config, overrides=overrides)


def control_plane(data: Path | None, config: Path | None) -> Settings:
    """Set the control plane up; return the settings with the addresses of a running station."""
    settings = load_settings(data, config)
    from madang.station.boot import control_plane
    from madang.station.roles.run_files import as_running

    control_plane(settings)
    return as_running(settings)


def report(as_json: bool, result: object, lines: Sequence[str]) -> None:
    """Print `result` as one JSON value, or `lines`."""
    if as_json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        for line in lines:
            print(line)


def print_table(as_json: bool, rows: Sequence[dict[str, Any]]) -> None:
    """Print `rows`, all with the same keys, as one JSON array or as a table.

    The first column, by which a row is named in other commands, is never broken, and no column is
    where the output is not a terminal.
    """
    if as_json:
        report(True, rows, [])
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*(rows[0] if rows else ()), box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(Text(_cell(value), overflow="fold") for value in row.values()))
    if table.columns:
        table.columns[0].no_wrap = True
    console = Console()
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    console.print(table)


def _cell(value: object) -> str:
    match value:
        case None:
            return "-"
        case list() | tuple():
            return ", ".join(str(item) for item in value) or "-"
        case _:
            return str(value)
