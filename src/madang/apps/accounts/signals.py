"""Told when what an account may, or what speaks for it, may have changed: whoever let somebody in
because of it looks again.
"""

from __future__ import annotations

from typing import Any, Final

from django.db import transaction
from django.dispatch import Signal
from django.http import HttpRequest

from madang.apps.accounts.models import User

access_changed: Final = Signal()
"""Sent with `account`, the key of the account, once the change is in the database."""

_NOTHING_BUT_A_SIGN_IN: Final = frozenset({"last_login"})


def tell_when_done(account: int) -> None:
    """Send `access_changed` when the transaction under way is in the database."""
    transaction.on_commit(lambda: access_changed.send(User, account=account))


def user_saved(
    instance: User, created: bool, update_fields: frozenset[str] | None, **_: Any
) -> None:
    """An account was changed, whether by a service, an administrator or its owner."""
    if not created and update_fields != _NOTHING_BUT_A_SIGN_IN:
        tell_when_done(instance.pk)


def user_deleted(instance: User, **_: Any) -> None:
    """An account was deleted."""
    tell_when_done(instance.pk)


def user_left(request: HttpRequest, user: User | None, **_: Any) -> None:
    """Somebody signed out of a browser."""
    if user is not None:
        # Django does so itself, but after this: who looks at once would still find the session.
        request.session.flush()
        tell_when_done(user.pk)
