"""The `madang` command: argument parsing and printing; the work is done by `station` and `apps`.

Django and the servers are imported inside the commands, so that `madang --help` is quick.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from madang import __version__
from madang.base.errors import MadangError
from madang.cli import bench, channel, deploy, deploy_bans, plan
from madang.cli.backup import app as backup_app
from madang.cli.common import Config, Data, Json, control_plane, load_settings, print_table, report
from madang.cli.jobs import app as jobs_app
from madang.cli.mail import app as mail_app
from madang.cli.retention import app as retention_app
from madang.cli.token import app as token_app
from madang.cli.video import app as video_app

if TYPE_CHECKING:
    from madang.apps.channels.keys import Key
    from madang.apps.channels.models import Channel
    from madang.ops.deploy.security import SecurityFinding
    from madang.station.config.settings import Settings
    from madang.station.doctor import Check

app = typer.Typer(
    name="madang",
    help="A broadcasting station that one person runs on one cheap server.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
user_app = typer.Typer(help="Who may sign in.", no_args_is_help=True)
channel_app = typer.Typer(help="Where people publish and watch.", no_args_is_help=True)
key_app = typer.Typer(help="Stream keys, which let an encoder in.", no_args_is_help=True)
config_app = typer.Typer(help="Settings.", no_args_is_help=True)
app.add_typer(user_app, name="user")
app.add_typer(channel_app, name="channel")
channel_app.command("set")(channel.set_)
app.add_typer(key_app, name="key")
app.add_typer(config_app, name="config")
app.add_typer(backup_app, name="backup")
app.add_typer(deploy.app, name="deploy")
deploy.app.command("bans")(deploy_bans.bans)
deploy.app.command("unban")(deploy_bans.unban)
app.add_typer(token_app, name="token")
app.add_typer(video_app, name="video")
app.add_typer(retention_app, name="retention")
app.add_typer(jobs_app, name="jobs")
app.add_typer(mail_app, name="mail")
app.command("plan")(plan.plan)
app.command("bench")(bench.bench)

GENERATED_PASSWORD_BYTES: Final = 12
"""96 bits in 16 characters, for a generated password."""


class ProcessRole(StrEnum):
    """Role of one process of the station."""

    ALL = "all"
    WEB = "web"
    LIVE = "live"
    CHAT = "chat"
    FILES = "files"
    WORKER = "worker"
    EDGE = "edge"


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 failed, 2 wrong usage."""
    try:
        app()
    except MadangError as error:
        print(f"madang: {error}", file=sys.stderr)
        raise SystemExit(1) from None


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"madang {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """A broadcasting station that one person runs on one cheap server."""


@app.command()
def serve(
    *,
    role: Annotated[ProcessRole, typer.Option(help="What this process does.")] = ProcessRole.ALL,
    http: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Pages, streams.")] = None,
    rtmp: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Encoders.")] = None,
    demo: Annotated[
        bool | None, typer.Option("--demo/--no-demo", help="Put a test picture on the air.")
    ] = None,
    first_run: Annotated[
        bool,
        typer.Option(
            "--first-run", help="Make an administrator and the demo where nobody has been yet."
        ),
    ] = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Run the station until it is told to end (SIGTERM, Ctrl+C)."""
    overrides = {
        key: _address(value, option)
        for key, value, option in (("http.bind", http, "--http"), ("rtmp.bind", rtmp, "--rtmp"))
        if value is not None
    }
    settings = load_settings(data, config, overrides)
    from madang.station.roles.serve import run

    run(settings, role=role.value, demo=demo, first_run=first_run)


