"""Settings of allauth that need code."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Adapter without self-registration."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return False: `madang user create` and the admin pages make accounts."""
        return False
