"""Settings of allauth that need code."""

from __future__ import annotations

from math import ceil
from typing import Any, Final

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from madang.apps.accounts.backends import find_account
from madang.apps.accounts.models import User
from madang.apps.accounts.sign_in_limits import Attempt
from madang.base.addresses import neighbourhood
from madang.infra.clock import SYSTEM_CLOCK, Clock

KNOWN_COOKIE: Final = "madang_known"
"""Signed cookie with the id of the account that last signed in in a browser."""

_KNOWN_SECONDS: Final = 365 * 86_400


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Adapter without self-registration, and with the station's own limits of sign-in, which count
    by `clock`."""

    clock: Clock = SYSTEM_CLOCK

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return False: `madang user create` and the admin pages make accounts."""
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count an attempt. Raises ImmediateHttpResponse with status 429."""
        if wait := self._attempt(request, credentials).begin():
            response = render(request, "429.html", {"minutes": ceil(wait / 60)}, status=429)
            response["Retry-After"] = str(wait)
            response["Cache-Control"] = "no-store"
            raise ImmediateHttpResponse(response)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Count a wrong password."""
        self._attempt(request, credentials).failed()

    def post_login(self, request: HttpRequest, user: User, **more: Any) -> HttpResponse:
        """Remember in the browser whose it is."""
        response: HttpResponse = super().post_login(request, user, **more)
        response.set_signed_cookie(
            KNOWN_COOKIE,
            str(user.pk),
            max_age=_KNOWN_SECONDS,
            httponly=True,
            samesite="Lax",
            secure=request.is_secure(),
        )
        return response

    def _attempt(self, request: HttpRequest, credentials: dict[str, Any]) -> Attempt:
        login = credentials.get("email") or credentials.get("username") or ""
        known = request.get_signed_cookie(KNOWN_COOKIE, "", max_age=_KNOWN_SECONDS) or ""
        if known:
            user = find_account(login)
            known = known if user is not None and str(user.pk) == known else ""
        # The HTTP server puts the client's own address there, also behind a proxy.
        return Attempt(login, neighbourhood(request.META["REMOTE_ADDR"]), known, self.clock.wall())
