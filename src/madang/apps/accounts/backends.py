"""Authentication by name or e-mail address, in the time of one hash whoever is asked for."""

from __future__ import annotations

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from madang.apps.accounts.models import User, normalize_name


def find_account(login: str) -> User | None:
    """Return the account with this name or e-mail address: names have no `@`."""
    if "@" in login:
        return User.objects.filter(email__iexact=login).first()
    return User.objects.filter(name__iexact=normalize_name(login)).first()


class AccountBackend(AuthenticationBackend):  # type: ignore[misc]  # allauth has no types
    """Backend that looks an account up once and hashes the password once.

    allauth's own tries a mail address as a name and as an address, with a hash for each where it
    belongs to an account, and one where it does not. Its path stays in the settings for sessions of
    before, so this one says the last word.
    """

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        """Return the account. Raises PermissionDenied for wrong credentials."""
        user: User | None = super().authenticate(request, **credentials)
        if user is None:
            raise PermissionDenied
        return user

    def _authenticate(self, _request: HttpRequest | None, **credentials: Any) -> User | None:
        login = credentials.get("email") or credentials.get("username") or ""
        found: User | None = self._check_password(find_account(login), credentials["password"])
        return found
