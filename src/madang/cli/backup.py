"""`madang backup …`: taking, listing, proving and bringing back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from madang.cli.common import Config, Data, Json, load_settings, print_table, report

if TYPE_CHECKING:
    from madang.ops.backup.model import BackupPlan

app = typer.Typer(help="Backups: taken, proven, brought back.", no_args_is_help=True)


@app.command("now")
def now(data: Data = None, config: Config = None, as_json: Json = False) -> None:
    """Take a backup to every place, and drop old ones by rule."""
    plan = _plan(data, config)
    from madang.ops.backup.create import BackupCreator
    from madang.ops.backup.model import format_rfc3339
    from madang.ops.backup.subprocesses import lower_priority

    lower_priority()
    created = BackupCreator(plan).create()
    places = {
        destination: {part: {"added_bytes": added} for part, added in parts.items()}
        for destination, parts in created.added.items()
    }
    result = {
        "id": created.id,
        "taken_at": format_rfc3339(created.taken_at),
        "bytes": created.bytes,
        "places": places,
    }
    lines = [f"The backup {created.id} is taken: {_size(created.bytes)}."]
    for destination, parts in created.added.items():
        added = sum(parts.values())
        lines.append(f"  {destination}: {_size(added)} of it new")
    report(as_json, result, lines)


@app.command("list")
def list_(data: Data = None, config: Config = None, as_json: Json = False) -> None:
    """List the backups that there are, the newest first."""
    plan = _plan(data, config)
    from madang.ops.backup.create import list_backups
    from madang.ops.backup.model import format_rfc3339

    rows = [
        {
            "id": entry.id,
            "taken_at": format_rfc3339(entry.taken_at),
            "kind": entry.kind.value,
            "bytes": entry.bytes,
            "verified_at": format_rfc3339(entry.verified_at) if entry.verified_at else None,
            "places": sorted(entry.verified),
        }
        for entry in list_backups(plan)
    ]
    if not as_json and not rows:
        print("There is no backup yet: madang backup now")
    else:
        print_table(as_json, rows)


@app.command("verify")
def verify(
    identifier: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="[default: the newest]")
    ] = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Read all media, not only this week's share.")
    ] = False,
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Prove a backup: read all of it, restore it into a scratch folder, count and compare."""
    plan = _plan(data, config)
    from madang.ops.backup.create import BackupCreator
    from madang.ops.backup.subprocesses import lower_priority
    from madang.ops.backup.verify import verify as verify_backups

    lower_priority()
    results = verify_backups(BackupCreator(plan), identifier=identifier, everything=everything)
    rows = [
        {
            "place": result.destination,
            "id": result.id,
            "files": result.files,
            "tables": result.tables,
            "rows": result.rows,
            "media_read": result.media or None,
        }
        for result in results
    ]
    lines = [
        f"{result.destination}: the backup {result.id} is whole: {result.files} files, "
        f"{result.rows} rows in {result.tables} tables."
        for result in results
    ]
    report(as_json, rows, lines)


@app.command("ship")
def ship(
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until SIGTERM or Ctrl+C.")] = False,
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Send what PostgreSQL archived since the last time to the SFTP server elsewhere."""
    plan = _plan(data, config)
    from madang.ops.backup.create import ship_wal
    from madang.ops.backup.wal_shipping import ship_continuously

    if watch:
        ship_continuously(plan)
    sent = ship_wal(plan)
    report(as_json, {"files": sent}, [f"{sent} files are sent."])


@app.command("restore")
def restore(
    identifier: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="[default: the newest]")
    ] = None,
    *,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="URL", help="[default: backup.local, then backup.offsite]"),
    ] = None,
    password_file: Annotated[
        Path | None, typer.Option(help="The copy that you kept elsewhere.")
    ] = None,
    sftp_key: Annotated[
        Path | None, typer.Option(help="Private key that opens the SFTP server.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put a station that is here aside.")
    ] = False,
    media: Annotated[bool, typer.Option("--media/--no-media", help="Media as well.")] = True,
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Bring the station back: database, files and settings first, media after."""
    # The settings are in the backup: on an empty machine there are none to read yet.
    settings = load_settings(data, config if config and config.exists() else None)
    from madang.ops.backup.restore import RestoreRequest
    from madang.station.backups import bring_back

    def show_progress(message: str) -> None:
        print(message, file=sys.stderr, flush=True)

    done = bring_back(
        settings,
        RestoreRequest(identifier, replace, media, settings_to=config or settings.file),
        show_progress,
        source=source,
        password_file=password_file,
        sftp_key=sftp_key,
    )
    result = {
        "id": done.id,
        "place": done.destination,
        "bytes": done.bytes,
        "media_bytes": done.media_bytes,
        "notes": list(done.notes),
    }
    lines = [*done.notes, f"The station is as it was in the backup {done.id}. Start it now."]
    report(as_json, result, lines)


def _plan(data: Path | None, config: Path | None) -> BackupPlan:
    settings = load_settings(data, config)
    from madang.station.backups import plan_of

    return plan_of(settings)


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"
