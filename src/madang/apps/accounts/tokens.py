"""API tokens: what a program shows in place of a person's session.

A token is made like a stream key (`madang.apps.channels.keys`) and, like one, readable only once.
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
from ninja.security import HttpBearer, SessionAuth

from madang.apps.accounts.errors import NoSuchToken, UnfitToken
from madang.apps.accounts.models import ApiToken, User
from madang.apps.accounts.signals import tell_when_done
from madang.apps.channels import keys

SCOPES: Final = {
    "chat": "write in chats, and moderate where the account may",
    "read": "read what the account may read",
}
NAME_LENGTH: Final = 60
MOST: Final = 50
"""Tokens in force of one account."""

_AT_ONCE: Final = 500
"""Ids in one query: SQLite takes a bounded number of values."""

_SEEN_EVERY: Final = timedelta(minutes=5)
"""How exactly the last use is known: a write for each request would cost more than the request."""


@dataclass(frozen=True, slots=True)
class TokenCard:
    """What may be shown of a token after the first time. Instants are UTC."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@transaction.atomic
def create(user: User, name: str, scopes: Sequence[str]) -> tuple[TokenCard, str]:
    """Make a token of an account; the second value is the token itself, readable only now.

    Raises UnfitToken.
    """
    unknown = set(scopes) - set(SCOPES)
    if unknown or not scopes:
        raise UnfitToken(
            format_lazy(_("A token needs scopes out of: {scopes}."), scopes=", ".join(SCOPES))
        )
    if not 1 <= len(name.strip()) <= NAME_LENGTH:
        raise UnfitToken(
            format_lazy(_("A token has a name of up to {most} characters."), most=NAME_LENGTH)
        )
    if user.tokens.filter(revoked_at=None).count() >= MOST:
        raise UnfitToken(
            format_lazy(_("There are {most} tokens already."), most=MOST),
            mend=_("Revoke one first."),
        )
    made = keys.new_key()
    row = ApiToken.objects.create(
        user=user,
        name=name.strip(),
        scopes=sorted(set(scopes)),
        key_id=made.key_id,
        secret_hash=keys.hashed(made.secret),
    )
    return _card(row), str(made)


def tokens_of(user: User) -> list[TokenCard]:
    """Every token of an account, the newest first."""
    return [_card(row) for row in user.tokens.all()]


def revoke(user: User, token_id: str) -> None:
    """Make a token open nothing any more. Raises NoSuchToken."""
    changed = user.tokens.filter(key_id=token_id, revoked_at=None).update(revoked_at=timezone.now())
    if not changed:
        raise NoSuchToken(format_lazy(_("There is no token {token} in force."), token=token_id))
    tell_when_done(user.pk)


def holder(text: str, scope: str) -> User | None:
    """The account whose token `text` is, where it is in force and has the scope."""
    spelled = keys.parse(text)
    if spelled is None:
        return None
    row = (
        ApiToken.objects.select_related("user")
        .filter(key_id=spelled.key_id, revoked_at=None, user__is_active=True)
        .first()
    )
    if not keys.opens(spelled.secret, row.secret_hash if row is not None else None):
        return None
    if row is None or scope not in row.scopes:
        return None
    now = timezone.now()
    if row.last_used_at is None or now - row.last_used_at > _SEEN_EVERY:
        ApiToken.objects.filter(pk=row.pk).update(last_used_at=now)
    return row.user


def token_id(text: str) -> str:
    """The id of the token `text`, empty where it is none: what may be kept of one."""
    spelled = keys.parse(text)
    return spelled.key_id if spelled is not None else ""


def in_force(token_ids: Collection[str], scope: str) -> Mapping[str, User]:
    """The accounts of those of these tokens that are still in force and have the scope, by id."""
    ids = list(token_ids)
    found: dict[str, User] = {}
    for at in range(0, len(ids), _AT_ONCE):
        rows = ApiToken.objects.select_related("user").filter(
            key_id__in=ids[at : at + _AT_ONCE], revoked_at=None, user__is_active=True
        )
        found |= {row.key_id: row.user for row in rows if scope in row.scopes}
    return found


class TokenAuth(HttpBearer):
    """Lets the holder of a token with one scope use an address of the API."""

    def __init__(self, scope: str) -> None:
        super().__init__()
        self._scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        """The account, which the request then belongs to."""
        user = holder(token, self._scope)
        if user is not None:
            request.user = user
        return user


class PersonAuth(SessionAuth):
    """Lets somebody who has signed in use an address of the API, from the station's own pages."""

    def __call__(self, request: HttpRequest) -> User | None:
        """The account behind the session; nobody where a token was shown, and was not in force:
        a program is to hear that, not that its form lacks a mark."""
        if "Authorization" in request.headers:
            return None
        user: User | None = super().__call__(request)
        return user

    def authenticate(self, request: HttpRequest, key: str | None) -> User | None:
        """The account behind the session."""
        user: object = request.user
        return user if isinstance(user, User) and user.is_active else None


def session_or_token(scope: str) -> list[SessionAuth | HttpBearer]:
    """Who may use an address: somebody signed in, or the holder of a token with `scope`."""
    return [TokenAuth(scope), PersonAuth(csrf=True)]


def caller(request: HttpRequest) -> User:
    """The account that `session_or_token` has let in."""
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
