"""The caller's API tokens."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema
from ninja.responses import Status

from madang.apps.accounts import tokens
from madang.apps.accounts.tokens import PersonAuth, caller
from madang.apps.api import Body

router = Router(tags=["accounts"], auth=PersonAuth(csrf=True))
"""Session only: a stolen token must not make others."""


class TokenView(Schema):
    """A token, without its secret."""

    id: str
    name: str
    scopes: list[str]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewToken(Body):
    """Name and scopes of a new token."""

    name: str
    scopes: list[str]


class MadeToken(TokenView):
    """A new token; `token` is shown only now."""

    token: str


@router.get("/tokens", response=list[TokenView], summary="My API tokens")
def index(request: HttpRequest) -> list[TokenView]:
    """Return the caller's tokens, the newest first."""
    return [TokenView.from_orm(card) for card in tokens.tokens_of(caller(request))]


@router.post("/tokens", response={201: MadeToken}, summary="A new API token")
def create(request: HttpRequest, body: NewToken) -> Status[MadeToken]:
    """Make a token. It is shown only in this answer."""
    card, token = tokens.create(caller(request), body.name, body.scopes)
    return Status(201, MadeToken(token=token, **TokenView.from_orm(card).dict()))


@router.delete("/tokens/{token_id}", response={204: None}, summary="Revoke an API token")
def revoke(request: HttpRequest, token_id: str) -> Status[None]:
    """Revoke a token."""
    tokens.revoke(caller(request), token_id)
    return Status(204, None)
