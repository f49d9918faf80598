"""`madang deploy bans` and `unban`."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated, Any

import typer

from madang.cli.common import Json, print_table, report
from madang.cli.deploy import DEFAULT_FROM, From, deployment

if TYPE_CHECKING:
    from madang.ops.deploy.bans import Ban


def _address(text: str) -> str:
    """Return an address as Fail2ban writes it. Raises ValueError."""
    return str(ip_address(text))


def bans(from_: From = DEFAULT_FROM, as_json: Json = False) -> None:
    """List who is shut out of the servers, why and until when."""
    from madang.ops.deploy.bans import list_bans

    rows = [_row(ban) for ban in list_bans(deployment(from_))]
    if rows or as_json:
        print_table(as_json, rows)
    else:
        print("Nobody is shut out.")


def unban(
    address: Annotated[str, typer.Argument(parser=_address, metavar="ADDRESS")],
    from_: From = DEFAULT_FROM,
    as_json: Json = False,
) -> None:
    """Let an address in again, on every server that shuts it out."""
    from madang.ops.deploy.bans import lift_bans

    rows = [_row(ban) for ban in lift_bans(deployment(from_), address)]
    lines = [f"{row['host']}: {address} is let in again ({row['jail']})." for row in rows]
    report(as_json, {"address": address, "lifted": rows}, lines)


def _row(ban: Ban) -> dict[str, Any]:
    return {
        "host": ban.host,
        "jail": ban.jail,
        "address": ban.address,
        "since": ban.since.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "until": ban.until.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
