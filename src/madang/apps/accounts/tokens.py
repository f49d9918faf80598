"""API tokens: credentials of programs.

A token is made like a stream key (`madang.apps.channels.keys`), and shown only once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from ninja.errors import AuthenticationError
from ninja.security import HttpBearer, SessionAuth

from madang.apps.accounts.errors import InvalidToken, NoSuchToken
from madang.apps.accounts.models import ApiToken, User
from madang.apps.accounts.signals import send_on_commit
from madang.apps.channels import keys

SCOPES: Final = {
    "chat": "write in chats, and moderate where the account may",
    "upload": "send files to the account's channels",
    "read": "read what the account may read",
    "manage": "change the videos of the account's channels",
}
NAME_LENGTH: Final = 60
MAX_TOKENS: Final = 50
"""Active tokens of one account."""

_QUERY_SIZE: Final = 500
"""IDs in one query: SQLite limits the number of values."""

_USE_RESOLUTION: Final = timedelta(minutes=5)
"""Resolution of the last use: a write for each request would cost more than the request."""


@dataclass(frozen=True, slots=True)
class TokenCard:
    """Public fields of a token. Times are UTC."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@transaction.atomic
def create(user: User, name: str, scopes: Sequence[str]) -> tuple[TokenCard, str]:
    """Make a token of an account; return it with the token's text, which is shown only now.

    Raises InvalidToken.
    """
    unknown = set(scopes) - set(SCOPES)
    if unknown or not scopes:
        raise InvalidToken(
            format_lazy(_("A token needs scopes out of: {scopes}."), scopes=", ".join(SCOPES))
        )
    if not 1 <= len(name.strip()) <= NAME_LENGTH:
        raise InvalidToken(
            format_lazy(_("A token has a name of up to {most} characters."), most=NAME_LENGTH)
        )
    if user.tokens.filter(revoked_at=None).count() >= MAX_TOKENS:
        raise InvalidToken(
            format_lazy(_("There are {most} tokens already."), most=MAX_TOKENS),
            mend=_("Revoke one first."),
        )
    made = keys.generate_key()
    row = ApiToken.objects.create(
        user=user,
        name=name.strip(),
        scopes=sorted(set(scopes)),
        key_id=made.key_id,
        secret_hash=keys.hash_secret(made.secret),
    )
    return _card(row), f"{made.key_id}-{made.secret}"


def tokens_of(user: User) -> list[TokenCard]:
    """Return all tokens of an account, the newest first."""
    return [_card(row) for row in user.tokens.all()]


def revoke(user: User, token_id: str) -> None:
    """Revoke a token. Raises NoSuchToken."""
    changed = user.tokens.filter(key_id=token_id, revoked_at=None).update(revoked_at=timezone.now())
    if not changed:
        raise NoSuchToken(format_lazy(_("There is no token {token} in force."), token=token_id))
    send_on_commit(user.pk)


def user_of_token(text: str, *scopes: str) -> User | None:
    """Return the account of the token `text` if it is active and has one of the scopes."""
    parsed = keys.parse(text)
    if parsed is None:
        return None
    row = (
        ApiToken.objects.select_related("user")
        .filter(key_id=parsed.key_id, revoked_at=None, user__is_active=True)
        .first()
    )
    if not keys.matches(parsed.secret, row.secret_hash if row is not None else None):
        return None
    if row is None or set(scopes).isdisjoint(row.scopes):
        return None
    now = timezone.now()
    if row.last_used_at is None or now - row.last_used_at > _USE_RESOLUTION:
        ApiToken.objects.filter(pk=row.pk).update(last_used_at=now)
    return row.user


def token_id(text: str) -> str:
    """Return the ID of the token `text`, "" if it is malformed. The ID may be stored."""
    parsed = keys.parse(text)
    return parsed.key_id if parsed is not None else ""


def active_users(token_ids: Collection[str], scope: str) -> Mapping[str, User]:
    """Return the accounts of the active tokens among these that have the scope, by token ID."""
    ids = list(token_ids)
    found: dict[str, User] = {}
    for at in range(0, len(ids), _QUERY_SIZE):
        rows = ApiToken.objects.select_related("user").filter(
            key_id__in=ids[at : at + _QUERY_SIZE], revoked_at=None, user__is_active=True
        )
        found |= {row.key_id: row.user for row in rows if scope in row.scopes}
    return found


class TokenAuth(HttpBearer):
    """Authentication of an API request by a token with one of the scopes."""

    def __init__(self, *scopes: str) -> None:
        super().__init__()
        self._scopes = scopes

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        """Return the account of the token and set it on the request."""
        user = user_of_token(token, *self._scopes)
        if user is not None:
            request.user = user
        return user


class PersonAuth(SessionAuth):
    """Authentication of an API request from the station's own pages by the session."""

    def __call__(self, request: HttpRequest) -> User | None:
        """Return the account of the session; None for a request with an invalid token, which is to
        be refused as such and not for a missing CSRF token."""
        if "Authorization" in request.headers:
            return None
        user: User | None = super().__call__(request)
        return user

    def authenticate(self, request: HttpRequest, key: str | None) -> User | None:
        """Return the account of the session."""
        user: object = request.user
        return user if isinstance(user, User) and user.is_active else None


def session_or_token(*scopes: str) -> list[SessionAuth | HttpBearer]:
    """Return authentication by session or by a token with one of `scopes`."""
    return [TokenAuth(*scopes), PersonAuth(csrf=True)]


def reader(request: HttpRequest, *scopes: str) -> User | None:
    """Return the account of an API request that needs none: that of its token with one of `scopes`,
    which is set on the request, else that of its session.

    Raises AuthenticationError for a token that opens nothing.
    """
    if "Authorization" not in request.headers:
        user: object = request.user
        return user if isinstance(user, User) and user.is_active else None
    owner: User | None = TokenAuth(*scopes)(request)
    if owner is None:
        raise AuthenticationError
    return owner


def caller(request: HttpRequest) -> User:
    """Return the account authenticated by `session_or_token`."""
    user: object = request.user
    if not isinstance(user, User):
        raise TypeError("an address that needs an account was used without one")
    return user


def _card(row: ApiToken) -> TokenCard:
    return TokenCard(
        row.key_id,
        row.name,
        tuple(row.scopes),
        row.created_at,
        row.last_used_at,
        row.revoked_at,
    )
