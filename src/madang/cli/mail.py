"""`madang mail …`: mail to administrators."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from madang.base.errors import MadangError
from madang.cli.common import Config, Data, Json, control_plane, print_table, report

app = typer.Typer(help="Mail to administrators.", no_args_is_help=True)


class NobodyToTell(MadangError):
    """No administrator has a mail address."""


@app.command("test")
def send_test(
    address: Annotated[
        list[str] | None, typer.Argument(metavar="ADDRESS", show_default="all administrators")
    ] = None,
    *,
    connect: Annotated[
        bool, typer.Option("--connect", help="Only connect and sign in; send nothing.")
    ] = False,
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Send a message now, to see whether it arrives."""
    settings = control_plane(data, config)
    from madang.apps.accounts.models import User
    from madang.apps.notices import mail

    if connect:
        with mail.connection():
            report(as_json, {"server": mail.server()}, [f"{mail.server()} lets this station in."])
        return
    to = address or list(
        User.objects.filter(admin=True, is_active=True)
        .exclude(email="")
        .values_list("email", flat=True)
    )
    if not to:
        raise NobodyToTell(
            "No administrator has a mail address.",
            mend="Name one: madang mail test ADDRESS. An account's is set under /admin/.",
        )
    with mail.connection() as over:
        for each in to:
            mail.send(each, "test", f"Mail from {settings.public_url} arrives.", over)
    report(as_json, {"server": mail.server(), "sent_to": to}, [f"Sent to {', '.join(to)}."])


@app.command("list")
def list_(data: Data = None, config: Config = None, as_json: Json = False) -> None:
    """List the newest 50 messages and what became of them."""
    control_plane(data, config)
    from madang.apps.notices.models import Notice

    rows: list[dict[str, Any]] = [
        {
            "created_at": notice.created_at.isoformat(),
            "to": notice.recipient,
            "subject": notice.subject,
            "sent": notice.sent,
            "attempts": notice.attempts,
            "error": notice.error or None,
        }
        for notice in Notice.objects.all()[:50]
    ]
    print_table(as_json, rows)