@user_app.command("create")
def user_create(
    name: Annotated[str, typer.Argument(help="Name to sign in with.")],
    *,
    email: Annotated[str, typer.Option(help="Address to sign in with as well.")] = "",
    password: Annotated[
        str | None, typer.Option(help="[default: asked for; without a terminal, made up]")
    ] = None,
    admin: Annotated[bool, typer.Option("--admin", help="May run the whole station.")] = False,
    first: Annotated[
        bool, typer.Option("--first", help="Nothing, where there is an administrator already.")
    ] = False,
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Make an account."""
    control_plane(data, config)
    from madang.apps.accounts.services import create_user
    from madang.station.first_run import has_administrator

    if first and has_administrator():
        report(as_json, None, ["There is an administrator already."])
        return
    generated = ""
    if password is None and sys.stdin.isatty() and not as_json:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    elif password is None:
        password = generated = secrets.token_urlsafe(GENERATED_PASSWORD_BYTES)
    user = create_user(name, password=password, email=email, admin=admin)
    result = {"id": user.pk, "name": user.name, "email": user.email, "admin": user.admin}
    if generated:
        result["password"] = generated
    kind = "administrator" if user.admin else "user"
    lines = [f"{user.name} can sign in now, as {kind}."]
    if generated:
        lines.append(f"Password, shown only now: {generated}")
    report(as_json, result, lines)


@channel_app.command("create")
def channel_create(
    slug: Annotated[str, typer.Argument(help="Last part of the address: /@SLUG.")],
    *,
    owner: Annotated[str, typer.Option(metavar="NAME", help="Who runs it.")],
    title: Annotated[str, typer.Option(help="[default: the slug]")] = "",
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Open a channel and print its stream key, which is shown only now."""
    settings = control_plane(data, config)
    from madang.apps.accounts.services import find_user
    from madang.apps.channels.services import create_channel

    channel, key = create_channel(slug, owner=find_user(owner), title=title)
    _report_key(as_json, settings, channel, key)


@channel_app.command("list")
def channel_list(data: Data = None, config: Config = None, as_json: Json = False) -> None:
    """List the channels."""
    settings = control_plane(data, config)
    from madang.apps.channels.services import list_channels

    cards = list_channels()
    result = [
        {
            "slug": card.slug,
            "title": card.title,
            "owner": card.owner,
            "language": card.language,
            "watch_url": settings.watch_url(card.slug),
        }
        for card in cards
    ]
    if not as_json and not cards:
        print("There is no channel yet: madang channel create SLUG --owner NAME")
    else:
        print_table(as_json, result)


@key_app.command("rotate")
def key_rotate(
    slug: Annotated[str, typer.Argument(help="The channel.")],
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Revoke the channel's stream keys and print a new one, which is shown only now."""
    settings = control_plane(data, config)
    from madang.apps.channels.services import rotate_key

    channel, key = rotate_key(slug)
    _report_key(as_json, settings, channel, key)


@key_app.command("list")
def key_list(
    slug: Annotated[str, typer.Argument(help="The channel.")],
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """List a channel's stream keys by identifier: their secrets are not kept."""
    control_plane(data, config)
    from madang.apps.broadcasts.ports import rfc3339
    from madang.apps.channels.services import list_keys

    print_table(
        as_json,
        [
            {
                "key_id": key.key_id,
                "created_at": rfc3339(key.created_at),
                "last_used_at": rfc3339(key.last_used_at) if key.last_used_at else None,
                "revoked_at": rfc3339(key.revoked_at) if key.revoked_at else None,
            }
            for key in list_keys(slug)
        ],
    )


@app.command()
def status(data: Data = None, config: Config = None, as_json: Json = False) -> None:
    """Tell what is live, who watches, queues, disk and transfer."""
    settings = control_plane(data, config)
    from madang.station.status import collect

    found = collect(settings)
    if as_json:
        report(as_json, found, [])
        return
    print("The station runs." if found["running"] else "The station does not run: madang serve")
    if found["live"]:
        columns = ("slug", "since", "viewers", "bitrate", "codecs", "renditions", "publisher")
        print_table(False, [{name: live.get(name) for name in columns} for live in found["live"]])
    elif found["running"]:
        print("Nobody is on the air.")
    disk, transfer = found["disk"], found["transfer"]
    print(f"Disk: {disk['free'] / 1e9:.1f} GB free, {disk['used'] / 1e9:.1f} GB used")
    print(
        f"Transfer this month: {transfer['month_bytes'] / 1e9:.1f} GB "
        f"of {transfer['allowance_bytes'] / 1e9:.0f} GB"
    )
    jobs = found["jobs"]
    print(f"Jobs: {jobs['queued']} queued, {jobs['running']} running, {jobs['failed']} failed")
    backup = found["backup"]
    print(
        f"Backup: {backup['taken_at'] or 'none yet'}, verified {backup['verified_at'] or 'never'}"
    )
    if backup["error"]:
        print(f"Backup trouble: {backup['error']}")


@config_app.command("show")
def config_show(data: Data = None, config: Config = None, as_json: Json = False) -> None:
    """Print the settings in force and where each came from; secrets are masked."""
    shown = load_settings(data, config).shown()
    print_table(as_json, [asdict(setting) for setting in shown])


@app.command()
def doctor(
    *,
    security: Annotated[
        bool, typer.Option("--security", help="Look at deployed servers, from outside and inside.")
    ] = False,
    from_: deploy.From = deploy.DEFAULT_FROM,
    authority: Annotated[
        str | None, typer.Option(metavar="FILE", help="Certificates to trust, in PEM.")
    ] = None,
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Check what can be wrong on this machine and say how to mend it; exit 1 if anything is."""
    checks: Sequence[Check | SecurityFinding]
    deployed = False
    if security:
        checks = deploy.deployment(from_).security(authority)
    else:
        from madang.station.doctor import examine, is_deployed

        settings = load_settings(data, config)
        checks, deployed = examine(settings), is_deployed(settings)
    ok = all(check.ok for check in checks)
    lines = [
        f"{'ok  ' if check.ok else 'BAD '} {check.name}: {check.detail}"
        + (f"\n     → {check.mend}" if check.mend else "")
        for check in checks
    ]
    if deployed and not ok:
        lines.append(
            "The settings of this server come from station.toml on the operator's own computer: "
            "change them there, then: madang deploy apply"
        )
    report(as_json, {"ok": ok, "checks": [asdict(check) for check in checks]}, lines)
    if not ok:
        raise typer.Exit(1)


def _address(text: str, option: str) -> str:
    from madang.station.config.fields import Address

    try:
        return str(Address.parse(text))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def _report_key(as_json: bool, settings: Settings, channel: Channel, key: Key) -> None:
    result = {
        "slug": channel.slug,
        "title": channel.title,
        "stream_key": str(key),
        "publish_url": settings.publish_url,
        "watch_url": settings.watch_url(channel.slug),
    }
    lines = [
        f"Publish to  {result['publish_url']}",
        f"Stream key  {result['stream_key']}  (shown only now)",
        f"Watch at    {result['watch_url']}",
    ]
    report(as_json, result, lines)
