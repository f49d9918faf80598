"""The caller's own account."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from ninja import Router, Schema

from madang.apps.accounts.models import User

router = Router(tags=["accounts"])


class Me(Schema):
    """Account of the caller; `name` is null for a caller who is not signed in."""

    signed_in: bool
    id: int | None
    name: str | None
    email: str | None
    admin: bool


@router.get("/me", response=Me, summary="Who am I")
def me(request: HttpRequest) -> Me:
    """Return the account behind the session."""
    user: User | AnonymousUser = request.user
    if isinstance(user, User):
        return Me(
            signed_in=True, id=user.pk, name=user.name, email=user.email or None, admin=user.admin
        )
    return Me(signed_in=False, id=None, name=None, email=None, admin=False)
