"""Accounts of requests to the servers of media.

Import after `boot.start_django`.
"""

from __future__ import annotations

from importlib import import_module

from django.conf import settings

from madang.apps.accounts import tokens
from madang.apps.accounts.models import User
from madang.apps.accounts.services import user_of_session
from madang.infra.clock import SYSTEM_CLOCK
from madang.infra.database import DatabaseThreads
from madang.servers.accounts import Account, AccountQueries, Accounts


def accounts(database: DatabaseThreads, *scopes: str) -> Accounts:
    """Return what finds the account of a request: by session, or by a token with one of the
    scopes."""
    queries = AccountQueries(
        _by_session, lambda token: _account(tokens.user_of_token(token, *scopes))
    )
    return Accounts(queries, settings.SESSION_COOKIE_NAME, database, SYSTEM_CLOCK)


def _by_session(key: str) -> Account | None:
    engine = import_module(settings.SESSION_ENGINE)
    return _account(user_of_session(engine.SessionStore(key)))


def _account(user: User | None) -> Account | None:
    return Account(user.pk, user.admin) if user is not None else None
