"""`madang deploy`: plan, apply, status, run, rollback."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from madang.cli.common import Json, print_table, report
from madang.ops.deploy.errors import DeployError

if TYPE_CHECKING:
    from madang.ops.deploy.runner import Deployment

app = typer.Typer(help="Servers, as station.toml describes them.", no_args_is_help=True)

From = Annotated[Path, typer.Option("--from", metavar="FILE", help="The station's description.")]
DEFAULT_FROM = Path("station.toml")

WOULD_CHANGE = 2
"""Exit code of `plan` for a difference."""


Only = Annotated[
    list[str] | None,
    typer.Option(metavar="ROLE", help="Change the release of this role alone. Repeatable."),
]


@app.command()
def plan(from_: From = DEFAULT_FROM, only: Only = None, as_json: Json = False) -> None:
    """Show what `apply` would change, without secrets; exit 2 if anything."""
    servers = deployment(from_)
    events: list[dict[str, Any]] = []
    on_event = events.append if as_json else _TextOutput(events, planning=True)
    servers.run(servers.job("plan", on_event, tuple(only or ())), on_event)
    machines = _differences(events)
    count = sum(len(step["changes"]) for steps in machines.values() for step in steps)
    report(
        as_json,
        {"changes": count, "machines": machines},
        [f"{count} thing(s) would change." if count else "Nothing would change."],
    )
    if count:
        raise typer.Exit(WOULD_CHANGE)


@app.command()
def apply(
    from_: From = DEFAULT_FROM,
    only: Only = None,
    *,
    restore: Annotated[
        bool, typer.Option("--restore", help="Bring the station back from backup.offsite first.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make the servers as described; where they are already, nothing is done."""
    servers = deployment(from_)
    events: list[dict[str, Any]] = []
    on_event = _JsonOutput(events) if as_json else _TextOutput(events, planning=False)
    try:
        servers.run(servers.job("apply", on_event, tuple(only or ()), restore=restore), on_event)
    except DeployError:
        _tell_administrator(servers)
        raise
    done = [
        {key: event[key] for key in ("host", "step", "what")}
        for event in events
        if event["event"] == "done"
    ]
    releases = {event["host"]: event["release"] for event in events if event["event"] == "release"}
    account, trouble = None, ""
    try:
        account = servers.first_administrator()
    except DeployError as error:  # the servers are as described all the same
        trouble = str(error)
    lines = [
        f"{len(done)} thing(s) changed." if done else "Nothing had to change.",
        f"The station is at https://{servers.station.domain}/",
        *(_next_steps(servers, account) if account else ()),
        *filter(None, [trouble]),
    ]
    result = {"changed": done, "releases": releases, "administrator": account}
    report(as_json, result, lines)


def _tell_administrator(servers: Deployment) -> None:
    """Make the first administrator although something failed: the station may run all the same, as
    where its name does not lead to the server yet."""
    with contextlib.suppress(DeployError):
        if (account := servers.first_administrator()) is not None:
            typer.echo(_how_to_sign_in(account), err=True)


def _how_to_sign_in(account: dict[str, Any]) -> str:
    return (
        f"Sign in there as {account['name']} with the password {account['password']} (shown only "
        "now), and change it."
    )


def _next_steps(servers: Deployment, account: dict[str, Any]) -> list[str]:
    """Return what remains to do after the first `apply`."""
    offsite = servers.station.backup.offsite
    return [
        _how_to_sign_in(account),
        "Next:",
        "  open a channel in your studio; it shows address and stream key for the encoder",
        f"  keep {servers.folder / 'station.secrets.json'} safe: without it no backup opens",
        *([] if offsite else ["  set backup.offsite in station.toml: no copy survives the server"]),
        "  madang doctor --security       looks at the servers from outside and inside",
        "  madang deploy run -- status    any command of the station, on its server",
    ]


@app.command()
def status(from_: From = DEFAULT_FROM, as_json: Json = False) -> None:
    """Tell which release runs where, and whether it takes traffic; exit 1 if any does not."""
    found = deployment(from_).status()
    rows = [
        {"host": host, "role": role, **facts}
        for host, answer in found.items()
        for role, facts in answer["roles"].items()
    ]
    if as_json:
        report(True, found, [])
    else:
        print_table(False, rows)
    if not all(row["ready"] for row in rows):
        raise typer.Exit(1)


@app.command()
def run(
    arguments: Annotated[
        list[str], typer.Argument(metavar="-- ARGS", help="Command and options, after --.")
    ],
    *,
    from_: From = DEFAULT_FROM,
    host: Annotated[
        str | None, typer.Option(metavar="NAME", help="[default: the one with the database]")
    ] = None,
) -> None:
    """Run a `madang` command on the server as the right user; exit as it does."""
    done = deployment(from_).madang(arguments, host)
    typer.echo(done.output, nl=False)
    typer.echo(done.errors, err=True, nl=False)
    raise typer.Exit(done.exit_code)


@app.command()
def rollback(from_: From = DEFAULT_FROM, as_json: Json = False) -> None:
    """Go back to the release that ran before, program and settings together."""
    output = deployment(from_).rollback(lambda event: None)
    report(
        as_json,
        output,
        [f"{host}: {line}" for host, text in output.items() for line in text.split("\n")],
    )


def deployment(path: Path) -> Deployment:
    """Load the description at `path`. Raises StationFileError."""
    from madang.ops.deploy.model.station_file import load_station
    from madang.ops.deploy.runner import Deployment

    return Deployment(load_station(path), path.absolute().parent)


def _differences(events: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    machines: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        if event["event"] == "differs" and event["changes"]:
            step = {"step": event["step"], "changes": event["changes"]}
            machines.setdefault(event["host"], []).append(step)
    return machines


class _JsonOutput:
    """Records events; with --json the result is one value at the end."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self._heard = events

    def __call__(self, event: dict[str, Any]) -> None:
        self._heard.append(event)
        # On standard error, to follow each step while it runs.
        if event["event"] in {"begin", "done"}:
            typer.echo(json.dumps(event, ensure_ascii=False), err=True)


class _TextOutput:
    """Prints events for a person."""

    def __init__(self, events: list[dict[str, Any]], *, planning: bool) -> None:
        self._heard = events
        self._planning = planning

    def __call__(self, event: dict[str, Any]) -> None:
        self._heard.append(event)
        match event["event"]:
            case "building":
                print(f"building the release for Python {event['python']} …", flush=True)
            case "connected":
                print(f"{event['host']}: connected", flush=True)
            case "differs" if self._planning:
                self._show(event)
            case "begin":
                print(
                    f"{event['host']}: {event['step']}: {event['what']}: {event['how']}",
                    flush=True,
                )

    def _show(self, event: dict[str, Any]) -> None:
        changes = event["changes"]
        same = event["total"] - len(changes)
        print(
            f"{event['host']}: {event['step']}: {len(changes)} to change, {same} as they should be"
        )
        for change in changes:
            print(f"  {change['what']}: {change['how']}")
            for line in change["lines"]:
                print(f"      {line}")
