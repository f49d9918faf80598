"""`madang token …`: API tokens of programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from madang.cli.common import Config, Data, Json, control_plane, print_table, report

app = typer.Typer(help="API tokens, which let programs in.", no_args_is_help=True)

User = Annotated[str, typer.Argument(metavar="USER")]


@app.command("create")
def create(
    user: User,
    *,
    name: Annotated[str, typer.Option(help="What to call it.")] = "bot",
    scope: Annotated[list[str] | None, typer.Option(help="What it may do.")] = None,
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Make a token of the account USER; it is readable only now."""
    control_plane(data, config)
    from madang.apps.accounts import tokens
    from madang.apps.accounts.services import find_user

    card, token = tokens.create(find_user(user), name, scope or ["chat"])
    report(as_json, {**_shown(card), "token": token}, [f"Token  {token}  (shown only now)"])


@app.command("list")
def list_(user: User, data: Data = None, config: Config = None, as_json: Json = False) -> None:
    """List the tokens of the account USER, the newest first."""
    control_plane(data, config)
    from madang.apps.accounts import tokens
    from madang.apps.accounts.services import find_user

    print_table(as_json, [_shown(card) for card in tokens.tokens_of(find_user(user))])


@app.command("revoke")
def revoke(
    user: User,
    token: Annotated[str, typer.Argument(metavar="ID")],
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Make the token ID of the account USER open nothing any more."""
    control_plane(data, config)
    from madang.apps.accounts import tokens
    from madang.apps.accounts.services import find_user

    tokens.revoke(find_user(user), token)
    report(as_json, {"id": token, "revoked": True}, [f"The token {token} is revoked."])


def _shown(card: Any) -> dict[str, Any]:
    shown = asdict(card)
    for key in ("created_at", "last_used_at", "revoked_at"):
        shown[key] = shown[key].isoformat() if shown[key] is not None else None
    shown["scopes"] = list(shown["scopes"])
    return shown
