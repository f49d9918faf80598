"""Signal for changes of an account's rights or credentials, upon which open connections are
authenticated again."""

from __future__ import annotations

from typing import Any, Final

from django.db import transaction
from django.dispatch import Signal
from django.http import HttpRequest

from madang.apps.accounts.models import User

access_changed: Final = Signal()
"""Sent with `account`, the account's primary key, after the transaction has been committed."""

_SIGN_IN_FIELDS: Final = frozenset({"last_login"})


def send_on_commit(account: int) -> None:
    """Send `access_changed` after the current transaction has been committed."""
    transaction.on_commit(lambda: access_changed.send(User, account=account))


def user_saved(
    instance: User, created: bool, update_fields: frozenset[str] | None, **_: Any
) -> None:
    """Handle a change of an account by a service, an administrator or its owner."""
    if not created and update_fields != _SIGN_IN_FIELDS:
        send_on_commit(instance.pk)


def user_deleted(instance: User, **_: Any) -> None:
    send_on_commit(instance.pk)


def user_left(request: HttpRequest, user: User | None, **_: Any) -> None:
    """Handle a sign-out from a browser."""
    if user is not None:
        # Django flushes the session after this signal: receivers would still find it.
        request.session.flush()
        send_on_commit(user.pk)
