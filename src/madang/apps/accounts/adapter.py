"""What this station decides about signing in, where allauth asks."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Accounts are made by an administrator, not by whoever comes along."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never: `madang user create` or the admin pages make accounts."""
        return False
