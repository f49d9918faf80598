"""The caller's own account."""

from __future__ import annotations

from typing import Final

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from ninja import Router, Schema
from ninja.errors import AuthenticationError

from madang.apps.accounts.models import User
from madang.apps.accounts.tokens import SCOPES, TokenAuth

router = Router(tags=["accounts"])


class Me(Schema):
    """Account of the caller; `name` is null for a caller who is not signed in."""

    signed_in: bool
    id: int | None
    name: str | None
    email: str | None
    admin: bool


_WRONG_TOKEN: Final = {"responses": {401: {"description": "The token is not in force."}}}


@router.get("/me", response=Me, summary="Who am I", openapi_extra=_WRONG_TOKEN)
def me(request: HttpRequest) -> Me:
    """Return the account behind the session, or behind the token if one is sent."""
    if "Authorization" in request.headers and TokenAuth(*SCOPES)(request) is None:
        raise AuthenticationError
    user: User | AnonymousUser = request.user
    if isinstance(user, User):
        return Me(
            signed_in=True, id=user.pk, name=user.name, email=user.email or None, admin=user.admin
        )
    return Me(signed_in=False, id=None, name=None, email=None, admin=False)
